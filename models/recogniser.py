"""Encoder and CTC head: features in, log-probabilities of blank and glosses out (SPEC §5, §7)."""

import torch
from torch import Tensor, nn

from models.encoders import BiLSTMEncoder

BLANK = 0
#: How fast the running label shares follow the batches.
PRIOR_STEP = 0.05


class Recogniser(nn.Module):
    """A BiLSTM encoder with a linear head over blank (column 0) and the glosses (columns 1…V).

    `prior`: (V + 1,) running share of each label in the model's own output on training frames. Scores are divided by
    it to the power `prior_weight`: left alone, CTC says blank nearly everywhere and names a sign in one frame, if at
    all, because blank is the safe guess (SPEC §7; label priors after Huang et al., ICASSP 2024). With it a sign is
    named over the frames it lasts.
    """

    prior: Tensor

    def __init__(self, inputs: int, glosses: int, hidden: int, layers: int, dropout: float = 0.0, prior_weight: float = 0.0):
        super().__init__()
        self.encoder = BiLSTMEncoder(inputs, hidden, layers, dropout)
        self.head = nn.Linear(self.encoder.outputs, glosses + 1)
        self.prior_weight = prior_weight
        self.register_buffer("prior", torch.full((glosses + 1,), 1 / (glosses + 1)))

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, D), (N,) → scores (N, T, V + 1), lengths (N,).

        A score is log p(label) − prior_weight · log prior(label); its exponentials need not sum to 1 (see `normalised`).
        """
        encoded, lengths = self.encoder(features, lengths)
        log_probs = torch.log_softmax(self.head(encoded).float(), dim=-1)
        if self.training:
            self._follow(log_probs.detach(), lengths)
        return log_probs - self.prior_weight * self.prior.log(), lengths

    @torch.no_grad()
    def _follow(self, log_probs: Tensor, lengths: Tensor) -> None:
        real = torch.arange(log_probs.shape[1], device=log_probs.device) < lengths.to(log_probs.device)[:, None]
        self.prior.lerp_(log_probs.exp()[real].mean(dim=0), PRIOR_STEP)

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def normalised(scores: Tensor) -> Tensor:
    """Scores (…, V + 1) → log-probabilities; the ranking of label sequences stays the same."""
    return torch.log_softmax(scores, dim=-1)
