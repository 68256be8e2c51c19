"""Discriminative losses against their definitions, and GradNorm."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.objectives.discriminative import (
    CascadeWeights,
    GradNorm,
    choice_loss,
    encoder_path_scores,
    mmi_loss,
    path_columns,
    risk_loss,
)

SCORES = st.lists(st.floats(-30, 30), min_size=1, max_size=6)


@given(SCORES, st.data())
def test_mmi_is_the_share_of_the_reference(scores, data):
    reference = data.draw(st.integers(0, len(scores) - 1))
    expected = -scores[reference] + math.log(sum(math.exp(score) for score in scores))
    assert float(mmi_loss(torch.tensor(scores, dtype=torch.double), reference)) == pytest.approx(expected, abs=1e-9)


@given(SCORES, st.data())
def test_risk_is_the_expected_number_of_errors(scores, data):
    errors = data.draw(st.lists(st.integers(0, 9), min_size=len(scores), max_size=len(scores)))
    shares = np.exp(np.array(scores) - max(scores))
    expected = float((shares / shares.sum() * errors).sum() - np.mean(errors))
    loss = risk_loss(torch.tensor(scores, dtype=torch.double), torch.tensor(errors, dtype=torch.double))
    assert float(loss) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_the_score_of_a_path_is_the_sum_of_the_scores_of_its_columns(seed):
    rng = np.random.default_rng(seed)
    log_probs = torch.log_softmax(torch.from_numpy(rng.normal(0, 2, (7, 4))), dim=-1)
    gloss, peak = np.array([0, 1, 1, 2, 3]), np.array([False, True, False, True, False])
    paths = rng.integers(1, 6, (3, 7))
    blank = log_probs[:, :1].numpy()
    # The column scores of pipelines.cascade.graph_folder.encoder_scores.
    scores = np.where(peak, log_probs.numpy()[:, gloss], np.logaddexp(log_probs.numpy()[:, gloss], blank))
    scores[:, gloss == 0] = blank
    columns = path_columns(paths.tolist(), torch.device("cpu"))
    path_scores = encoder_path_scores(log_probs, torch.from_numpy(gloss)[columns], torch.from_numpy(peak)[columns])
    assert path_scores.numpy() == pytest.approx(scores[np.arange(7), paths - 1].sum(axis=1))


def test_the_retrieval_loss_has_gradients_at_its_choices_only():
    log_probs = torch.randn(5, 6, requires_grad=True)
    loss = choice_loss(log_probs, torch.tensor([2, 4]), 1)
    loss.backward()
    assert (log_probs.grad[:, 4] < 0).all()
    assert (log_probs.grad[:, 2] > 0).all()
    assert not log_probs.grad[:, [0, 1, 3, 5]].any()


def test_weights_that_start_at_zero_stay_zero():
    weights = CascadeWeights(0.6, 0.0, 0.3, 4)
    assert weights().tolist() == pytest.approx([0.6, 0.0, 0.3])
    assert weights.bias.tolist() == [0.0] * 4


def test_gradnorm_equalises_the_norms_of_weighted_gradients():
    shared = torch.tensor([1.0, 2.0], requires_grad=True)
    balance = GradNorm({"main": 1.0, "loud": 1.0, "silent": 0.0}, alpha=0.0)
    for _ in range(100):
        losses = {"main": shared.sum(), "loud": 5 * shared.sum(), "silent": shared.sum()}
        balance.update(losses, shared)
    assert balance.weights["main"] == 1.0
    assert balance.weights["loud"] == pytest.approx(0.2, rel=0.01)
    assert balance.weights["silent"] == 0.0


def test_gradnorm_favours_losses_that_lag_behind_and_keeps_its_bounds():
    shared = torch.tensor([1.0], requires_grad=True)
    balance = GradNorm({"main": 1.0, "lagging": 1.0, "tiny": 1.0}, alpha=1.0)
    balance.update({"main": shared.sum(), "lagging": shared.sum(), "tiny": 1e-6 * shared.sum()}, shared)
    for _ in range(200):
        balance.update(
            {"main": 0.1 * shared.sum(), "lagging": shared.sum() + 0 * shared.sum(), "tiny": 1e-6 * shared.sum()}, shared
        )
    assert balance.weights["lagging"] > balance.weights["main"] * 0.1
    assert balance.weights["tiny"] == pytest.approx(10.0)


def test_gradnorm_does_not_favour_a_negative_loss():
    shared = torch.tensor([1.0], requires_grad=True)
    balance = GradNorm({"main": 1.0, "other": 1.0}, alpha=1.0)
    for step in range(50):
        balance.update({"main": shared.sum() - 5 - step, "other": shared.sum()}, shared)
    assert balance.weights == pytest.approx({"main": 1.0, "other": 1.0})
