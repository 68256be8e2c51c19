"""A recogniser that reads a stream in chunks of any length, with its memory as explicit state (SPEC §5, streaming path).

Everything that a causal encoder remembers is what its convolutions and its attention still look back on. Read in chunks, a
clip gets the scores that it gets as a whole.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.features.tiers import BOUNDARY
from asl.models.networks.encoders import CAUSAL_REACH, HEADS, AttentionBlock, ConvBlock
from asl.models.networks.recogniser import Recogniser
from asl.models.objectives.ctc import normalised

#: Frames before the current one that attention remembers.
REMEMBERED = CAUSAL_REACH - 1


class StreamingRecogniser(nn.Module):
    """Recognisers of one causal shape. Raises ValueError for encoders that read a clip from both ends."""

    def __init__(self, members: Sequence[Recogniser]):
        super().__init__()
        if not members[0].encoder.spec.streaming:
            raise ValueError(f"a {members[0].encoder.spec.kind} encoder that is not causal cannot read a stream")
        self.members = nn.ModuleList(members)
        self.tiers = [name for name in members[0].phonology.tiers if name != BOUNDARY]

    def state_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Name and shape of each state after the axis of streams; a stream begins with zeros. The first counts what is real."""
        shapes = [("seen", (REMEMBERED,))]
        for m, member in enumerate(self.members):
            for b, block in enumerate(member.encoder.blocks):
                if isinstance(block, ConvBlock):
                    shapes.append((f"member{m}.block{b}.wide", (block.padding[0], block.widen.out_features)))
                else:
                    width = block.join.in_features
                    shapes += [(f"member{m}.block{b}.{name}", (REMEMBERED, width)) for name in ("keys", "values")]
        return shapes

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """(N, t, D) next frames and the states → (M, N, t, V + 1) log-probabilities of each of M recognisers, (N, t, classes)
        mean posteriors of each tier, then the new states."""
        seen = torch.cat([states[0], torch.ones_like(features[..., 0])], dim=1)
        waiting, after = list(states[1:]), []
        scores, posteriors = [], []
        for member in self.members:
            values = member.encoder.project(features)
            for block in member.encoder.blocks:
                read = _convolved if isinstance(block, ConvBlock) else _attended
                count = 1 if isinstance(block, ConvBlock) else 2
                values, *kept = read(block, values, seen, *waiting[:count])
                waiting, after = waiting[count:], after + kept
            encoded = member.encoder.norm(values)
            scores.append(normalised(member.scores(encoded, torch.zeros(0))))
            said = member.phonology(encoded)
            posteriors.append([torch.softmax(said[name], dim=-1) for name in self.tiers])
        means = [torch.stack(own).mean(dim=0) for own in zip(*posteriors, strict=True)]
        return torch.stack(scores), *means, seen[:, -REMEMBERED:], *after


def _convolved(block: ConvBlock, values: Tensor, seen: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """A ConvBlock on the next frames: its values and what it looks back on from now on."""
    wide = torch.cat([before, functional.silu(block.widen(block.norm(values)))], dim=1)
    convolved = block.convolve(wide.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)
    return values + block.narrow(functional.silu(block.between(convolved))), wide[:, values.shape[1] :]


def _attended(block: AttentionBlock, values: Tensor, seen: Tensor, keys: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """An AttentionBlock on the next frames, the keys and the values that it looks back on from now on."""
    query, key, value = block.mix(block.norm(values)).chunk(3, dim=-1)
    key, value = torch.cat([keys, key], dim=1), torch.cat([held, value], dim=1)
    weights = _heads(query) @ _heads(key).transpose(-1, -2) / math.sqrt(query.shape[-1] / HEADS)
    behind = torch.arange(query.shape[1], device=query.device)[:, None] + REMEMBERED
    behind = behind - torch.arange(key.shape[1], device=query.device)[None]
    allowed = (behind >= 0) & (behind < CAUSAL_REACH) & (seen[:, None, None] > 0)
    weights = torch.softmax(weights.masked_fill(~allowed, -1e4), dim=-1)
    mixed = (weights @ _heads(value)).transpose(1, 2).flatten(2)
    values = values + block.join(mixed)
    return values + block.feed(values), key[:, -REMEMBERED:], value[:, -REMEMBERED:]


def _heads(values: Tensor) -> Tensor:
    """(N, T, C) → (N, HEADS, T, C / HEADS)."""
    return values.unflatten(-1, (HEADS, -1)).transpose(1, 2)
