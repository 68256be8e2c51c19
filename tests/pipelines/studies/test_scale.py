import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.pipelines.studies.power_laws import fit
from asl.pipelines.studies.scale import published_top_1, recommendation, vocabulary_sizes
from asl.pipelines.studies.scale_report import accuracy_figure, costs_figure, data_figure
from asl.pipelines.workspace.errors import BadInput


@given(st.floats(-1.5, 1.5), st.floats(0.5, 50))
def test_a_power_law_is_recovered(exponent, factor):
    x = [10, 20, 50, 100]
    law = fit(x, [factor * size**exponent for size in x])
    assert law.exponent == pytest.approx(exponent, abs=1e-6)
    assert law.factor == pytest.approx(factor, rel=1e-6)
    assert law.doubled[:2] == pytest.approx((200, factor * 200**exponent), rel=1e-6)


def test_the_interval_of_an_exponent_has_its_nominal_coverage():
    rng = np.random.default_rng(0)
    x = np.repeat([10, 20, 50, 100, 200], 2)
    covered = 0
    for _ in range(400):
        law = fit(x, 80 * x**-0.3 * np.exp(rng.normal(0, 0.1, len(x))))
        covered += law.low <= -0.3 <= law.high
    assert 0.92 <= covered / 400 <= 0.98


def test_a_law_needs_three_sizes():
    assert fit([10, 20, 20], [3, 2, 2]) is None
    assert fit([10, 20, 50], [3, 0, 2]) is None


def rows(**top_1):
    return [{"size": int(size[1:]), "top_1": value} for size, value in top_1.items()]


def test_the_decision_rule_in_words():
    assert "stage 3" in recommendation(rows(n500=15.0), None)
    assert "bottlenecks" in recommendation(rows(n500=14.9), None)
    assert "fundamentals" in recommendation(rows(n500=7.9), None)
    assert "too small" in recommendation(rows(n50=70.0), None)
    law = fit([100, 200, 300], [40 * (n / 100) ** -0.5 for n in (100, 200, 300)])
    assert "predicts a top-1 accuracy of 17.9 % at 500 signs" in recommendation(rows(n100=40.0, n200=28.3, n300=23.1), law)


def test_sizes_stay_within_the_data():
    assert vocabulary_sizes([], 60, 2) == [10, 20, 50, 60]
    assert vocabulary_sizes([20, 10, 10], 60, 2) == [10, 20]
    for requested in ([1], [61]):
        with pytest.raises(BadInput):
            vocabulary_sizes(requested, 60, 2)


def test_published_figures_need_the_official_test_clips():
    official = [{"size": 100, "test_clips": 258}]
    assert published_top_1(official, "given", "test")["Pose-GRU"] == {100: 46.5}
    assert published_top_1(official, "group", "test") == {}
    assert published_top_1([{"size": 100, "test_clips": 774}], "given", "test") == {}


def test_axes_of_the_plots_start_where_they_should():
    size_rows = [
        {"size": size, "top_1": top_1, "top_5": 90, "top_10": 95, "top_1_interval": [top_1, top_1], "scores": [top_1],
         "train_seconds": seconds, "memory_mb": 900 + size, "clips_a_gloss": size // 10}
        for size, top_1, seconds in ((10, 80.0, 2.0), (100, 60.0, 50.0))
    ]  # fmt: skip
    results = {"vocabulary": size_rows, "data": size_rows, "laws": {}, "published": {}}
    accuracy, error = accuracy_figure(results).axes[0], data_figure(results).axes[0]
    seconds, memory = costs_figure(results).axes
    assert all(axes.get_xscale() == "log" for axes in (accuracy, error, seconds, memory))
    assert all(axes.get_ylim()[0] == 0 for axes in (accuracy, error, memory))
    assert seconds.get_yscale() == "log", "it grows 25 times"
    assert [text.get_text() for text in accuracy.get_xticklabels()] == ["10", "100"]
