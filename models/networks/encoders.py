"""Encoders behind one interface: (N, T, D), lengths → (N, T, M), lengths (SPEC §5)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.objectives.ctc import real_frames

KINDS = ("bilstm", "tcn", "conv-attention")
#: Frames that a depthwise convolution sees, and blocks of convolution between two of attention (Hoyeol Sohn, 2023).
CONV_KERNEL, CONVS_PER_STAGE, EXPANSION, HEADS = 17, 3, 2, 4
TCN_KERNEL = 5
#: A causal encoder attends to this many frames before the current one, so that a stream needs a bounded memory.
CAUSAL_REACH = 64
MAX_HIDDEN, MAX_LAYERS = 4096, 8


@dataclass(frozen=True)
class EncoderSpec:
    """Everything that the shape of an encoder follows from.

    kind: one of KINDS. inputs: D. hidden: units a direction (bilstm) or channels. layers: LSTM layers, dilated
    convolutions (tcn), or stages of three convolutions and one attention (conv-attention). causal: conv-attention
    that looks at no later frame; tcn always is causal, bilstm never. drop_path: share of clips that skip a block.
    """

    kind: str
    inputs: int
    hidden: int
    layers: int
    dropout: float = 0.0
    drop_path: float = 0.0
    causal: bool = False

    def __post_init__(self):
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
        """Whether frames can be encoded as they come, without a look at later ones."""
        return self.kind == "tcn" or self.causal


@dataclass(frozen=True)
class EncoderSize:
    """Units (a direction) and layers."""

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
#: Layers of each kind for one layer of the table: with them the kinds are of like size.
LAYERS_PER_LAYER = {"bilstm": 1, "tcn": 3, "conv-attention": 1}


def size_for(glosses: int, kind: str = "bilstm") -> EncoderSize:
    """The encoder size for a vocabulary (SPEC §5); above 2,000 glosses the largest with three layers."""
    size = next((size for most, size in SIZE_BY_GLOSSES if glosses <= most), EncoderSize(512, 3))
    return EncoderSize(size.hidden, min(MAX_LAYERS, size.layers * LAYERS_PER_LAYER[kind]))


def build_encoder(spec: EncoderSpec) -> "Encoder":
    return {"bilstm": BiLSTMEncoder, "tcn": TCNEncoder, "conv-attention": ConvAttentionEncoder}[spec.kind](spec)


class Encoder(nn.Module):
    """features: (N, T, D), padded after lengths (N,). Returns (N, T, M) and the same lengths; padding stays without effect."""

    def __init__(self, spec: EncoderSpec, outputs: int):
        super().__init__()
        self.spec, self.outputs = spec, outputs
        stem = [nn.Linear(spec.inputs, spec.hidden), nn.LayerNorm(spec.hidden)]
        self.project = nn.Sequential(*stem, nn.GELU(), nn.Dropout(spec.dropout))
        self.norm = nn.LayerNorm(outputs)
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.dropout(self.norm(self.encode(self.project(features), lengths))), lengths

    def encode(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(N, T, hidden), (N,) → (N, T, outputs)."""
        raise NotImplementedError


class BiLSTMEncoder(Encoder):
    """Linear → BiLSTM → layer norm (SPEC §5). Output size M = 2 · hidden.

    The second direction reads each clip turned round within its own length. So padding stays without effect without packed
    sequences, for which torch goes frame by frame: in training, on a CPU, two to three times as long.
    """

    def __init__(self, spec: EncoderSpec):
        super().__init__(spec, 2 * spec.hidden)
        sizes = [spec.hidden, *[2 * spec.hidden] * (spec.layers - 1)]
        self.forwards = nn.ModuleList(nn.LSTM(size, spec.hidden) for size in sizes)
        self.backwards = nn.ModuleList(nn.LSTM(size, spec.hidden) for size in sizes)
        self.between = nn.Dropout(spec.dropout)

    def encode(self, values: Tensor, lengths: Tensor) -> Tensor:
        values, source = values.transpose(0, 1).contiguous(), _turned(lengths.to(values.device), values.shape[1])
        for number, (ahead, back) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            values = self.between(values) if number else values
            values = torch.cat([ahead(values)[0], _at(back(_at(values, source))[0], source)], dim=-1)
        return values.transpose(0, 1)


def _turned(lengths: Tensor, frames: int) -> Tensor:
    """(N,) → (T, N): the frame that stands at each place when clips are turned round and padding stays where it is."""
    time = torch.arange(frames, device=lengths.device)[:, None]
    return torch.where(time < lengths, lengths - 1 - time, time)


def _at(values: Tensor, frames: Tensor) -> Tensor:
    """(T, N, D) values at the (T, N) frames."""
    return values.gather(0, frames[..., None].expand(-1, -1, values.shape[2]))


