"""The statistics against SciPy, statsmodels, and every arrangement counted by hand."""

import gc
import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttest_ind

from asl.pipelines.studies.comparison import (
    bootstrap_over_seeds,
    compare,
    hedges_factor,
    holm,
    least_effect,
    power_of,
    stars,
    verdict,
)
from asl.pipelines.workspace.errors import BadInput

PUBLISHED = ((56.52, 69.57, 58.70), (58.70, 54.35, 58.70))
SCORES = st.lists(st.integers(0, 1000).map(lambda n: n / 10), min_size=3, max_size=7)


def pairs(size: int = 7):
    return st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=3, max_size=size).map(
        lambda rows: tuple(np.array(rows, dtype=float).T / 10)
    )


def spread(*samples) -> bool:
    return all(np.ptp(one) > 0 for one in samples)


@given(SCORES, SCORES)
def test_two_samples_as_statsmodels_has_them(a, b):
    if not spread(a, b):
        return
    found = compare("a", "b", (a, b), paired=False)
    for name, usevar in (("student", "pooled"), ("welch", "unequal")):
        t, p, df = ttest_ind(b, a, usevar=usevar)
        assert [found.tests[name].statistic, found.tests[name].p, found.tests[name].df] == pytest.approx(
            [t, p, df], rel=1e-9, abs=1e-9
        )
    low, high = CompareMeans(DescrStatsW(b), DescrStatsW(a)).tconfint_diff(usevar="unequal")
    assert [found.interval.low, found.interval.high] == pytest.approx([low, high], rel=1e-9, abs=1e-9)


@given(pairs())
def test_pairs_as_statsmodels_and_scipy_have_them(scores):
    a, b = scores
    if not spread(b - a):
        return
    found = compare("a", "b", scores, paired=True)
    t, p, df = DescrStatsW(b - a).ttest_mean(0)
    assert [found.tests["paired"].statistic, found.tests["paired"].p, found.tests["paired"].df] == pytest.approx(
        [t, p, df], abs=1e-9
    )
    assert [found.interval.low, found.interval.high] == pytest.approx(DescrStatsW(b - a).tconfint_mean(), rel=1e-9, abs=1e-9)
    assert found.tests["wilcoxon"].p == pytest.approx(stats.wilcoxon(b - a).pvalue, abs=1e-9)


@given(pairs(6))
def test_the_exact_test_of_pairs_counts_every_sign(scores):
    a, b = scores
    d = b - a
    found = compare("a", "b", scores, paired=True)
    sums = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=len(d))]
    assert found.tests["permutation"].p == pytest.approx(np.mean([one >= abs(d.sum()) - 1e-9 for one in sums]), abs=1e-9)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=4), st.lists(st.integers(0, 30), min_size=2, max_size=4))
def test_the_exact_test_of_two_samples_counts_every_share_out(a, b):
    found = compare("a", "b", (a, b), paired=False)
    every, seen = np.array([*a, *b], dtype=float), np.mean(b) - np.mean(a)
    moved = []
    for chosen in combinations(range(len(every)), len(b)):
        mask = np.zeros(len(every), dtype=bool)
        mask[list(chosen)] = True
        moved.append(every[mask].mean() - every[~mask].mean())
    # Two-sided as SciPy means it: twice the smaller side.
    sides = [np.mean([one <= seen + 1e-9 for one in moved]), np.mean([one >= seen - 1e-9 for one in moved])]
    assert found.tests["permutation"].p == pytest.approx(min(1.0, 2 * min(sides)), abs=1e-9)


