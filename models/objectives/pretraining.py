"""Stage 1: an encoder that learns from clips without glosses, and the codebooks of phonology (SPEC §4, §6)."""

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

PROJECTION = 128
#: Frames of each clip that are compared in time.
ANCHORS_PER_CLIP = 8


@dataclass(frozen=True)
class View:
    """A batch of clips seen in one way.

    inputs: (N, T, D), varied and partly hidden; clean: (N, T, 36) the same phonological features before anything was
    hidden; seen: (N, T, 36) bool; lengths: (N,). frames, clips: labels as in PhonologyHeads.losses.
    """

    inputs: Tensor
    clean: Tensor
    seen: Tensor
    lengths: Tensor
    frames: Mapping[str, Tensor]
    clips: Mapping[str, Tensor]


class Pretrainer(nn.Module):
    """L = L_time + L_view + λ L_phon (SPEC §6).

    The vector-quantisation part of L_phon: the encoder has to say, of each frame of a clip whose frames and parts are
    partly hidden, near which prototype of each part the frame that it could not see whole lies. (The 36 features
    themselves are given, so there is nothing in them that could be drawn towards a prototype.)
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
        """The parts of the loss on two views of the same clips: time, view, codes, phonology."""
        encoded = [self.encoder(view.inputs, view.lengths)[0] for view in (first, second)]
        parts = {
            "view": view_contrast(*(self.view(_pooled(h, v.lengths)) for h, v in zip(encoded, (first, second), strict=True)))
        }
        clips, before, after = (t.to(encoded[0].device) for t in pairs_in_time(first.lengths.cpu(), ANCHORS_PER_CLIP, generator))
        parts["time"] = time_contrast(self.earlier(encoded[0][clips, before]), self.later(encoded[0][clips, after]), clips)
        parts["codes"] = torch.stack([self._codes(h, v) for h, v in zip(encoded, (first, second), strict=True)]).mean()
        labelled = [
            sum(self.phonology.losses(h, v.lengths, v.frames, v.clips)) for h, v in zip(encoded, (first, second), strict=True)
        ]
        return parts | {"phonology": torch.stack(labelled).mean()}

    def frame_predictions(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, D), (N,) → (N, T, K): what stage 1 says of each frame, its representation that other methods read.

        The probability of every class of every phonological tier that it learned, then near what of each part of phon36 the
        frame lies, as the encoder tells from its surroundings.
        """
        encoded = self.encoder(inputs, lengths)[0]
        classes = [values.softmax(dim=-1) for name, values in self.phonology(encoded).items() if name != BOUNDARY]
        return torch.cat([*classes, *(head(encoded).float() for head in self.parts.values())], dim=-1)

    def _codes(self, encoded: Tensor, view: View) -> Tensor:
        real = real_frames(encoded, view.lengths)
        frames, clean, seen = encoded[real], view.clean[real], view.seen[real]
        losses = []
        for part, head in self.parts.items():
            there = seen[:, PARTS[part]].any(dim=1)
            if there.any():
                book = self.quantiser.books[part]
                values = clean[there][:, PARTS[part]]
                losses.append(commitment(head(frames[there]).float(), book.entries[book.nearest(values)]))
        return torch.stack(losses).mean() if losses else encoded.new_zeros(())


def _pooled(encoded: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, M), (N,) → (N, M) the mean of the real frames."""
    real = real_frames(encoded, lengths)[..., None]
    return (encoded * real).sum(dim=1) / real.sum(dim=1)
