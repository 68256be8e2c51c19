"""Where in a clip each sign is: its frames, by annotation, by the hands, or by the encoder (SPEC §10)."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from asl.models.features.tiers import GLOSS_TIER
from asl.pipelines.corpus.clips import Clip

LETTER_TIER = "letter"
GlossTuple = tuple[str, ...]


@dataclass(frozen=True)
class SignSegment:
    """Frames first…last − 1 of a clip in which glosses are signed: one, or the two of a fused sign."""

    glosses: GlossTuple
    first: int
    last: int


def sign_segments(clip: Clip, hands: np.ndarray, fps: float, spans: Callable[[], Sequence[tuple[int, int]]]) -> list[SignSegment]:
    """Where each gloss of a clip is signed: by its annotation, else where a hand is seen, else where the encoder names it.

    hands: (T,) whether a hand is seen. spans: gives the encoder's frames of each gloss, if they are needed.
    """
    marked: dict[tuple[float, float], list[str]] = {}
    for one in clip.segments:
        if one.tier == GLOSS_TIER and one.value:
            marked.setdefault((one.start, one.end), []).append(one.value)
    if marked:
        found = [(tuple(said), round(start * fps), min(len(hands), round(end * fps))) for (start, end), said in marked.items()]
        return [SignSegment(*one) for one in found if one[2] > one[1]]
    if len(clip.glosses) == 1:
        seen = np.flatnonzero(hands)
        return [SignSegment(clip.glosses, *((int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, len(hands))))]
    return [SignSegment((gloss,), *span) for gloss, span in zip(clip.glosses, spans(), strict=True)]


def letter_segments(clip: Clip, frames: int, fps: float) -> list[tuple[str, int, int]]:
    """Fingerspelled letters of a clip with their frames, [first, last), each up to where the next one of its word begins."""
    marked = sorted((one for one in clip.segments if one.tier == LETTER_TIER), key=lambda one: one.start)
    words = [(one.start, one.end) for one in clip.segments if one.tier == GLOSS_TIER]
    found = []
    for number, one in enumerate(marked):
        within = next((end for start, end in words if start <= one.start < end), one.end)
        following = marked[number + 1].start if number + 1 < len(marked) else within
        found.append((one.value, round(one.start * fps), min(frames, round(min(following, within) * fps))))
    return [one for one in found if one[2] > one[1]]


def rest_spans(found: Sequence[SignSegment], frames: int) -> list[tuple[int, int]]:
    """The frames of a clip in which nothing is signed."""
    edges = [0, *(edge for one in sorted(found, key=lambda one: one.first) for edge in (one.first, one.last)), frames]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def fused_shares(sentences: Iterable[Sequence[SignSegment]]) -> dict[GlossTuple, float]:
    """Of each pair of glosses that was signed as one, how often it was, among all its occurrences side by side."""
    fused, apart = Counter(), Counter()
    for found in sentences:
        fused.update(one.glosses for one in found if len(one.glosses) == 2)
        plain = [one.glosses[0] if len(one.glosses) == 1 else "" for one in found]
        apart.update(pair for pair in pairwise(plain) if all(pair))
    return {pair: count / (count + apart[pair]) for pair, count in fused.items()}
