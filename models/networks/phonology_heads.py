"""Heads that name phonological classes and boundaries: of each frame, or of a whole clip (SPEC §6, §7)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.features.tiers import BOUNDARY, UNKNOWN
from asl.models.objectives.ctc import real_frames


class PhonologyHeads(nn.Module):
    """One linear head a tier over the encoder's frames. tiers: name → its classes, in the order of the labels."""

    def __init__(self, channels: int, tiers: Mapping[str, Sequence[str]]):
        super().__init__()
        self.tiers = {name: tuple(classes) for name, classes in tiers.items()}
        # Module names may not hold dots, which tier names may.
        self.heads = nn.ModuleList(nn.Linear(channels, 1 if name == BOUNDARY else len(tiers[name])) for name in tiers)

    def forward(self, encoded: Tensor) -> dict[str, Tensor]:
        """(N, T, M) → for each tier the logits (N, T, classes)."""
        return {name: head(encoded).float() for name, head in zip(self.tiers, self.heads, strict=True)}

    def losses(
        self, encoded: Tensor, lengths: Tensor, frames: Mapping[str, Tensor], clips: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy over the phonological tiers that have labels, and that of BOUNDARY; 0 where there are none.

        encoded: (N, T, M); lengths: (N,). frames: tier → (N, T) labels of frames; clips: tier → (N,) labels of whole
        clips, judged by the mean logits of their frames. UNKNOWN where there is none; of BOUNDARY 0 or 1.
        """
        real = real_frames(encoded, lengths)
        phonology, boundary = [], []
        for name, values in self(encoded).items():
            found = boundary if name == BOUNDARY else phonology
            if name in frames:
                found += tier_loss(name, values, frames[name].masked_fill(~real, UNKNOWN))
            elif name in clips:
                found += tier_loss(name, (values * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True), clips[name])
        return tuple(torch.stack(found).mean() if found else encoded.new_zeros(()) for found in (phonology, boundary))


def tier_loss(name: str, logits: Tensor, labels: Tensor) -> list[Tensor]:
    """Mean cross-entropy of (…, classes) logits where labels (…) are not UNKNOWN; nothing where all are."""
    known = labels != UNKNOWN
    if not known.any():
        return []
    if name == BOUNDARY:
        return [functional.binary_cross_entropy_with_logits(logits[..., 0][known], labels[known].float())]
    return [functional.cross_entropy(logits[known], labels[known])]
