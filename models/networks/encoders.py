"""The encoders, with one interface: (N, T, D), lengths → (N, T, M), lengths (SPEC §5)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.objectives.ctc import real_frames

KINDS = ("bilstm", "tcn", "conv-attention")
#: Frames of a depthwise convolution, convolution blocks per attention block, expansion of channels, attention heads (Sohn, 2023).
CONV_KERNEL, CONVS_PER_STAGE, EXPANSION, HEADS = 17, 3, 2, 4
TCN_KERNEL = 5
#: A causal encoder attends to this many frames up to the current one, so that a stream needs bounded memory.
CAUSAL_REACH = 64
MAX_HIDDEN, MAX_LAYERS = 4096, 8


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that determines the shape of an encoder.

    kind: one of KINDS. inputs: D. hidden: units per direction (bilstm) or channels. layers: LSTM layers, dilated convolutions
    (tcn), or stages of three convolutions and one attention (conv-attention). dropout: probability. drop_path: share of clips
    that skip a block. causal: whether conv-attention uses no later frame; tcn is always causal, bilstm never.
    Raises ValueError if the values do not fit together.
    """

    kind: str
    inputs: int
    hidden: int
    layers: int
    dropout: float = 0.0
    drop_path: float = 0.0
    causal: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no encoder '{self.kind}'; known: {', '.join(KINDS)}")
        if not (0 < self.hidden <= MAX_HIDDEN and 0 < self.layers <= MAX_LAYERS and self.inputs > 0):
            raise ValueError(f"encoder of {self.hidden} units, {self.layers} layers, {self.inputs} inputs: out of range")
        if self.kind == "conv-attention" and self.hidden % HEADS:
            raise ValueError(f"conv-attention takes a multiple of {HEADS} channels, got {self.hidden}")
        if self.causal and self.kind == "bilstm":
            raise ValueError("a bilstm reads the clip from both ends and cannot be causal")

    @property
    def streaming(self) -> bool:
        """Whether frames can be encoded without later ones."""
        return self.kind == "tcn" or self.causal


@dataclass(frozen=True)
class EncoderSize:
    """hidden: units per direction (bilstm) or channels. layers: as in EncoderSpec."""

    hidden: int
    layers: int


#: The largest vocabulary for each size (SPEC §5).
SIZE_BY_GLOSSES = (
    (20, EncoderSize(64, 1)),
    (100, EncoderSize(128, 1)),
    (300, EncoderSize(128, 2)),
    (1000, EncoderSize(256, 2)),
    (2000, EncoderSize(512, 2)),
)
#: Layers of each kind for one layer of the table, so that all kinds have similar sizes.
LAYERS_PER_LAYER = {"bilstm": 1, "tcn": 3, "conv-attention": 1}


def size_for(glosses: int, kind: str = "bilstm") -> EncoderSize:
    """The encoder size for a vocabulary (SPEC §5); above 2,000 glosses the largest with three layers."""
    size = next((size for largest, size in SIZE_BY_GLOSSES if glosses <= largest), EncoderSize(512, 3))
    return EncoderSize(size.hidden, min(MAX_LAYERS, size.layers * LAYERS_PER_LAYER[kind]))


def build_encoder(spec: EncoderSpec) -> "Encoder":
    """An untrained encoder."""
    return {"bilstm": BiLSTMEncoder, "tcn": TCNEncoder, "conv-attention": ConvAttentionEncoder}[spec.kind](spec)


class Encoder(nn.Module):
    """Projects features to the hidden size, encodes them, and normalises the result. outputs: M.

    Subclasses implement `encode`. Padding must not affect other frames.
    """

    def __init__(self, spec: EncoderSpec, outputs: int):
        super().__init__()
        self.spec, self.outputs = spec, outputs
        stem = [nn.Linear(spec.inputs, spec.hidden), nn.LayerNorm(spec.hidden)]
        self.project = nn.Sequential(*stem, nn.GELU(), nn.Dropout(spec.dropout))
        self.norm = nn.LayerNorm(outputs)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, D) features, padded after lengths (N,) → (N, T, M), and the same lengths."""
        return self.dropout(self.norm(self.encode(self.project(features), lengths))), lengths

    def encode(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, hidden), (N,) lengths → (N, T, M)."""
        raise NotImplementedError


class BiLSTMEncoder(Encoder):
    """Linear → BiLSTM → layer norm (SPEC §5). M = 2 · hidden.

    The second direction reads each clip reversed within its own length, so that padding has no effect. Packed sequences would do
    the same, but torch processes them frame by frame: training on a CPU takes two to three times as long.
    """

    def __init__(self, spec: EncoderSpec):
        super().__init__(spec, 2 * spec.hidden)
        sizes = [spec.hidden, *[2 * spec.hidden] * (spec.layers - 1)]
        self.forwards = nn.ModuleList(nn.LSTM(size, spec.hidden) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, spec.hidden) for size in sizes)
        self.between = nn.Dropout(spec.dropout)

    def encode(self, values: Tensor, lengths: Tensor) -> Tensor:
        values, source = values.transpose(0, 1).contiguous(), _reversed_frames(lengths.to(values.device), values.shape[1])
        for layer, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            values = self.between(values) if layer else values
            ahead, back = forwards(values)[0], backwards(_gather_frames(values, source))[0]
            values = torch.cat([ahead, _gather_frames(back, source)], dim=-1)
        return values.transpose(0, 1)


def _reversed_frames(lengths: Tensor, frames: int) -> Tensor:
    """(N,) lengths → (T, N) source frame of each frame, where clips are reversed and padding stays at the end."""
    time = torch.arange(frames, device=lengths.device)[:, None]
    return torch.where(time < lengths, lengths - 1 - time, time)


