"""A recogniser that reads a stream in chunks of any length, with explicit state (SPEC §5, streaming path).

The state is what the convolutions and the attention of a causal encoder look back on. A clip that is read in chunks gets the same
scores as in one piece.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.features.tiers import BOUNDARY
from asl.models.networks.encoders import CAUSAL_REACH, HEADS, AttentionBlock, BlockEncoder, ConvBlock
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.ctc import normalised

#: Frames before the current one that attention uses.
REMEMBERED = CAUSAL_REACH - 1


class StreamingRecogniser(nn.Module):
    """An ensemble of recognisers with the same causal encoder shape. Raises ValueError if the encoder is not causal."""

    def __init__(self, members: Sequence[RecogniserNetwork]):
        super().__init__()
        if not members[0].encoder.spec.streaming:
            raise ValueError(f"a {members[0].encoder.spec.kind} encoder that is not causal cannot read a stream")
        self.members = nn.ModuleList(members)
        self.tiers = [name for name in members[0].phonology.tiers if name != BOUNDARY]

    def _members(self) -> list[RecogniserNetwork]:
        return [cast(RecogniserNetwork, member) for member in self.members]

    def state_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """The name and shape of each state, without the leading axis of streams N. All start as zeros.

        The first marks which of the remembered frames are real.
        """
        shapes: list[tuple[str, tuple[int, ...]]] = [("seen", (REMEMBERED,))]
        for m, member in enumerate(self._members()):
            for b, block in enumerate(_blocks(member)):
                if isinstance(block, ConvBlock):
                    shapes.append((f"member{m}.block{b}.wide", (block.padding[0], block.widen.out_features)))
                else:
                    width = block.join.in_features
                    shapes += [(f"member{m}.block{b}.{name}", (REMEMBERED, width)) for name in ("keys", "values")]
        return shapes

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Reads the next frames.

        features: (N, t, D); states: as in `state_shapes`. Returns (M, N, t, V + 1) log-probabilities of each of M members,
        (N, t, classes) mean posteriors of each tier, and the new states.
        """
        seen = torch.cat([states[0], torch.ones_like(features[..., 0])], dim=1)
        old_states = list(states[1:])
        new_states: list[Tensor] = []
        scores, posteriors = [], []
        for member in self._members():
            values = member.encoder.project(features)
            for block in _blocks(member):
                if isinstance(block, ConvBlock):
                    values, *updated = _convolve(block, values, old_states.pop(0))
                else:
                    values, *updated = _attend(block, values, seen, old_states.pop(0), old_states.pop(0))
                new_states += updated
            encoded = member.encoder.norm(values)
            scores.append(normalised(member.scores(encoded, torch.zeros(0))))
            logits = member.phonology(encoded)
            posteriors.append([torch.softmax(logits[name], dim=-1) for name in self.tiers])
        means = [torch.stack(members).mean(dim=0) for members in zip(*posteriors, strict=True)]
        return torch.stack(scores), *means, seen[:, -REMEMBERED:], *new_states


def _blocks(member: RecogniserNetwork) -> list[ConvBlock | AttentionBlock]:
    return [cast(ConvBlock | AttentionBlock, block) for block in cast(BlockEncoder, member.encoder).blocks]


def _convolve(block: ConvBlock, values: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
    """A ConvBlock on the next frames (N, t, C): its values, and the new history of its convolution."""
    wide = torch.cat([history, functional.silu(block.widen(block.norm(values)))], dim=1)
    convolved = block.convolve(wide.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)
    return values + block.narrow(functional.silu(block.between(convolved))), wide[:, values.shape[1] :]


def _attend(
    block: AttentionBlock, values: Tensor, seen: Tensor, key_history: Tensor, value_history: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """An AttentionBlock on the next frames (N, t, C): its values, and the new histories of keys and values.

    seen: (N, REMEMBERED + t) 1 for real frames.
    """
    query, key, value = block.mix(block.norm(values)).chunk(3, dim=-1)
    key, value = torch.cat([key_history, key], dim=1), torch.cat([value_history, value], dim=1)
    weights = _split_heads(query) @ _split_heads(key).transpose(-1, -2) / math.sqrt(query.shape[-1] / HEADS)
    distance = torch.arange(query.shape[1], device=query.device)[:, None] + REMEMBERED
    distance = distance - torch.arange(key.shape[1], device=query.device)[None]
    allowed = (distance >= 0) & (distance < CAUSAL_REACH) & (seen[:, None, None] > 0)
    weights = torch.softmax(weights.masked_fill(~allowed, -1e4), dim=-1)
    attended = (weights @ _split_heads(value)).transpose(1, 2).flatten(2)
    values = values + block.join(attended)
    return values + block.feed(values), key[:, -REMEMBERED:], value[:, -REMEMBERED:]


def _split_heads(values: Tensor) -> Tensor:
    """(N, T, C) → (N, HEADS, T, C / HEADS)."""
    return values.unflatten(-1, (HEADS, -1)).transpose(1, 2)
