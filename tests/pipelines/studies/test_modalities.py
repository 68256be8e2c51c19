import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.models.features.feature_sets import FEATURE_SETS, PHON36
from asl.pipelines.recogniser.measures import calibrated_log_loss
from asl.pipelines.studies.modalities import CHAIN, analyse_modalities, entropy_bits, fano_bound


@given(st.integers(2, 200), st.floats(0.0, 0.99))
def test_evenly_spread_errors_reach_the_fano_bound(classes, share):
    error = share * (1 - 1 / classes)
    distribution = [1 - error, *[error / (classes - 1)] * (classes - 1)]
    bits = -sum(p * math.log2(p) for p in distribution if p > 0)
    assert fano_bound(bits, classes) == pytest.approx(error, abs=1e-5)


def test_entropy_of_uniform_and_constant_labels():
    assert entropy_bits(["A", "B", "C", "D"]) == pytest.approx(2.0)
    assert entropy_bits(["A", "A"]) == 0.0


def test_calibration_recovers_the_temperature():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (3000, 8))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(8, p=row) for row in p])
    expected = -np.log(p[np.arange(3000), truth]).mean()
    assert calibrated_log_loss(5 * np.log(p), truth).mean() == pytest.approx(expected, rel=0.02)


def test_an_excluded_modality_is_absent_and_the_others_are_unchanged():
    feature_set = FEATURE_SETS["phon36+landmarks"]
    features = np.random.default_rng(0).normal(size=(5, feature_set.size)).astype(np.float32)
    hands = feature_set.keep_modalities(features, ["hands"])
    excluded = np.concatenate([feature_set.parts["face"], feature_set.parts["body"]])
    assert np.isnan(hands[:, excluded]).all()
    assert np.array_equal(np.delete(hands, excluded, axis=1), np.delete(features, excluded, axis=1))
    assert np.array_equal(
        np.isfinite(feature_set.keep_modalities(features, ["face", "body"])).nonzero()[1], np.tile(np.sort(excluded), 5)
    )
    assert np.isfinite(feature_set.keep_modalities(features, ["hands", "face", "body"])).all()
    with pytest.raises(ValueError, match="phon36 has no features of body"):
        PHON36.keep_modalities(features[:, :36], ["body"])


def outcome(losses, correct):
    names = [f"clip{i}" for i in range(len(losses))]
    return {"clips": {name: {"log_loss": loss, "top_1": top_1} for name, loss, top_1 in zip(names, losses, correct, strict=True)}}


def test_the_chain_adds_up_to_the_total_information():
    rng = np.random.default_rng(0)
    outcomes = {
        (parts, seed): outcome(rng.uniform(0, 1, 40), rng.integers(0, 2, 40).astype(float)) for parts in CHAIN for seed in (0, 1)
    }
    labels = {f"clip{i}": "ABCD"[i % 4] for i in range(40)}
    results = analyse_modalities(outcomes, labels, {"hands": 20.0, "face": 3.0, "body": 20.0}, 0.1, {})
    total = sum(step["information"]["value"] for step in results["steps"])
    assert total == pytest.approx(2.0 - results["steps"][-1]["cross_entropy"], abs=1e-3)
    assert [step["modality"] for step in results["steps"]] == ["hands", "face", "body"]


def test_the_rule_weighs_error_reduction_against_time():
    def step(saved: float, milliseconds: float) -> str:
        top_1 = {"hands": 0.2, "hands+face": 0.2 + saved, "hands+face+body": 0.2 + saved}
        outcomes = {
            (p, s): outcome([0.1] * 100, [1.0] * round(100 * top_1[p]) + [0.0] * (100 - round(100 * top_1[p])))
            for p in CHAIN
            for s in (0, 1)
        }
        return analyse_modalities(
            outcomes,
            {f"clip{i}": "AB"[i % 2] for i in range(100)},
            dict.fromkeys(("hands", "face", "body"), milliseconds),
            1.0,
            {},
        )["steps"][1]["worth"]

    assert step(0.5, 3.0) == "keep"
    assert step(0.0, 3.0) == "not worth its cost"
    assert "keep, but uncertain" in step(0.05, 4.0)
