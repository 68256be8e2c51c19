"""Structured pruning: a smaller recogniser made of the strongest units of a larger one, without sparse matrices.

In every group of interchangeable units those with the largest weights are kept (Li et al., ICLR 2017). The result is less
accurate until it is trained further.
"""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from asl.models.networks.encoders import HEADS, AttentionBlock, BiLSTMEncoder, BlockEncoder, ConvBlock
from asl.models.networks.recogniser import RecogniserNetwork

#: Gates of an LSTM; their weights are the row blocks of one matrix.
GATES = 4


def prune_recogniser(recogniser: RecogniserNetwork, share: float) -> RecogniserNetwork:
    """A copy of the recogniser, in evaluation mode, without about `share` of its units or channels.

    Raises ValueError if none would be left.
    """
    spec = recogniser.encoder.spec
    hidden = HEADS * round(spec.hidden * (1 - share) / HEADS)
    if not 0 < hidden <= spec.hidden:
        raise ValueError(f"pruning {share:.0%} of {spec.hidden} units leaves none")
    glosses, tiers = recogniser.head.out_features - 1, recogniser.phonology.tiers
    small = RecogniserNetwork(replace(spec, hidden=hidden), glosses, recogniser.prior_weight, tiers)
    small.prior.copy_(recogniser.prior)
    with torch.no_grad():
        outputs = _copy_encoder(small, recogniser, hidden)
        for new, old in zip(_heads(small), _heads(recogniser), strict=True):
            _copy_linear(new, old, None, outputs)
    return small.eval()


def _heads(recogniser: RecogniserNetwork) -> list[nn.Linear]:
    return [recogniser.head, *(cast(nn.Linear, head) for head in recogniser.phonology.heads)]


def _copy_encoder(small: RecogniserNetwork, large: RecogniserNetwork, hidden: int) -> Tensor:
    """Fills the small encoder; returns the indices of the large one's outputs that it has."""
    new_linear, new_norm = _stem(small)
    old_linear, old_norm = _stem(large)
    stem = _strongest(_row_strengths(old_linear.weight), hidden)
    _copy_linear(new_linear, old_linear, stem, None)
    _copy_norm(new_norm, old_norm, stem)
    if isinstance(small.encoder, BiLSTMEncoder):
        outputs = _copy_lstms(small.encoder, cast(BiLSTMEncoder, large.encoder), stem)
    else:
        outputs = _copy_blocks(cast(BlockEncoder, small.encoder), cast(BlockEncoder, large.encoder), stem)
    _copy_norm(small.encoder.norm, large.encoder.norm, outputs)
    return outputs


def _stem(recogniser: RecogniserNetwork) -> tuple[nn.Linear, nn.LayerNorm]:
    linear, norm, *_ = recogniser.encoder.project
    return cast(nn.Linear, linear), cast(nn.LayerNorm, norm)


def _copy_lstms(small: BiLSTMEncoder, large: BiLSTMEncoder, inputs: Tensor) -> Tensor:
    """Fills the layers of both directions; returns the indices of the outputs that are kept."""
    size = large.spec.hidden
    for layer in range(large.spec.layers):
        ahead = _copy_lstm(cast(nn.LSTM, small.forwards[layer]), cast(nn.LSTM, large.forwards[layer]), inputs)
        back = _copy_lstm(cast(nn.LSTM, small.backwards[layer]), cast(nn.LSTM, large.backwards[layer]), inputs)
        inputs = torch.cat([ahead, size + back])
    return inputs


def _copy_lstm(new: nn.LSTM, old: nn.LSTM, inputs: Tensor) -> Tensor:
    """Fills one layer of one direction; returns the indices of the units that are kept."""
    size = old.hidden_size
    gates = cast(Tensor, old.weight_hh_l0).view(GATES, size, size)
    units = _strongest(gates.square().sum(dim=(0, 2)) + gates.square().sum(dim=(0, 1)), new.hidden_size)
    rows = torch.cat([gate * size + units for gate in range(GATES)])
    for name, columns in (("weight_ih_l0", inputs), ("weight_hh_l0", units)):
        getattr(new, name).copy_(getattr(old, name)[rows][:, columns])
    for name in ("bias_ih_l0", "bias_hh_l0"):
        getattr(new, name).copy_(getattr(old, name)[rows])
    return units