class BlockEncoder(Encoder):
    """Linear → blocks of one width, each told which frames are real → layer norm. M = hidden."""

    def __init__(self, spec: EncoderSpec, blocks: Iterable[nn.Module]):
        super().__init__(spec, spec.hidden)
        self.blocks = nn.ModuleList(blocks)

    def encode(self, values: Tensor, lengths: Tensor) -> Tensor:
        mask = real_frames(values, lengths)[..., None]
        for block in self.blocks:
            values = block(values, mask)
        return values


class TCNEncoder(BlockEncoder):
    """Causal depthwise convolutions, the dilation doubling from one to the next (SPEC §5); streaming."""

    def __init__(self, spec: EncoderSpec):
        dilations = [2**number for number in range(spec.layers)]
        super().__init__(
            spec,
            (ConvBlock(spec.hidden, TCN_KERNEL, spec.dropout, spec.drop_path, causal=True, dilation=one) for one in dilations),
        )


class ConvAttentionEncoder(BlockEncoder):
    """Stages of three depthwise-convolution blocks and one of attention; streaming where `causal`.

    After the network that won the 2023 isolated-sign competition (Sohn), with layer norms for batch norms, so that a
    clip reads the same alone and in a batch.
    """

    def __init__(self, spec: EncoderSpec):
        how = {"dropout": spec.dropout / 2, "drop_path": spec.drop_path, "causal": spec.causal}
        blocks = []
        for _ in range(spec.layers):
            blocks += [ConvBlock(spec.hidden, CONV_KERNEL, **how) for _ in range(CONVS_PER_STAGE)]
            blocks.append(AttentionBlock(spec.hidden, **how))
        super().__init__(spec, blocks)


class ConvBlock(nn.Module):
    """Norm → wider → depthwise convolution in time → narrower, beside a way past it."""

    def __init__(self, channels: int, kernel: int, dropout: float, drop_path: float, *, causal: bool, dilation: int = 1):
        super().__init__()
        wide = EXPANSION * channels
        self.norm, self.widen = nn.LayerNorm(channels), nn.Linear(channels, wide)
        reach = (kernel - 1) * dilation
        self.padding = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        # In two dimensions, because there torch has a kernel for channels that lie together, six times as fast on a CPU.
        self.convolve = nn.Conv2d(wide, wide, (kernel, 1), groups=wide, dilation=(dilation, 1))
        self.between, self.narrow = nn.LayerNorm(wide), nn.Linear(wide, channels)
        self.dropout, self.drop_path = nn.Dropout(dropout), DropPath(drop_path)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(N, T, C), (N, T, 1) real frames → (N, T, C)."""
        wide = functional.silu(self.widen(self.norm(values))) * mask
        padded = functional.pad(wide, (0, 0, *self.padding)).transpose(1, 2)[..., None]
        convolved = self.convolve(padded)[..., 0].transpose(1, 2)
        return values + self.drop_path(self.dropout(self.narrow(functional.silu(self.between(convolved)))))


class AttentionBlock(nn.Module):
    """Norm → self-attention, then norm → two layers, each beside a way past it. Order comes from the convolutions before."""

    def __init__(self, channels: int, dropout: float, drop_path: float, *, causal: bool):
        super().__init__()
        self.causal = causal
        self.norm, self.mix, self.join = nn.LayerNorm(channels), nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        wide = EXPANSION * channels
        self.feed = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, wide), nn.SiLU(), nn.Linear(wide, channels))
        self.dropout, self.drop_path = nn.Dropout(dropout), DropPath(drop_path)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(N, T, C), (N, T, 1) real frames → (N, T, C)."""
        count, frames, channels = values.shape
        heads = self.mix(self.norm(values)).view(count, frames, 3, HEADS, channels // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        weights = query @ key.transpose(-1, -2) / math.sqrt(channels / HEADS)
        allowed = mask[:, None, None, :, 0]
        if self.causal:
            allowed = allowed & _reach(frames, values.device)
        weights = torch.softmax(weights.masked_fill(~allowed, -1e4), dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(count, frames, channels)
        values = values + self.drop_path(self.dropout(self.join(mixed)))
        return values + self.drop_path(self.dropout(self.feed(values)))


def _reach(frames: int, device: torch.device) -> Tensor:
    """(T, T) bool: which frames a causal encoder may look at from each."""
    behind = torch.arange(frames, device=device)[:, None] - torch.arange(frames, device=device)[None]
    return (behind >= 0) & (behind < CAUSAL_REACH)


class DropPath(nn.Module):
    """In training, whole clips skip a block with probability `share` (stochastic depth; Huang et al., ECCV 2016)."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or not self.share:
            return values
        kept = torch.rand(len(values), 1, 1, device=values.device) >= self.share
        return values * kept / (1 - self.share)
