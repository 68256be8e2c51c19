"""The contrastive losses of stage 1: frames near in time, and views of one clip (SPEC §6)."""

import torch
from torch import Tensor
from torch.nn import functional

#: A positive is one to this many frames later.
LONGEST_STEP = 5
TIME_TEMPERATURE, VIEW_TEMPERATURE = 0.1, 0.07


def pairs_in_time(lengths: Tensor, a_clip: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """lengths (N,) → clip, frame and later frame, each (N · a_clip,): positives 1…LONGEST_STEP frames apart.

    Of a clip of one frame the frame itself is the later one.
    """
    clips = torch.arange(len(lengths)).repeat_interleave(a_clip)
    own = lengths[clips].double()
    steps = torch.randint(1, LONGEST_STEP + 1, (len(clips),), generator=generator)
    steps = torch.minimum(steps, lengths[clips] - 1)
    first = (torch.rand(len(clips), generator=generator, dtype=torch.float64) * (own - steps)).long()
    return clips, first, first + steps


def time_contrast(anchors: Tensor, later: Tensor, clips: Tensor) -> Tensor:
    """InfoNCE: (F, D) frames, (F, D) the frames that come after each, (F,) their clips → scalar.

    Negatives of a frame are the later frames of other clips only. Needs at least two clips.
    """
    scores = functional.normalize(anchors, dim=1) @ functional.normalize(later, dim=1).T / TIME_TEMPERATURE
    own_clip = clips[:, None] == clips[None]
    own = torch.eye(len(clips), dtype=torch.bool, device=clips.device)
    return functional.cross_entropy(
        scores.masked_fill(own_clip & ~own, -torch.inf), torch.arange(len(clips), device=clips.device)
    )


def view_contrast(first: Tensor, second: Tensor) -> Tensor:
    """NT-Xent: (N, D) and (N, D), two views of the same N clips → scalar (Chen et al., ICML 2020)."""
    count = len(first)
    both = functional.normalize(torch.cat([first, second]), dim=1)
    scores = (both @ both.T / VIEW_TEMPERATURE).fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * count, device=first.device).roll(count)
    return functional.cross_entropy(scores, partner)
