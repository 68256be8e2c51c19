"""CTC quantities on log-probabilities: the loss with its guards, and exact scores of single signs (SPEC §7)."""

import torch
from torch import Tensor
from torch.nn import functional

from models.recogniser import BLANK

#: A log-probability that no path recovers from, finite so that gradients stay finite.
NEVER = -1e30
BLANK_LIMIT = 0.5


def ctc_loss(log_probs: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """(N, T, V + 1) log-probabilities, (N,) lengths, targets (sum of target_lengths,) → (N,) nats a clip.

    A clip too short for its target has loss 0 and no gradient.
    """
    return functional.ctc_loss(
        log_probs.transpose(0, 1), targets, lengths, target_lengths, BLANK, reduction="none", zero_infinity=True
    )


def smoothing_loss(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, V + 1), (N,) → scalar: mean cross-entropy between the uniform distribution and each real frame's."""
    mask = torch.arange(log_probs.shape[1], device=log_probs.device) < lengths.to(log_probs.device)[:, None]
    return -(log_probs.mean(dim=-1) * mask).sum() / mask.sum()


def blank_loss(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, V + 1), (N,) → scalar: how far each clip's mean blank probability exceeds BLANK_LIMIT, in shares of the rest.

    Holds off blank collapse (SPEC §7): zero for a clip that says its glosses, growing to 1 for one that says only blank.
    """
    mask = torch.arange(log_probs.shape[1], device=log_probs.device) < lengths.to(log_probs.device)[:, None]
    share = (log_probs[..., BLANK].exp() * mask).sum(dim=1) / mask.sum(dim=1)
    return functional.relu(share - BLANK_LIMIT).mean() / (1 - BLANK_LIMIT)


def single_sign_scores(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, V + 1), (N,) → (N, V) log p([v] | X): CTC log-probability of each one-gloss sequence (SPEC §7).

    Exact and differentiable: with b and g the running sums of the blank's and the gloss's log-probabilities, the sum
    over all first frames s and last frames e of the sign, blank before and after, is
    b[T] + logsumexp_e ( g[e] − b[e] + logcumsumexp_{s ≤ e} ( b[s−1] − g[s−1] ) ).
    """
    real = torch.arange(log_probs.shape[1], device=log_probs.device) < lengths.to(log_probs.device)[:, None]
    kept = torch.where(real[..., None], log_probs, 0.0).cumsum(dim=1)
    before = functional.pad(kept, (0, 0, 1, 0))[:, :-1]
    padding = ~real[..., None]
    enter = (before[..., :1] - before[..., 1:]).masked_fill(padding, NEVER)
    leave = (kept[..., 1:] - kept[..., :1]).masked_fill(padding, NEVER)
    return kept[:, -1, :1] + torch.logsumexp(leave + torch.logcumsumexp(enter, dim=1), dim=1)
