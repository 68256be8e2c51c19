"""Heads that predict phonological classes and boundaries, per frame or per clip (SPEC §6, §7)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.features.tiers import BOUNDARY, UNKNOWN
from asl.models.objectives.ctc import real_frames


class PhonologyHeads(nn.Module):
    """One linear head per tier over the encoder's frames. channels: M. tiers: name → its classes, in label order."""

    def __init__(self, channels: int, tiers: Mapping[str, Sequence[str]]):
        super().__init__()
        self.tiers = {name: tuple(classes) for name, classes in tiers.items()}
        # A list, because module names may not contain dots, and tier names may.
        self.heads = nn.ModuleList(nn.Linear(channels, 1 if name == BOUNDARY else len(tiers[name])) for name in tiers)

    def forward(self, encoded: Tensor) -> dict[str, Tensor]:
        """(N, T, M) encoded frames → tier → (N, T, classes) logits."""
        return {name: head(encoded).float() for name, head in zip(self.tiers, self.heads, strict=True)}

    def losses(
        self, encoded: Tensor, lengths: Tensor, frames: Mapping[str, Tensor], clips: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The mean cross-entropy of the phonological tiers with labels, and that of BOUNDARY; 0 without labels.

        encoded: (N, T, M); lengths: (N,). frames: tier → (N, T) labels of frames. clips: tier → (N,) labels of whole clips, which
        are predicted from the mean logits of their frames. UNKNOWN marks a missing label; labels of BOUNDARY are 0 or 1.
        """
        real = real_frames(encoded, lengths)
        phonology: list[Tensor] = []
        boundary: list[Tensor] = []
        for name, logits in self(encoded).items():
            losses = boundary if name == BOUNDARY else phonology
            if name in frames:
                losses += tier_loss(name, logits, frames[name].masked_fill(~real, UNKNOWN))
            elif name in clips:
                clip_logits = (logits * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
                losses += tier_loss(name, clip_logits, clips[name])
        return _mean_or_zero(phonology, encoded), _mean_or_zero(boundary, encoded)


def _mean_or_zero(losses: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(losses).mean() if losses else like.new_zeros(())


def tier_loss(name: str, logits: Tensor, labels: Tensor) -> list[Tensor]:
    """[The mean cross-entropy of logits (…, classes) over labels (…) that are not UNKNOWN], or [] if all are UNKNOWN."""
    labelled = labels != UNKNOWN
    if not labelled.any():
        return []
    if name == BOUNDARY:
        return [functional.binary_cross_entropy_with_logits(logits[..., 0][labelled], labels[labelled].float())]
    return [functional.cross_entropy(logits[labelled], labels[labelled])]