def _copy_blocks(small: BlockEncoder, large: BlockEncoder, channels: Tensor) -> Tensor:
    """Fills the blocks, which all read and write the same `channels`; returns these."""
    for new, old in zip(small.blocks, large.blocks, strict=True):
        if isinstance(new, ConvBlock):
            _copy_conv_block(new, cast(ConvBlock, old), channels)
        else:
            _copy_attention_block(cast(AttentionBlock, new), cast(AttentionBlock, old), channels)
    return channels


def _copy_conv_block(new: ConvBlock, old: ConvBlock, channels: Tensor) -> None:
    wide = _strongest(_row_strengths(old.widen.weight) + _row_strengths(old.narrow.weight.T), new.widen.out_features)
    _copy_norm(new.norm, old.norm, channels)
    _copy_linear(new.widen, old.widen, wide, channels)
    new.convolve.weight.copy_(old.convolve.weight[wide])
    cast(Tensor, new.convolve.bias).copy_(cast(Tensor, old.convolve.bias)[wide])
    _copy_norm(new.between, old.between, wide)
    _copy_linear(new.narrow, old.narrow, channels, wide)


def _copy_attention_block(new: AttentionBlock, old: AttentionBlock, channels: Tensor) -> None:
    size, width = old.join.in_features, new.join.in_features // HEADS
    strength = _row_strengths(old.mix.weight).view(3, HEADS, size // HEADS)
    # Each head keeps the same number of channels; those of queries and keys must be the same.
    queries = _strongest_per_head(strength[0] + strength[1], width)
    values = _strongest_per_head(strength[2], width)
    _copy_norm(new.norm, old.norm, channels)
    _copy_linear(new.mix, old.mix, torch.cat([queries, size + queries, 2 * size + values]), channels)
    _copy_linear(new.join, old.join, channels, values)
    new_norm, new_widen, new_narrow = _feed_forward(new)
    old_norm, old_widen, old_narrow = _feed_forward(old)
    wide = _strongest(_row_strengths(old_widen.weight) + _row_strengths(old_narrow.weight.T), new_widen.out_features)
    _copy_norm(new_norm, old_norm, channels)
    _copy_linear(new_widen, old_widen, wide, channels)
    _copy_linear(new_narrow, old_narrow, channels, wide)


def _feed_forward(block: AttentionBlock) -> tuple[nn.LayerNorm, nn.Linear, nn.Linear]:
    norm, widen, _, narrow = block.feed
    return cast(nn.LayerNorm, norm), cast(nn.Linear, widen), cast(nn.Linear, narrow)


def _row_strengths(weight: Tensor) -> Tensor:
    """(R, C) → (R,) sum of squares of each row."""
    return weight.square().sum(dim=1)


def _strongest(strength: Tensor, count: int) -> Tensor:
    """The indices of the `count` largest values, ascending."""
    return strength.topk(count).indices.sort().values


def _strongest_per_head(strength: Tensor, count: int) -> Tensor:
    """(HEADS, C / HEADS) → the indices among the C channels of the `count` strongest of each head."""
    size = strength.shape[1]
    return torch.cat([head * size + _strongest(channels, count) for head, channels in enumerate(strength)])


def _copy_linear(new: nn.Linear, old: nn.Linear, outputs: Tensor | None, inputs: Tensor | None) -> None:
    """Copies the rows `outputs` and the columns `inputs`; None copies all."""
    weight, bias = (old.weight, old.bias) if outputs is None else (old.weight[outputs], old.bias[outputs])
    new.weight.copy_(weight if inputs is None else weight[:, inputs])
    new.bias.copy_(bias)


def _copy_norm(new: nn.LayerNorm, old: nn.LayerNorm, channels: Tensor) -> None:
    new.weight.copy_(old.weight[channels])
    new.bias.copy_(old.bias[channels])