def _gather_frames(values: Tensor, frames: Tensor) -> Tensor:
    """(T, N, D) values, (T, N) source frames → (T, N, D)."""
    return values.gather(0, frames[..., None].expand(-1, -1, values.shape[2]))


class BlockEncoder(Encoder):
    """Linear → blocks of one width, which get the mask of real frames → layer norm. M = hidden."""

    def __init__(self, spec: EncoderSpec, blocks: Iterable[nn.Module]):
        super().__init__(spec, spec.hidden)
        self.blocks = nn.ModuleList(blocks)

    def encode(self, values: Tensor, lengths: Tensor) -> Tensor:
        mask = real_frames(values, lengths)[..., None]
        for block in self.blocks:
            values = block(values, mask)
        return values


class TCNEncoder(BlockEncoder):
    """Causal depthwise convolutions; the dilation doubles from one to the next (SPEC §5). Streaming."""

    def __init__(self, spec: EncoderSpec):
        def block(dilation: int) -> ConvBlock:
            return ConvBlock(spec.hidden, TCN_KERNEL, spec.dropout, spec.drop_path, causal=True, dilation=dilation)

        super().__init__(spec, (block(2**layer) for layer in range(spec.layers)))


class ConvAttentionEncoder(BlockEncoder):
    """Stages of three depthwise-convolution blocks and one attention block; streaming if `spec.causal`.

    After the network that won the 2023 isolated-sign competition (Sohn), with layer norms instead of batch norms, so that a
    clip gets the same result alone and in a batch.
    """

    def __init__(self, spec: EncoderSpec):
        dropout, drop_path, causal = spec.dropout / 2, spec.drop_path, spec.causal
        blocks: list[nn.Module] = []
        for _ in range(spec.layers):
            blocks += [ConvBlock(spec.hidden, CONV_KERNEL, dropout, drop_path, causal=causal) for _ in range(CONVS_PER_STAGE)]
            blocks.append(AttentionBlock(spec.hidden, dropout, drop_path, causal=causal))
        super().__init__(spec, blocks)


class ConvBlock(nn.Module):
    """Norm → linear to more channels → depthwise convolution in time → linear back, with a residual connection.

    kernel: frames, `dilation` apart. causal: pads on the left only, so that no later frame is used.
    """

    def __init__(self, channels: int, kernel: int, dropout: float, drop_path: float, *, causal: bool, dilation: int = 1):
        super().__init__()
        wide = EXPANSION * channels
        self.norm, self.widen = nn.LayerNorm(channels), nn.Linear(channels, wide)
        reach = (kernel - 1) * dilation
        self.padding = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        # Two-dimensional, because torch then has a channels-last kernel, which is six times as fast on a CPU.
        self.convolve = nn.Conv2d(wide, wide, (kernel, 1), groups=wide, dilation=(dilation, 1))
        self.between, self.narrow = nn.LayerNorm(wide), nn.Linear(wide, channels)
        self.dropout, self.drop_path = nn.Dropout(dropout), DropPath(drop_path)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(N, T, C) values, (N, T, 1) mask of real frames → (N, T, C)."""
        wide = functional.silu(self.widen(self.norm(values))) * mask
        padded = functional.pad(wide, (0, 0, *self.padding)).transpose(1, 2)[..., None]
        convolved = self.convolve(padded)[..., 0].transpose(1, 2)
        return values + self.drop_path(self.dropout(self.narrow(functional.silu(self.between(convolved)))))


class AttentionBlock(nn.Module):
    """Self-attention, then a feed-forward network, each after a norm and with a residual connection.

    There is no positional encoding: the convolutions before it make positions distinguishable.
    """

    def __init__(self, channels: int, dropout: float, drop_path: float, *, causal: bool):
        super().__init__()
        self.causal = causal
        self.norm, self.mix, self.join = nn.LayerNorm(channels), nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        wide = EXPANSION * channels
        self.feed = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, wide), nn.SiLU(), nn.Linear(wide, channels))
        self.dropout, self.drop_path = nn.Dropout(dropout), DropPath(drop_path)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(N, T, C) values, (N, T, 1) mask of real frames → (N, T, C)."""
        count, frames, channels = values.shape
        heads = self.mix(self.norm(values)).view(count, frames, 3, HEADS, channels // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        weights = query @ key.transpose(-1, -2) / math.sqrt(channels / HEADS)
        allowed = mask[:, None, None, :, 0]
        if self.causal:
            allowed = allowed & _causal_mask(frames, values.device)
        weights = torch.softmax(weights.masked_fill(~allowed, -1e4), dim=-1)
        attended = (weights @ value).transpose(1, 2).reshape(count, frames, channels)
        values = values + self.drop_path(self.dropout(self.join(attended)))
        return values + self.drop_path(self.dropout(self.feed(values)))


def _causal_mask(frames: int, device: torch.device) -> Tensor:
    """(T, T) bool: whether frame t may attend to frame t': 0 ≤ t − t' < CAUSAL_REACH."""
    distance = torch.arange(frames, device=device)[:, None] - torch.arange(frames, device=device)[None]
    return (distance >= 0) & (distance < CAUSAL_REACH)


class DropPath(nn.Module):
    """Stochastic depth: in training, whole clips skip a block with probability `share` (Huang et al., ECCV 2016)."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.share:
            return values
        mask = torch.rand(len(values), 1, 1, device=values.device) >= self.share
        return values * mask / (1 - self.share)
