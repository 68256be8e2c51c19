import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.models.features.feature_sets import FEATURE_SETS, PHON36
from asl.pipelines.recogniser.measures import calibrated_log_loss
from asl.pipelines.studies.modalities import CHAIN, entropy_of, fano, told


@given(st.integers(2, 200), st.floats(0.0, 0.99))
def test_fano_is_reached_by_errors_spread_evenly(kinds, share):
    error = share * (1 - 1 / kinds)
    spread = [1 - error, *[error / (kinds - 1)] * (kinds - 1)]
    bits = -sum(p * math.log2(p) for p in spread if p > 0)
    assert fano(bits, kinds) == pytest.approx(error, abs=1e-5)


def test_entropy_of_even_labels():
    assert entropy_of(["A", "B", "C", "D"]) == pytest.approx(2.0)
    assert entropy_of(["A", "A"]) == 0.0


def test_calibration_finds_the_temperature_that_scores_were_spoiled_with():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (3000, 8))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(8, p=row) for row in p])
    honest = -np.log(p[np.arange(3000), truth]).mean()
    assert calibrated_log_loss(5 * np.log(p), truth).mean() == pytest.approx(honest, rel=0.02)


def test_a_modality_left_out_is_absent_and_the_rest_untouched():
    feature_set = FEATURE_SETS["phon36+landmarks"]
    features = np.random.default_rng(0).normal(size=(5, feature_set.size)).astype(np.float32)
    hands = feature_set.only(features, ["hands"])
    others = np.concatenate([feature_set.parts["face"], feature_set.parts["body"]])
    assert np.isnan(hands[:, others]).all()
    assert np.array_equal(np.delete(hands, others, axis=1), np.delete(features, others, axis=1))
    assert np.array_equal(np.isfinite(feature_set.only(features, ["face", "body"])).nonzero()[1], np.tile(np.sort(others), 5))
    assert np.isfinite(feature_set.only(features, ["hands", "face", "body"])).all()
    with pytest.raises(ValueError, match="phon36 has no features of body"):
        PHON36.only(features[:, :36], ["body"])


def outcome(losses, right):
    names = [f"clip{i}" for i in range(len(losses))]
    return {"clips": {name: {"log_loss": loss, "top_1": one} for name, loss, one in zip(names, losses, right, strict=True)}}


def test_the_chain_adds_up_to_what_all_tell():
    rng = np.random.default_rng(0)
    found = {
        (parts, seed): outcome(rng.uniform(0, 1, 40), rng.integers(0, 2, 40).astype(float)) for parts in CHAIN for seed in (0, 1)
    }
    labels = {f"clip{i}": "ABCD"[i % 4] for i in range(40)}
    results = told(found, labels, {"hands": 20.0, "face": 3.0, "body": 20.0}, 0.1)
    together = sum(one["information"]["value"] for one in results["steps"])
    assert together == pytest.approx(2.0 - results["steps"][-1]["cross_entropy"], abs=1e-3)
    assert [one["modality"] for one in results["steps"]] == ["hands", "face", "body"]


def test_the_rule_weighs_error_against_time():
    def step(saved: float, milliseconds: float) -> str:
        right = {"hands": 0.2, "hands+face": 0.2 + saved, "hands+face+body": 0.2 + saved}
        found = {
            (p, s): outcome([0.1] * 100, [1.0] * round(100 * right[p]) + [0.0] * (100 - round(100 * right[p])))
            for p in CHAIN
            for s in (0, 1)
        }
        return told(
            found, {f"clip{i}": "AB"[i % 2] for i in range(100)}, dict.fromkeys(("hands", "face", "body"), milliseconds), 1.0
        )["steps"][1]["worth"]

    assert step(0.5, 3.0) == "keep"
    assert step(0.0, 3.0) == "not worth its cost"
    assert "keep, though not surely" in step(0.05, 4.0)
