"""The statistics, checked against SciPy, statsmodels and explicit enumeration."""

import gc
import math
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW, ttest_ind

from asl.pipelines.studies.ablate import record
from asl.pipelines.studies.ablation_report import verdict
from asl.pipelines.studies.comparison import (
    compare,
    hedges_factor,
    holm,
    least_effect,
    power_of,
    stars,
)
from asl.pipelines.studies.study import METRICS
from asl.pipelines.workspace.errors import BadInput

PUBLISHED = ((56.52, 69.57, 58.70), (58.70, 54.35, 58.70))
SCORES = st.lists(st.integers(0, 1000).map(lambda n: n / 10), min_size=3, max_size=7)


def pairs(size: int = 7):
    return st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=3, max_size=size).map(
        lambda rows: tuple(np.array(rows, dtype=float).T / 10)
    )


def spread(*samples) -> bool:
    return all(np.ptp(sample) > 0 for sample in samples)


@given(SCORES, SCORES)
def test_independent_samples_agree_with_statsmodels(a, b):
    if not spread(a, b):
        return
    comparison = compare("a", "b", (a, b), paired=False)
    for name, usevar in (("student", "pooled"), ("welch", "unequal")):
        t, p, df = ttest_ind(b, a, usevar=usevar)
        assert [comparison.tests[name].statistic, comparison.tests[name].p, comparison.tests[name].df] == pytest.approx(
            [t, p, df], rel=1e-9, abs=1e-9
        )
    low, high = CompareMeans(DescrStatsW(b), DescrStatsW(a)).tconfint_diff(usevar="unequal")
    assert [comparison.interval.low, comparison.interval.high] == pytest.approx([low, high], rel=1e-9, abs=1e-9)


@given(pairs())
def test_paired_samples_agree_with_statsmodels_and_scipy(scores):
    a, b = scores
    if not spread(b - a):
        return
    comparison = compare("a", "b", scores, paired=True)
    t, p, df = DescrStatsW(b - a).ttest_mean(0)
    assert [comparison.tests["paired"].statistic, comparison.tests["paired"].p, comparison.tests["paired"].df] == pytest.approx(
        [t, p, df], abs=1e-9
    )
    assert [comparison.interval.low, comparison.interval.high] == pytest.approx(
        DescrStatsW(b - a).tconfint_mean(), rel=1e-9, abs=1e-9
    )
    # Rounded, so that differences that are equal but for their last bits share a rank.
    assert comparison.tests["wilcoxon"].p == pytest.approx(stats.wilcoxon(np.round(b - a, 6)).pvalue, abs=1e-9)


@given(pairs(6))
def test_the_paired_exact_test_enumerates_every_sign(scores):
    a, b = scores
    d = b - a
    comparison = compare("a", "b", scores, paired=True)
    sums = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=len(d))]
    assert comparison.tests["permutation"].p == pytest.approx(np.mean([total >= abs(d.sum()) - 1e-9 for total in sums]), abs=1e-9)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=4), st.lists(st.integers(0, 30), min_size=2, max_size=4))
def test_the_independent_exact_test_enumerates_every_partition(a, b):
    comparison = compare("a", "b", (a, b), paired=False)
    pooled, observed = np.array([*a, *b], dtype=float), np.mean(b) - np.mean(a)
    differences = []
    for indices in combinations(range(len(pooled)), len(b)):
        mask = np.zeros(len(pooled), dtype=bool)
        mask[list(indices)] = True
        differences.append(pooled[mask].mean() - pooled[~mask].mean())
    # Two-sided as SciPy defines it: twice the smaller tail.
    tails = [np.mean([d <= observed + 1e-9 for d in differences]), np.mean([d >= observed - 1e-9 for d in differences])]
    assert comparison.tests["permutation"].p == pytest.approx(min(1.0, 2 * min(tails)), abs=1e-9)


@pytest.mark.parametrize(
    ("gained", "clips", "p"),
    [([0, 1, -1, -1, 2, -1], 300, 1.0), ([1, -1, 2, -1], 137, 1.0), ([1, 2, 2, 2, -1, -1, 0], 137, 0.3125)],
)
def test_arrangements_that_are_as_extreme_but_for_rounding_count(gained, clips, p):
    """Shares of clips add up to slightly different floating-point numbers in each order. SciPy's tolerance misses some."""
    for first in range(60, 90):
        right = np.arange(first, first + len(gained))
        shares = 100 * right / clips, 100 * (right + gained) / clips
        assert compare("a", "b", shares, paired=True).tests["permutation"].p == pytest.approx(p)


