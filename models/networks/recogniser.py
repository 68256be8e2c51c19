"""Encoder and CTC head: features in, log-probabilities of blank and glosses out (SPEC §5, §7)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from asl.models.networks.encoders import EncoderSpec, build_encoder
from asl.models.networks.phonology_heads import PhonologyHeads
from asl.models.objectives.ctc import real_frames

#: How fast the running label shares follow the batches.
PRIOR_STEP = 0.05


class Recogniser(nn.Module):
    """An encoder with a linear head over blank (column 0) and the glosses (columns 1…V).

    `prior`: (V + 1,) running share of each label in the model's own output on training frames. Scores are divided by
    it to the power `prior_weight`: left alone, CTC says blank nearly everywhere and names a sign in one frame, if at
    all, because blank is the safe guess (SPEC §7; label priors after Huang et al., ICASSP 2024). With it a sign is
    named over the frames it lasts. `phonology`: heads of the tiers (name → classes) that it was taught beside.
    """

    prior: Tensor

    def __init__(
        self,
        spec: EncoderSpec,
        glosses: int,
        prior_weight: float = 0.0,
        tiers: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ):
        super().__init__()
        self.encoder = build_encoder(spec)
        self.late = LateDropout()
        self.head = nn.Linear(self.encoder.outputs, glosses + 1)
        self.phonology = PhonologyHeads(self.encoder.outputs, tiers)
        self.prior_weight = prior_weight
        self.register_buffer("prior", torch.full((glosses + 1,), 1 / (glosses + 1)))

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, D), (N,) → scores (N, T, V + 1), lengths (N,).

        A score is log p(label) − prior_weight · log prior(label); its exponentials need not sum to 1 (see `normalised`).
        """
        encoded, lengths = self.encoder(features, lengths)
        return self.scores(encoded, lengths), lengths

    def scores(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, M) encoded frames → (N, T, V + 1) scores, as `forward` gives them."""
        log_probs = torch.log_softmax(self.head(self.late(encoded)).float(), dim=-1)
        if self.training:
            self._follow(log_probs.detach(), lengths)
        return log_probs - self.prior_weight * self.prior.log()

    @torch.no_grad()
    def _follow(self, log_probs: Tensor, lengths: Tensor) -> None:
        self.prior.lerp_(log_probs.exp()[real_frames(log_probs, lengths)].mean(dim=0), PRIOR_STEP)

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


class LateDropout(nn.Module):
    """Dropout of whole channels of a clip, off until the training loop sets `share`: late in the run (Sohn, 2023)."""

    share = 0.0

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.share:
            return values
        kept = torch.rand(len(values), 1, values.shape[2], device=values.device) >= self.share
        return values * kept / (1 - self.share)
