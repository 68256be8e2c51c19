from dataclasses import asdict

import pytest

from asl.pipelines.deployment.bundle_card import accuracy_by_checks
from asl.pipelines.deployment.bundle_checks import CheckedOn


@pytest.mark.parametrize(
    ("checked", "said"),
    [
        (CheckedOn(8, "test", "group", 8), "top-1 25.0 % of 8 clips of one sign of the test split of its workspace"),
        (CheckedOn(9, "validation", "random", 5), "(split by random), by which the epoch was chosen"),
        (CheckedOn(8, "test", "group", 8, synthetic=True), "all are synthetic: no accuracy on ASL"),
        (CheckedOn(8, "train", "group", 8), "not measured on clips outside the training data"),
        (CheckedOn(4, noise=True), "not measured on clips outside the training data"),
    ],
)  # fmt: skip
def test_a_card_says_what_the_checks_measured_and_on_which_clips(checked, said):
    assert said in accuracy_by_checks({"checked": asdict(checked), "checks": [{"top_1": 0.25}]})


@pytest.mark.parametrize(
    ("model", "chosen"),
    [
        ({"training": {"average": 0.25}, "metrics": {"kept_epoch": 40, "epochs": 40}}, "settings may have been"),
        ({"training": {"average": 0.25}, "metrics": {"kept_epoch": 20, "epochs": 25}}, "the epoch was"),
        ({"training": {"average": 0.0}, "metrics": {"kept_epoch": 40, "epochs": 40}}, "the epoch was"),
        ({"stage": "train-stage3", "training": {}}, "settings may have been"),
    ],
)
def test_the_validation_split_of_an_averaged_model_chose_no_epoch(model, chosen):
    card = {"checked": asdict(CheckedOn(9, "validation", "group", 5)), "checks": [{"top_1": 0.25}]} | model
    assert f"split by group), by which {chosen} chosen" in accuracy_by_checks(card)


def test_a_card_says_so_if_the_checks_measured_nothing():
    assert "not measured" in accuracy_by_checks({"checked": asdict(CheckedOn(8, "test", "group")), "checks": [{"top_1": None}]})
    assert "not measured" in accuracy_by_checks({})


def test_what_was_checked_in_words():
    assert CheckedOn(8, "test", "group", 8).text == "8 clips of the test split (split by group)"
    assert CheckedOn(9, "test", "group", 5).text == "9 clips of the test split (split by group), 5 of one sign"
    assert CheckedOn(3, "train", "?", 3, synthetic=True).text == "3 synthetic clips of the train split (split by ?)"
    assert CheckedOn(3).text == "3 clips without labels"
    assert CheckedOn(4, noise=True).text == "4 clips of noise"
