"""Stage 1: an encoder that learns from clips without glosses, together with the codebooks of phonology (SPEC §4, §6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asl.models.features.phon36 import PARTS
from asl.models.features.tiers import BOUNDARY
from asl.models.networks.encoders import EncoderSpec, build_encoder
from asl.models.networks.phonology_heads import PhonologyHeads
from asl.models.networks.quantiser import ProductQuantiser, commitment
from asl.models.objectives.contrast import pairs_in_time, time_contrast, view_contrast
from asl.models.objectives.ctc import real_frames

#: Dimensions in which representations are compared.
PROJECTION = 128
#: Frames of each clip that the loss over time uses.
ANCHORS_PER_CLIP = 8


@dataclass(frozen=True)
class View:
    """A batch of N clips under one augmentation.

    inputs: (N, T, D), augmented and partly masked. clean: (N, T, 36) the phonological features before masking. seen: (N, T, 36)
    bool, which of these are present. lengths: (N,). frames, clips: labels as in PhonologyHeads.losses.
    """

    inputs: Tensor
    clean: Tensor
    seen: Tensor
    lengths: Tensor
    frames: Mapping[str, Tensor]
    clips: Mapping[str, Tensor]


class Pretrainer(nn.Module):
    """The model of stage 1: L = L_time + L_view + λ L_phon (SPEC §6).

    In the vector-quantisation part of L_phon, the encoder predicts the prototype of each part that is nearest to each frame, from
    an input in which frames and parts are masked. (The 36 features themselves are the input, so they cannot be drawn towards a
    prototype.) tiers: name → classes.
    """

    def __init__(self, spec: EncoderSpec, tiers: Mapping[str, Sequence[str]]):
        super().__init__()
        self.encoder = build_encoder(spec)
        channels = self.encoder.outputs
        self.earlier, self.later = nn.Linear(channels, PROJECTION), nn.Linear(channels, PROJECTION)
        self.view = nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, PROJECTION))
        self.parts = nn.ModuleDict({part: nn.Linear(channels, at.stop - at.start) for part, at in PARTS.items()})
        self.phonology = PhonologyHeads(channels, tiers)
        self.quantiser = ProductQuantiser()

    def losses(self, first: View, second: View, generator: torch.Generator) -> dict[str, Tensor]:
        """The losses view, time, codes and phonology, before weighting, on two views of the same clips."""
        views = (first, second)
        encoded = [self.encoder(view.inputs, view.lengths)[0] for view in views]
        pairs = list(zip(encoded, views, strict=True))
        losses = {"view": view_contrast(*(self.view(_mean_over_time(frames, view.lengths)) for frames, view in pairs))}
        clips, before, after = (
            indices.to(encoded[0].device) for indices in pairs_in_time(first.lengths.cpu(), ANCHORS_PER_CLIP, generator)
        )
        losses["time"] = time_contrast(self.earlier(encoded[0][clips, before]), self.later(encoded[0][clips, after]), clips)
        losses["codes"] = torch.stack([self._code_loss(frames, view) for frames, view in pairs]).mean()
        losses["phonology"] = torch.stack([self._phonology_loss(frames, view) for frames, view in pairs]).mean()
        return losses

    def frame_predictions(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """The representation that other methods use: (N, T, D) inputs, (N,) lengths → (N, T, K).

        For each frame the probability of every class of every phonological tier, then for each part of phon36 the predicted
        prototype.
        """
        encoded = self.encoder(inputs, lengths)[0]
        classes = [logits.softmax(dim=-1) for name, logits in self.phonology(encoded).items() if name != BOUNDARY]
        return torch.cat([*classes, *(head(encoded).float() for head in self.parts.values())], dim=-1)

    def _code_loss(self, encoded: Tensor, view: View) -> Tensor:
        """The mean commitment loss over the parts that are seen, against the nearest prototype of the clean frames."""
        real = real_frames(encoded, view.lengths)
        frames, clean, seen = encoded[real], view.clean[real], view.seen[real]
        losses = []
        for part, head in self.parts.items():
            present = seen[:, PARTS[part]].any(dim=1)
            if present.any():
                book = self.quantiser.codebook(part)
                values = clean[present][:, PARTS[part]]
                losses.append(commitment(head(frames[present]).float(), book.entries[book.nearest(values)]))
        return torch.stack(losses).mean() if losses else encoded.new_zeros(())

    def _phonology_loss(self, encoded: Tensor, view: View) -> Tensor:
        phonology, boundary = self.phonology.losses(encoded, view.lengths, view.frames, view.clips)
        return phonology + boundary


def _mean_over_time(encoded: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, M) frames, (N,) lengths → (N, M) mean of the real frames."""
    real = real_frames(encoded, lengths)[..., None]
    return (encoded * real).sum(dim=1) / real.sum(dim=1)
