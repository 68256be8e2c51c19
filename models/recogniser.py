"""Encoder and CTC head: features in, log-probabilities of blank and glosses out (SPEC §5, §7)."""

import torch
from torch import Tensor, nn

from models.encoders import BiLSTMEncoder

BLANK = 0


class Recogniser(nn.Module):
    """A BiLSTM encoder with a linear head over blank (column 0) and the glosses (columns 1…V)."""

    def __init__(self, inputs: int, glosses: int, hidden: int, layers: int, dropout: float = 0.0):
        super().__init__()
        self.encoder = BiLSTMEncoder(inputs, hidden, layers, dropout)
        self.head = nn.Linear(self.encoder.outputs, glosses + 1)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, D), (N,) → log-probabilities (N, T, V + 1), lengths (N,)."""
        encoded, lengths = self.encoder(features, lengths)
        return torch.log_softmax(self.head(encoded).float(), dim=-1), lengths

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())
