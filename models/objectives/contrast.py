"""The contrastive losses of stage 1: between frames close in time, and between two views of a clip (SPEC §6)."""

import torch
from torch import Tensor
from torch.nn import functional

#: A positive is 1 to this many frames later.
LONGEST_STEP = 5
TIME_TEMPERATURE, VIEW_TEMPERATURE = 0.1, 0.07


def pairs_in_time(lengths: Tensor, per_clip: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draws pairs of a frame and its positive, 1…LONGEST_STEP frames later in the same clip.

    lengths: (N,) frames of each clip. Returns clip, frame and later frame, each (N · per_clip,). In a clip of one frame, that
    frame is its own positive.
    """
    clips = torch.arange(len(lengths)).repeat_interleave(per_clip)
    frames = lengths[clips].double()
    steps = torch.randint(1, LONGEST_STEP + 1, (len(clips),), generator=generator)
    steps = torch.minimum(steps, lengths[clips] - 1)
    first = (torch.rand(len(clips), generator=generator, dtype=torch.float64) * (frames - steps)).long()
    return clips, first, first + steps


def time_contrast(anchors: Tensor, later: Tensor, clips: Tensor) -> Tensor:
    """InfoNCE over time: anchors (F, D), their positives (F, D), and their clips (F,) → scalar.

    The negatives of an anchor are the positives of other clips only, so at least two clips are needed.
    """
    scores = functional.normalize(anchors, dim=1) @ functional.normalize(later, dim=1).T / TIME_TEMPERATURE
    same_clip = clips[:, None] == clips[None]
    positive = torch.eye(len(clips), dtype=torch.bool, device=clips.device)
    return functional.cross_entropy(
        scores.masked_fill(same_clip & ~positive, -torch.inf), torch.arange(len(clips), device=clips.device)
    )


def view_contrast(first: Tensor, second: Tensor) -> Tensor:
    """NT-Xent between two views (N, D) of the same N clips → scalar (Chen et al., ICML 2020)."""
    count = len(first)
    views = functional.normalize(torch.cat([first, second]), dim=1)
    scores = (views @ views.T / VIEW_TEMPERATURE).fill_diagonal_(-torch.inf)
    positive = torch.arange(2 * count, device=first.device).roll(count)
    return functional.cross_entropy(scores, positive)
