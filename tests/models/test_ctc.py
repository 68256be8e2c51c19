import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.networks.encoders import EncoderSize, EncoderSpec, size_for
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives import ctc_scores
from asl.models.objectives.ctc import ctc_loss, single_sign_scores, smoothing_loss


def collapsed(path) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label)


def by_enumeration(log_probs: np.ndarray, target: tuple[int, ...]) -> float:
    paths = itertools.product(range(log_probs.shape[1]), repeat=len(log_probs))
    scores = [sum(log_probs[t, k] for t, k in enumerate(path)) for path in paths if collapsed(path) == target]
    return float(np.logaddexp.reduce(scores)) if scores else -np.inf


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000))
def test_single_sign_scores_sum_all_paths(frames, glosses, seed):
    rng = np.random.default_rng(seed)
    log_probs = torch.log_softmax(torch.tensor(rng.normal(0, 2, (1, frames, glosses + 1))), dim=-1)
    scores = single_sign_scores(log_probs, torch.tensor([frames]))[0]
    expected = [by_enumeration(log_probs[0].numpy(), (label,)) for label in range(1, glosses + 1)]
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-9)


def test_padding_has_no_effect_and_gradients_are_finite():
    raw = torch.randn(3, 12, 5, dtype=torch.float64, requires_grad=True)
    log_probs = torch.log_softmax(raw, dim=-1)
    scores = single_sign_scores(log_probs, torch.tensor([12, 7, 1]))
    for row, length in ((0, 12), (1, 7), (2, 1)):
        alone = single_sign_scores(log_probs[row : row + 1, :length], torch.tensor([length]))[0]
        torch.testing.assert_close(scores[row], alone)
    scores.sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert (raw.grad[2, 1:] == 0).all()


def test_ctc_loss_is_the_negative_log_of_all_paths():
    log_probs = torch.log_softmax(torch.randn(1, 4, 3, dtype=torch.float64), dim=-1)
    loss = ctc_loss(log_probs, torch.tensor([4]), torch.tensor([1, 2]), torch.tensor([2]))
    assert float(loss) == pytest.approx(-by_enumeration(log_probs[0].numpy(), (1, 2)), rel=1e-6)


def test_the_loss_and_its_gradient_are_right_for_unnormalised_scores():
    scores = torch.randn(1, 6, 4, dtype=torch.float64, requires_grad=True)
    lengths, target = torch.tensor([5]), torch.tensor([2])
    by_torch = ctc_loss(scores, lengths, target, torch.tensor([1]))
    by_sum = -single_sign_scores(scores, lengths)[:, 1]
    torch.testing.assert_close(by_torch, by_sum)
    first, second = (torch.autograd.grad(loss.sum(), scores, retain_graph=True)[0] for loss in (by_torch, by_sum))
    torch.testing.assert_close(first, second)


def test_the_label_prior_follows_the_output_and_raises_rare_labels():
    torch.manual_seed(0)
    model = RecogniserNetwork(EncoderSpec("bilstm", 38, 8, 1), 3, 0.5)
    with torch.no_grad():
        model.head.bias[0] += 5
    features, lengths = torch.randn(2, 20, 38), torch.tensor([20, 9])
    plain = model.eval()(features, lengths)[0].argmax(dim=-1)
    model.train()
    for _ in range(200):
        model(features, lengths)
    assert model.prior.sum() == pytest.approx(1, abs=1e-5)
    assert model.prior[0] > 0.9
    raised = model.eval()(features, lengths)[0]
    assert (raised[..., 1:] - raised[..., :1]).mean() > -4
    assert (plain == 0).all()


def test_smoothing_loss_is_smallest_for_the_uniform_distribution():
    uniform = torch.full((1, 5, 4), -float(np.log(4)))
    peaked = torch.log_softmax(8 * torch.randn(1, 5, 4), dim=-1)
    lengths = torch.tensor([5])
    assert smoothing_loss(uniform, lengths) < smoothing_loss(peaked, lengths)


@pytest.mark.parametrize(
    ("glosses", "size"),
    [(2, EncoderSize(64, 1)), (20, EncoderSize(64, 1)), (21, EncoderSize(128, 1)), (300, EncoderSize(128, 2)),
     (500, EncoderSize(256, 2)), (2000, EncoderSize(512, 2)), (5000, EncoderSize(512, 3))],
)  # fmt: skip
def test_sizes_follow_the_vocabulary(glosses, size):
    assert size_for(glosses) == size


def test_the_smallest_model_has_about_seventy_thousand_parameters():
    assert 65_000 < RecogniserNetwork(EncoderSpec("bilstm", 38, 64, 1), 20).parameter_count() < 75_000


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 4), st.lists(st.integers(1, 4), max_size=4), st.integers(0, 10_000))
def test_scores_in_numpy_are_those_of_torch(frames, glosses, labels, seed):
    labels = [min(label, glosses) for label in labels]
    log_probs = torch.log_softmax(torch.randn(1, frames, glosses + 1, generator=torch.Generator().manual_seed(seed)), dim=-1)
    lengths = torch.tensor([frames])
    by_numpy = ctc_scores.single_sign_scores(log_probs[0].numpy())
    np.testing.assert_allclose(by_numpy, single_sign_scores(log_probs, lengths)[0].numpy(), atol=1e-4)
    loss = torch.nn.functional.ctc_loss(
        log_probs.double().transpose(0, 1),
        torch.tensor(labels, dtype=torch.long),
        lengths,
        torch.tensor([len(labels)]),
        reduction="none",
    )
    assert ctc_scores.label_score(log_probs[0].numpy(), labels) == pytest.approx(-float(loss), abs=1e-5)
