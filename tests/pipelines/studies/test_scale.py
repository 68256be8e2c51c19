import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.pipelines.studies.power_laws import fit
from asl.pipelines.studies.scale import published, recommendation, sizes
from asl.pipelines.workspace.errors import BadInput


@given(st.floats(-1.5, 1.5), st.floats(0.5, 50))
def test_a_power_law_is_found_again(exponent, factor):
    x = [10, 20, 50, 100]
    law = fit(x, [factor * one**exponent for one in x])
    assert law.exponent == pytest.approx(exponent, abs=1e-6)
    assert law.factor == pytest.approx(factor, rel=1e-6)
    assert law.doubled[:2] == pytest.approx((200, factor * 200**exponent), rel=1e-6)


def test_the_interval_of_an_exponent_holds_as_often_as_it_says():
    rng = np.random.default_rng(0)
    x = np.repeat([10, 20, 50, 100, 200], 2)
    held = 0
    for _ in range(400):
        law = fit(x, 80 * x**-0.3 * np.exp(rng.normal(0, 0.1, len(x))))
        held += law.low <= -0.3 <= law.high
    assert 0.92 <= held / 400 <= 0.98


def test_two_sizes_make_no_law():
    assert fit([10, 20, 20], [3, 2, 2]) is None
    assert fit([10, 20, 50], [3, 0, 2]) is None


def rows(**top):
    return [{"size": int(size[1:]), "top_1": value} for size, value in top.items()]


def test_the_decision_rule_in_words():
    assert "stage 3" in recommendation(rows(n500=15.0), None)
    assert "bottlenecks" in recommendation(rows(n500=14.9), None)
    assert "fundamentals" in recommendation(rows(n500=7.9), None)
    assert "too few" in recommendation(rows(n50=70.0), None)
    law = fit([100, 200, 300], [40 * (n / 100) ** -0.5 for n in (100, 200, 300)])
    assert "gives 17.9 % at 500" in recommendation(rows(n100=40.0, n200=28.3, n300=23.1), law)


def test_sizes_stay_within_the_data():
    assert sizes([], 60, 2) == [10, 20, 50, 60]
    assert sizes([20, 10, 10], 60, 2) == [10, 20]
    for wanted in ([1], [61]):
        with pytest.raises(BadInput):
            sizes(wanted, 60, 2)


def test_published_figures_only_beside_the_official_test():
    official = [{"size": 100, "test_clips": 258}]
    assert published(official, "given", "test")["Pose-GRU"] == {100: 46.5}
    assert published(official, "group", "test") == published([{"size": 100, "test_clips": 774}], "given", "test") == {}
