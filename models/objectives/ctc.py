"""CTC in torch, on the scores of a recogniser: the loss, label smoothing, and exact scores of single signs (SPEC §7)."""

import torch
from torch import Tensor
from torch.nn import functional

#: The label for no sign, column 0 of all scores.
BLANK = 0
#: The log-probability of an impossible step; finite, so that gradients stay finite.
NEVER = -1e30


def normalised(scores: Tensor) -> Tensor:
    """(…, V + 1) scores → log-probabilities. The ranking of label sequences does not change."""
    return torch.log_softmax(scores, dim=-1)


def ctc_loss(scores: Tensor, lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
    """The CTC loss of each clip: −log of the sum of exp(score) over all paths of the target (Graves et al., ICML 2006).

    scores: (N, T, V + 1), which need not be normalised; lengths: (N,); targets: (sum of target_lengths,); target_lengths: (N,).
    Returns (N,). A clip too short for its target has loss 0 and no gradient.
    """
    # The gradient of torch's loss is right for normalised scores only. The difference is a sum over frames.
    log_probs = normalised(scores)
    losses = functional.ctc_loss(
        log_probs.transpose(0, 1), targets, lengths, target_lengths, BLANK, reduction="none", zero_infinity=True
    )
    surplus = (torch.logsumexp(scores, dim=-1) * real_frames(scores, lengths)).sum(dim=1)
    return torch.where(losses == 0, losses, losses - surplus)


def real_frames(scores: Tensor, lengths: Tensor) -> Tensor:
    """The mask of frames that are not padding: (N, T, …) scores, (N,) lengths → (N, T) bool."""
    return torch.arange(scores.shape[1], device=scores.device) < lengths.to(scores.device)[:, None]


def smoothing_loss(scores: Tensor, lengths: Tensor) -> Tensor:
    """The mean cross-entropy of real frames against the uniform distribution: (N, T, V + 1), (N,) lengths → scalar."""
    mask = real_frames(scores, lengths)
    return -(normalised(scores).mean(dim=-1) * mask).sum() / mask.sum()


def single_sign_scores(scores: Tensor, lengths: Tensor) -> Tensor:
    """log p([v] | X) of each one-gloss sequence: (N, T, V + 1) log-probabilities, (N,) lengths → (N, V) (SPEC §7).

    Exact and differentiable. With b and g the running sums of the log-probabilities of blank and gloss, the sum over all first
    frames s and last frames e of the sign, with blank before and after, is
    b[T] + logsumexp_e ( g[e] − b[e] + logcumsumexp_{s ≤ e} ( b[s−1] − g[s−1] ) ).
    """
    padding = ~real_frames(scores, lengths)[..., None]
    sums = scores.masked_fill(padding, 0.0).cumsum(dim=1)
    before = functional.pad(sums, (0, 0, 1, 0))[:, :-1]
    enter = (before[..., :1] - before[..., 1:]).masked_fill(padding, NEVER)
    leave = (sums[..., 1:] - sums[..., :1]).masked_fill(padding, NEVER)
    return sums[:, -1, :1] + torch.logsumexp(leave + torch.logcumsumexp(enter, dim=1), dim=1)
