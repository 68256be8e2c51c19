"""Encoders behind one interface: (N, T, D), lengths → (N, T, M), lengths (SPEC §5)."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True)
class EncoderSize:
    """Units a direction and layers of a BiLSTM."""

    hidden: int
    layers: int


#: The largest vocabulary that each size is meant for (SPEC §5).
SIZE_BY_GLOSSES = (
    (20, EncoderSize(64, 1)),
    (100, EncoderSize(128, 1)),
    (300, EncoderSize(128, 2)),
    (1000, EncoderSize(256, 2)),
    (2000, EncoderSize(512, 2)),
)


def size_for(glosses: int) -> EncoderSize:
    """The encoder size for a vocabulary (SPEC §5); above 2,000 glosses the largest with three layers."""
    for most, size in SIZE_BY_GLOSSES:
        if glosses <= most:
            return size
    return EncoderSize(512, 3)


class BiLSTMEncoder(nn.Module):
    """Linear → BiLSTM → layer norm (SPEC §5). Output size M = 2 · hidden."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float):
        super().__init__()
        self.hidden, self.layers, self.dropout_share, self.outputs = hidden, layers, dropout, 2 * hidden
        self.project = nn.Sequential(nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout))
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True, bidirectional=True, dropout=between)
        self.norm = nn.LayerNorm(self.outputs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features: (N, T, D), padded after lengths (N,). Returns (N, T, M) and the same lengths."""
        packed = pack_padded_sequence(self.project(features), lengths.cpu(), batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=features.shape[1])
        return self.dropout(self.norm(hidden)), lengths