@pytest.fixture(scope="module")
def little_garbage():
    """statsmodels collects garbage each time, which takes long where much has been imported."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_garbage")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_as_statsmodels_has_it(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-12)


@settings(max_examples=30)
@given(st.integers(3, 12), st.floats(0.2, 1.2))
def test_power_as_statsmodels_has_it(count, effect):
    own = power_of(effect * math.sqrt(count), count - 1)
    assert own == pytest.approx(TTestPower().power(effect, count, 0.05), abs=1e-9)
    two = power_of(effect * math.sqrt(count / 2), 2 * count - 2)
    assert two == pytest.approx(TTestIndPower().power(effect, count, 0.05), abs=1e-9)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_what_could_have_been_found_is_found_four_times_in_five(count):
    least = least_effect(2.0 / math.sqrt(count), count - 1)
    assert TTestPower().power(least / 2.0, count, 0.05) == pytest.approx(0.8, abs=1e-9)
    rng = np.random.default_rng(0)
    rejected = stats.ttest_1samp(rng.normal(least, 2.0, (20_000, count)), 0, axis=1).pvalue < 0.05
    assert rejected.mean() == pytest.approx(0.8, abs=0.01)


def test_effect_sizes_by_their_formulas():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 6.0, 9.0])
    found = compare("a", "b", (a, b), paired=False)
    pooled = math.sqrt((2 * a.var(ddof=1) + 3 * b.var(ddof=1)) / 5)
    assert found.cohen_d == pytest.approx((b.mean() - a.mean()) / pooled, abs=1e-12)
    assert found.hedges_g == pytest.approx(found.cohen_d * math.gamma(2.5) / (math.sqrt(2.5) * math.gamma(2)), abs=1e-12)
    assert hedges_factor(50) == pytest.approx(1 - 3 / (4 * 50 - 1), abs=1e-4)


def test_the_published_seeds():
    found = compare("baseline", "pre-trained", PUBLISHED, paired=False)
    assert abs(found.tests["student"].statistic) == pytest.approx(1.01, abs=0.005)
    assert found.tests["student"].p == pytest.approx(0.37, abs=0.005)
    assert found.tests["welch"].p == pytest.approx(stats.ttest_ind(*PUBLISHED, equal_var=False).pvalue, abs=1e-9)
    said = verdict(found)
    assert said.startswith("No effect shown")
    assert "three seeds could only have found a difference of" in said
    assert "cannot go below p = 0.1" in said


def test_an_effect_is_said_with_its_direction():
    scores = ((50, 51, 52, 53, 52), (60, 62, 61, 64, 61))
    assert verdict(compare("a", "b", scores, paired=True)).startswith("b is better than a: +10.0 points")
    assert verdict(compare("a", "b", scores, paired=True), better="lower").startswith("b is worse than a")


def test_where_nothing_differs_nothing_is_found():
    found = compare("a", "b", ((5, 5, 5), (5, 5, 5)), paired=True)
    assert {one.p for one in found.tests.values()} == {1.0}
    assert (found.difference, found.cohen_d, found.interval.low) == (0, 0, 0)
    shifted = compare("a", "b", ((5, 5, 5), (7, 7, 7)), paired=True)
    assert shifted.tests["paired"].p == 0
    assert shifted.cohen_d == math.inf


@pytest.mark.parametrize(
    ("scores", "said"),
    [(((1.0,), (2.0,)), "has 1 seed"), (((1, 2), (1, 2, 3)), "2 seeds"), (((1, math.nan), (1, 2)), "not numbers")],
)
def test_what_no_test_can_judge_is_refused(scores, said):
    with pytest.raises(BadInput, match=said):
        compare("a", "b", scores, paired=True)


def test_stars():
    assert [stars(p) for p in (0.2, 0.05, 0.049, 0.0099, 0.0009)] == ["n.s.", "n.s.", "*", "**", "***"]


def test_the_bootstrap_draws_seeds_and_clips():
    rng = np.random.default_rng(1)
    seeds, clips = rng.normal(0, 3, (6, 1)), rng.normal(2, 4, (1, 80))
    found = bootstrap_over_seeds(seeds + clips)
    drawn = np.random.default_rng(2)
    values = [(seeds + clips)[np.ix_(drawn.integers(0, 6, 6), drawn.integers(0, 80, 80))].mean() for _ in range(4000)]
    assert [found.low, found.high] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=0.25)
    assert found.value == pytest.approx((seeds + clips).mean())
    assert bootstrap_over_seeds(np.full((3, 5), 2.0)).low == pytest.approx(2.0)
