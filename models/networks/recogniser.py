"""The recogniser: an encoder with a CTC head, from features to scores of blank and glosses (SPEC §5, §7)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from asl.models.networks.encoders import EncoderSpec, build_encoder
from asl.models.networks.phonology_heads import PhonologyHeads
from asl.models.objectives.ctc import real_frames

#: Weight of a batch in the running label shares.
PRIOR_STEP = 0.05


class RecogniserNetwork(nn.Module):
    """An encoder with a linear head over blank (column 0) and the glosses (columns 1…V).

    prior: (V + 1,) running share of each label in the model's own output on training frames. Probabilities are divided by it to
    the power `prior_weight`. Without this, CTC predicts blank nearly everywhere and a gloss in one frame, if at all, because
    blank is the safest label (SPEC §7; label priors after Huang et al., ICASSP 2024). With it, a gloss is predicted over all
    frames of its sign. phonology: heads of the tiers (name → classes) that are trained along with it.
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
        """(N, T, D) features, (N,) lengths → (N, T, V + 1) scores, (N,) lengths.

        A score is log p(label) − prior_weight · log prior(label). The exponentials of a frame need not sum to 1 (see
        `normalised`).
        """
        encoded, lengths = self.encoder(features, lengths)
        return self.scores(encoded, lengths), lengths

    def scores(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, M) encoded frames, (N,) lengths → (N, T, V + 1) scores, as in `forward`. Updates the prior in training."""
        log_probs = torch.log_softmax(self.head(self.late(encoded)).float(), dim=-1)
        if self.training:
            self._update_prior(log_probs.detach(), lengths)
        return log_probs - self.prior_weight * self.prior.log()

    @torch.no_grad()
    def _update_prior(self, log_probs: Tensor, lengths: Tensor) -> None:
        self.prior.lerp_(log_probs.exp()[real_frames(log_probs, lengths)].mean(dim=0), PRIOR_STEP)

    def parameter_count(self) -> int:
        """The number of trainable values."""
        return sum(parameter.numel() for parameter in self.parameters())


class LateDropout(nn.Module):
    """Dropout of whole channels of a clip. It is off until the training loop sets `share`, late in the run (Sohn, 2023)."""

    share = 0.0

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.share:
            return values
        mask = torch.rand(len(values), 1, values.shape[2], device=values.device) >= self.share
        return values * mask / (1 - self.share)