def test_equal_differences_share_a_rank_but_for_rounding():
    right, gained = np.array([181, 183, 190, 184, 187, 181]), np.array([1, -1, 2, 2, -1, 3])
    shares = compare("a", "b", (100 * right / 300, 100 * (right + gained) / 300), paired=True)
    counts = compare("a", "b", (right, right + gained), paired=True)
    assert shares.tests["wilcoxon"].p == counts.tests["wilcoxon"].p
    assert shares.tests["wilcoxon"].statistic == counts.tests["wilcoxon"].statistic


@pytest.fixture(scope="module")
def frozen_garbage():
    """statsmodels runs the garbage collector on every call, which is slow once many modules are imported."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("frozen_garbage")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_agrees_with_statsmodels(p):
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-12)


@settings(max_examples=30)
@given(st.integers(3, 12), st.floats(0.2, 1.2))
def test_power_agrees_with_statsmodels(count, effect):
    paired = power_of(effect * math.sqrt(count), count - 1)
    assert paired == pytest.approx(TTestPower().power(effect, count, 0.05), abs=1e-9)
    independent = power_of(effect * math.sqrt(count / 2), 2 * count - 2)
    assert independent == pytest.approx(TTestIndPower().power(effect, count, 0.05), abs=1e-9)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_the_smallest_detectable_effect_has_80_percent_power(count):
    least = least_effect(2.0 / math.sqrt(count), count - 1)
    assert TTestPower().power(least / 2.0, count, 0.05) == pytest.approx(0.8, abs=1e-9)
    rng = np.random.default_rng(0)
    rejected = stats.ttest_1samp(rng.normal(least, 2.0, (20_000, count)), 0, axis=1).pvalue < 0.05
    assert rejected.mean() == pytest.approx(0.8, abs=0.01)


def test_effect_sizes_follow_their_formulas():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 6.0, 9.0])
    comparison = compare("a", "b", (a, b), paired=False)
    pooled = math.sqrt((2 * a.var(ddof=1) + 3 * b.var(ddof=1)) / 5)
    assert comparison.cohen_d == pytest.approx((b.mean() - a.mean()) / pooled, abs=1e-12)
    assert comparison.hedges_g == pytest.approx(
        comparison.cohen_d * math.gamma(2.5) / (math.sqrt(2.5) * math.gamma(2)), abs=1e-12
    )
    assert hedges_factor(50) == pytest.approx(1 - 3 / (4 * 50 - 1), abs=1e-4)


def test_the_published_seeds():
    comparison = compare("baseline", "pre-trained", PUBLISHED, paired=False)
    assert abs(comparison.tests["student"].statistic) == pytest.approx(1.01, abs=0.005)
    assert comparison.tests["student"].p == pytest.approx(0.37, abs=0.005)
    assert comparison.tests["welch"].p == pytest.approx(stats.ttest_ind(*PUBLISHED, equal_var=False).pvalue, abs=1e-9)
    text = verdict(comparison)
    assert text.startswith("Too few seeds to show an effect: pre-trained vs baseline ")
    assert "With three seeds it cannot give less than 0.1, however large the effect." in text
    assert text.endswith("Use at least four seeds.")


def test_a_null_result_comes_with_its_power():
    text = verdict(compare("a", "b", ((50, 61, 52, 53, 62, 50), (60, 52, 51, 64, 51, 61)), paired=True))
    assert text.startswith("No effect detected: b vs a +1.8 points")
    assert "With six seeds, 80 % power is reached only for differences of " in text


def test_a_significant_verdict_names_the_direction():
    scores = ((50, 51, 52, 53, 52, 50), (60, 62, 61, 64, 61, 61))
    assert verdict(compare("a", "b", scores, paired=True)).startswith("b is better than a: +10.2 points")
    assert verdict(compare("a", "b", scores, paired=True), better="lower").startswith("b is worse than a")


def test_identical_scores_give_no_effect():
    comparison = compare("a", "b", ((5, 5, 5), (5, 5, 5)), paired=True)
    assert {result.p for result in comparison.tests.values()} == {1.0}
    assert (comparison.difference, comparison.cohen_d, comparison.interval) == (0, 0, None)


CLIP = 100 / 46


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1] * 3, 0.25),
        ([1] * 5, 0.0625),
        ([1] * 8, 0.0078125),
        ([1, 1, 1, 1, 1, 0], 0.0625),
        ([0, 0, 0, 0, 0, 1, 0], 1.0),
    ],
)
def test_where_differences_vary_by_less_than_a_clip_the_exact_test_decides(differences, p):
    baseline = CLIP * np.array([24, 27, 22, 30, 25, 21, 28, 26])[: len(differences)]
    comparison = compare("a", "b", (baseline, baseline + CLIP * np.array(differences)), paired=True, resolution=CLIP)
    assert "paired" not in comparison.tests
    assert comparison.primary == "permutation"
    assert comparison.p == pytest.approx(p)
    assert comparison.interval is None
    assert comparison.detectable is None
    assert "the differences vary by less than one test clip can move a score" in verdict(comparison)
    assert "by less than one word can move" in record(comparison, METRICS["wer"])["verdict"]


def test_equal_differences_need_no_resolution_to_be_seen():
    # In floating point these differences are not quite equal: t is then 1e13, not infinite.
    baseline = np.array([52.17391304347826, 58.69565217391305, 47.82608695652174, 60.86956521739131, 54.3478, 41.30434])
    comparison = compare("a", "b", (baseline, baseline + 100 / 46), paired=True)
    assert "paired" not in comparison.tests
    assert (comparison.primary, comparison.p) == ("permutation", 0.03125)


def test_unpaired_scores_that_hardly_vary_are_left_to_the_exact_test():
    comparison = compare("a", "b", ((50, 50, 50, 50), (52, 52, 52, 54)), paired=False, resolution=2)
    assert set(comparison.tests) == {"permutation"}
    assert comparison.stars == "*"
    assert "exact permutation test" in verdict(comparison)


@given(pairs(5), st.sampled_from([0.0, 0.1, 2.0]), st.booleans())
def test_no_stars_where_the_exact_test_could_never_agree(scores, resolution, paired):
    comparison = compare("a", "b", scores, paired=paired, resolution=resolution)
    if comparison.least_p >= 0.05 or len(scores[0]) < 3:
        assert comparison.stars == "n.s."
        assert verdict(comparison).startswith("Too few seeds to show an effect")


@pytest.mark.parametrize("paired", [True, False])
def test_two_seeds_show_nothing(paired):
    many = tuple(range(50, 90)) if not paired else (90, 91)
    comparison = compare("a", "b", ((1, 2), many), paired=paired)
    assert comparison.primary == "permutation"
    assert comparison.stars == "n.s."
    assert verdict(comparison).startswith("Too few seeds to show an effect")


def test_more_comparisons_need_more_seeds():
    """Six seeds give at least p = 0.03; of three comparisons, Holm's correction takes that to 0.09."""
    scores = ((50, 51, 52, 53, 52, 50), (60, 62, 61, 64, 61, 61))
    assert compare("a", "b", scores, paired=True).primary == "paired"
    of_three = compare("a", "b", scores, paired=True, comparisons=3)
    assert of_three.primary == "permutation"
    of_three = replace(of_three, p_holm=3 * of_three.p)
    assert "it cannot give less than 0.031 (0.094 after Holm correction)" in verdict(of_three)
    assert "Use at least seven seeds" in verdict(of_three)


@pytest.mark.parametrize(
    ("scores", "message"),
    [(((1.0,), (2.0,)), "has 1 seed"), (((1, 2), (1, 2, 3)), "2 seeds"), (((1, math.nan), (1, 2)), "not finite numbers")],
)
def test_scores_that_cannot_be_tested_are_refused(scores, message):
    with pytest.raises(BadInput, match=message):
        compare("a", "b", scores, paired=True)


def test_stars():
    assert [stars(p) for p in (0.2, 0.05, 0.049, 0.0099, 0.0009)] == ["n.s.", "n.s.", "*", "**", "***"]
