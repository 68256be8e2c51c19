"""Structured pruning: a recogniser with fewer units, cut out of a larger one, so that it is smaller and faster as it stands.

Of every set of units that stand for each other those with the largest weights are kept (Li et al., ICLR 2017); training goes on
from there. What the rest did is lost, so without that it reads worse.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from asl.models.networks.encoders import HEADS, AttentionBlock, ConvBlock
from asl.models.networks.recogniser import Recogniser

#: Gates of an LSTM, whose weights lie one below the other.
GATES = 4


def prune_recogniser(recogniser: Recogniser, share: float) -> Recogniser:
    """A recogniser of the same kind without about `share` of its units or channels. Raises ValueError: none would be left."""
    spec = recogniser.encoder.spec
    hidden = HEADS * round(spec.hidden * (1 - share) / HEADS)
    if not 0 < hidden <= spec.hidden:
        raise ValueError(f"{share:.0%} of {spec.hidden} units leave nothing to learn with")
    glosses, tiers = recogniser.head.out_features - 1, recogniser.phonology.tiers
    small = Recogniser(replace(spec, hidden=hidden), glosses, recogniser.prior_weight, tiers)
    small.prior.copy_(recogniser.prior)
    with torch.no_grad():
        stem = _strongest(_rows(recogniser.encoder.project[0].weight), hidden)
        _linear(small.encoder.project[0], recogniser.encoder.project[0], stem, None)
        _norm(small.encoder.project[1], recogniser.encoder.project[1], stem)
        out = (_lstm if spec.kind == "bilstm" else _blocks)(small, recogniser, stem)
        _norm(small.encoder.norm, recogniser.encoder.norm, out)
        for own, old in zip((small.head, *small.phonology.heads), (recogniser.head, *recogniser.phonology.heads), strict=True):
            _linear(own, old, None, out)
    return small.eval()


def _lstm(small: Recogniser, old: Recogniser, inputs: Tensor) -> Tensor:
    """Fills the layers of both directions; the outputs that are kept."""
    size = old.encoder.spec.hidden
    for layer in range(old.encoder.spec.layers):
        kept = []
        for name in ("forwards", "backwards"):
            own, theirs = (getattr(one.encoder, name)[layer] for one in (small, old))
            gates = theirs.weight_hh_l0.view(GATES, size, size)
            units = _strongest(gates.square().sum(dim=(0, 2)) + gates.square().sum(dim=(0, 1)), small.encoder.spec.hidden)
            rows = torch.cat([gate * size + units for gate in range(GATES)])
            own.weight_ih_l0.copy_(theirs.weight_ih_l0[rows][:, inputs])
            own.weight_hh_l0.copy_(theirs.weight_hh_l0[rows][:, units])
            own.bias_ih_l0.copy_(theirs.bias_ih_l0[rows])
            own.bias_hh_l0.copy_(theirs.bias_hh_l0[rows])
            kept.append(units)
        inputs = torch.cat([kept[0], size + kept[1]])
    return inputs


def _blocks(small: Recogniser, old: Recogniser, stream: Tensor) -> Tensor:
    """Fills the blocks, which all read and write the channels `stream`; these."""
    for own, theirs in zip(small.encoder.blocks, old.encoder.blocks, strict=True):
        fill: Callable = _conv_block if isinstance(theirs, ConvBlock) else _attention_block
        fill(own, theirs, stream)
    return stream


def _conv_block(own: ConvBlock, old: ConvBlock, stream: Tensor) -> None:
    wide = _strongest(_rows(old.widen.weight) + _rows(old.narrow.weight.T), own.widen.out_features)
    _norm(own.norm, old.norm, stream)
    _linear(own.widen, old.widen, wide, stream)
    own.convolve.weight.copy_(old.convolve.weight[wide])
    own.convolve.bias.copy_(old.convolve.bias[wide])
    _norm(own.between, old.between, wide)
    _linear(own.narrow, old.narrow, stream, wide)


def _attention_block(own: AttentionBlock, old: AttentionBlock, stream: Tensor) -> None:
    channels, width = old.join.in_features, own.join.in_features // HEADS
    strength = _rows(old.mix.weight).view(3, HEADS, channels // HEADS)
    # Of each head as many; queries and keys belong together.
    asked = torch.cat([head * (channels // HEADS) + _strongest(one, width) for head, one in enumerate(strength[0] + strength[1])])
    given = torch.cat([head * (channels // HEADS) + _strongest(one, width) for head, one in enumerate(strength[2])])
    _norm(own.norm, old.norm, stream)
    _linear(own.mix, old.mix, torch.cat([asked, channels + asked, 2 * channels + given]), stream)
    _linear(own.join, old.join, stream, given)
    norm, widen, _, narrow = old.feed
    wide = _strongest(_rows(widen.weight) + _rows(narrow.weight.T), own.feed[1].out_features)
    _norm(own.feed[0], norm, stream)
    _linear(own.feed[1], widen, wide, stream)
    _linear(own.feed[3], narrow, stream, wide)


def _rows(weight: Tensor) -> Tensor:
    """(R, C) → (R,) how strong each row is."""
    return weight.square().sum(dim=1)


def _strongest(strength: Tensor, count: int) -> Tensor:
    """The `count` strongest, in the order in which they stand."""
    return strength.topk(count).indices.sort().values


def _linear(own: nn.Linear, old: nn.Linear, outputs: Tensor | None, inputs: Tensor | None) -> None:
    weight, bias = (old.weight, old.bias) if outputs is None else (old.weight[outputs], old.bias[outputs])
    own.weight.copy_(weight if inputs is None else weight[:, inputs])
    own.bias.copy_(bias)


def _norm(own: nn.LayerNorm, old: nn.LayerNorm, kept: Tensor) -> None:
    own.weight.copy_(old.weight[kept])
    own.bias.copy_(old.bias[kept])
