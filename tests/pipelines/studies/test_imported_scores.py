from decimal import Decimal

import numpy as np
import pytest

from asl.pipelines.studies.imported_scores import import_study, resolution


def written(values, digits: int) -> list[Decimal]:
    return [Decimal(f"{value:.{digits}f}") for value in values]


@pytest.mark.parametrize(("whole", "digits"), [(100, 2), (100, 1), (1, 4), (1, 16)])
def test_the_number_of_test_clips_is_found_in_the_scores(whole, digits):
    right = np.array([24, 27, 22, 25, 28, 31])
    assert resolution(written(whole * right / 46, digits)) == pytest.approx(whole / 46)


def test_the_step_is_a_clip_of_the_fewest_that_fit():
    assert resolution(written([50, 100, 0], 2)) == 50
    assert resolution(written([12.5, 87.5], 1)) == 12.5


def test_few_scores_with_few_decimals_fit_too_much():
    assert resolution(written([50, 52, 61, 66], 0)) == 1
    assert resolution(written([0.5, 0.52, 0.61], 2)) == 0.01


def test_scores_that_are_no_shares_have_no_step():
    assert resolution(written(np.random.default_rng(0).uniform(0, 100, 8), 12)) == 0
    assert resolution([Decimal("1e-30"), Decimal("0.37193461871")]) == 0


@pytest.mark.parametrize("seeds", [["²", "1", "2"], ["--1", "0", "-1"]])
def test_any_text_may_name_a_seed(tmp_path, seeds):
    rows = [f"{name},{seed},{50 + number}" for name in "ab" for number, seed in enumerate(seeds)]
    (tmp_path / "t.csv").write_text("condition,seed,score\n" + "\n".join(rows) + "\n", encoding="utf-8")
    study = import_study(tmp_path / "t.csv", tmp_path / "t.html")
    assert study.results["seeds"][-1] == seeds[0], "numbers come first"
