"""Sign segments: the frames of each sign in a clip, from the annotation, the hands or the encoder (SPEC §10)."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from asl.models.features.tiers import GLOSS_TIER
from asl.pipelines.corpus.clips import Clip

LETTER_TIER = "letter"
#: One gloss, or the verb and the object of a fused sign.
GlossTuple = tuple[str, ...]


@dataclass(frozen=True)
class SignSegment:
    """Frames first…last − 1 of a clip, in which one gloss is signed, or the two of a fused sign."""

    glosses: GlossTuple
    first: int
    last: int


def sign_segments(
    clip: Clip, hands: np.ndarray, fps: float, encoder_spans: Callable[[], Sequence[tuple[int, int]]]
) -> list[SignSegment]:
    """The segments of a clip: from its annotation, else the frames with a visible hand (one gloss), else from the encoder.

    hands: (T,) whether a hand is visible. encoder_spans: returns the [first, last) frames of each gloss; called only if needed.
    """
    annotated: dict[tuple[float, float], list[str]] = {}
    for segment in clip.segments:
        if segment.tier == GLOSS_TIER and segment.value:
            annotated.setdefault((segment.start, segment.end), []).append(segment.value)
    if annotated:
        segments = [
            SignSegment(tuple(glosses), round(start * fps), min(len(hands), round(end * fps)))
            for (start, end), glosses in annotated.items()
        ]
        return [segment for segment in segments if segment.last > segment.first]
    if len(clip.glosses) == 1:
        visible = np.flatnonzero(hands)
        return [SignSegment(clip.glosses, *((int(visible[0]), int(visible[-1]) + 1) if len(visible) else (0, len(hands))))]
    return [SignSegment((gloss,), *span) for gloss, span in zip(clip.glosses, encoder_spans(), strict=True)]


def letter_segments(clip: Clip, frames: int, fps: float) -> list[tuple[str, int, int]]:
    """(letter, first, last) of each annotated fingerspelled letter; it lasts until the next letter of its word begins."""
    marked = sorted((segment for segment in clip.segments if segment.tier == LETTER_TIER), key=lambda segment: segment.start)
    words = [(segment.start, segment.end) for segment in clip.segments if segment.tier == GLOSS_TIER]
    letters = []
    for number, letter in enumerate(marked):
        word_end = next((end for start, end in words if start <= letter.start < end), letter.end)
        following = marked[number + 1].start if number + 1 < len(marked) else word_end
        letters.append((letter.value, round(letter.start * fps), min(frames, round(min(following, word_end) * fps))))
    return [(letter, first, last) for letter, first, last in letters if last > first]


def rest_spans(segments: Sequence[SignSegment], frames: int) -> list[tuple[int, int]]:
    """[first, last) frames of a clip in which nothing is signed."""
    ordered = sorted(segments, key=lambda segment: segment.first)
    edges = [0, *(edge for segment in ordered for edge in (segment.first, segment.last)), frames]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def fused_shares(sentences: Iterable[Sequence[SignSegment]]) -> dict[GlossTuple, float]:
    """For each pair of glosses that was fused: its fused occurrences among all its adjacent ones, fused or not."""
    fused, separate = Counter(), Counter()
    for segments in sentences:
        fused.update(segment.glosses for segment in segments if len(segment.glosses) == 2)
        plain = [segment.glosses[0] if len(segment.glosses) == 1 else "" for segment in segments]
        separate.update(pair for pair in pairwise(plain) if all(pair))
    return {pair: count / (count + separate[pair]) for pair, count in fused.items()}
