"""CTC quantities on a recogniser's scores: the loss with its guards, and exact scores of single signs (SPEC §7)."""

import torch
from torch import Tensor
from torch.nn import functional

#: The label of "no sign", column 0 of all scores.
BLANK = 0
#: A log-probability that no path recovers from, finite so that gradients stay finite.
NEVER = -1e30


def normalised(scores: Tensor) -> Tensor:
    """Scores (…, V + 1) → log-probabilities; the ranking of label sequences stays the same."""
    return torch.log_softmax(scores, dim=-1)


def ctc_loss(scores: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """(N, T, V + 1) scores, (N,) lengths, targets (sum of target_lengths,) → (N,) −log Σ over paths of exp(score).

    Scores need not be normalised. (torch's gradient is right for normalised ones only, so they are normalised for it and
    the difference, a sum over frames, is added back.) A clip too short for its target has loss 0 and no gradient.
    """
    log_probs = normalised(scores)
    losses = functional.ctc_loss(
        log_probs.transpose(0, 1), targets, lengths, target_lengths, BLANK, reduction="none", zero_infinity=True
    )
    surplus = (torch.logsumexp(scores, dim=-1) * real_frames(scores, lengths)).sum(dim=1)
    return torch.where(losses == 0, losses, losses - surplus)


def real_frames(scores: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, …), (N,) → (N, T) bool: frames that are no padding."""
    return torch.arange(scores.shape[1], device=scores.device) < lengths.to(scores.device)[:, None]


def smoothing_loss(scores: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, V + 1), (N,) → scalar: mean cross-entropy between the uniform distribution and each real frame's."""
    mask = real_frames(scores, lengths)
    return -(normalised(scores).mean(dim=-1) * mask).sum() / mask.sum()


def single_sign_scores(scores: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, V + 1), (N,) → (N, V) log p([v] | X): CTC log-probability of each one-gloss sequence (SPEC §7).

    Exact and differentiable: with b and g the running sums of the blank's and the gloss's log-probabilities, the sum
    over all first frames s and last frames e of the sign, blank before and after, is
    b[T] + logsumexp_e ( g[e] − b[e] + logcumsumexp_{s ≤ e} ( b[s−1] − g[s−1] ) ).
    """
    padding = ~real_frames(scores, lengths)[..., None]
    kept = scores.masked_fill(padding, 0.0).cumsum(dim=1)
    before = functional.pad(kept, (0, 0, 1, 0))[:, :-1]
    enter = (before[..., :1] - before[..., 1:]).masked_fill(padding, NEVER)
    leave = (kept[..., 1:] - kept[..., :1]).masked_fill(padding, NEVER)
    return kept[:, -1, :1] + torch.logsumexp(leave + torch.logcumsumexp(enter, dim=1), dim=1)
