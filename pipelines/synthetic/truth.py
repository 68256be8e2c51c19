"""Ground truth of a synthetic clip, as annotation tiers of all four levels (SPEC §7, §8, §9).

Tiers: gloss and letter (level 1); handshape, location, orientation, movement, face of the dominant hand, and base-handshape of
the non-dominant hand (level 2; every moment has one value, so that frames at any rate can be labelled); reference and locus
(level 3; loci as 'a JOHN x y z' in the signer frame); form (plain or fused) and context (the coarticulation of a sign).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from asl.models.features.tiers import FUSED, PLAIN, Segment
from asl.pipelines.synthetic.motion import Span
from asl.pipelines.synthetic.sentences import Word, locus_direction
from asl.pipelines.synthetic.signers import Signer


def segments(words: Sequence[Word], spans: Sequence[Span], signer: Signer, seconds: float) -> tuple[Segment, ...]:
    """All tiers of a clip. words, spans: of the performance; the note 'word' of an act is the number of its word."""
    times = [_word_times(number, spans) for number in range(len(words))]
    tiers = [*_glosses(words, times), *_letters(spans), *_discourse(words, times, signer, seconds), *_forms(words, times)]
    tiers += [
        Segment("context", " ".join(span.act.notes["context"]), *_times_of(span)) for span in spans if "context" in span.act.notes
    ]
    return tuple(_rounded(segment) for segment in [*tiers, *_phonology(words, spans, seconds)])


def _rounded(segment: Segment) -> Segment:
    return Segment(segment.tier, segment.value, round(segment.start, 4), round(segment.end, 4))


def _word_times(number: int, spans: Sequence[Span]) -> tuple[float, float]:
    of_word = [span for span in spans if span.act.notes.get("word") == number]
    return of_word[0].start, of_word[-1].end


def _times_of(span: Span) -> tuple[float, float]:
    return span.start, span.end


def _glosses(words: Sequence[Word], times) -> Iterator[Segment]:
    for word, (start, end) in zip(words, times, strict=True):
        for gloss in word.glosses:
            yield Segment("gloss", gloss, start, end)


def _letters(spans: Sequence[Span]) -> Iterator[Segment]:
    for span in spans:
        if "letter" in span.act.notes:
            yield Segment("letter", span.act.notes["letter"], *_times_of(span))


def _discourse(words: Sequence[Word], times, signer: Signer, seconds: float) -> Iterator[Segment]:
    """The tier reference (introduce a, retrieve a, agree a>b), and the tier locus: its referent and direction from then on."""
    for word, (start, end) in zip(words, times, strict=True):
        if word.kind == "point" and word.goal != "1":
            yield Segment("reference", f"{'introduce' if word.introduces else 'retrieve'} {word.goal}", start, end)
        if word.source:
            yield Segment("reference", f"agree {word.source}>{word.goal}", start, end)
        if word.introduces:
            direction = in_signer_frame(locus_direction(word.goal), signer)
            yield Segment("locus", f"{word.goal} {word.referent} {' '.join(f'{x:.3f}' for x in direction)}", start, seconds)


def in_signer_frame(vector: np.ndarray, signer: Signer) -> np.ndarray:
    """(x, y, z) in the signer frame of (out, down, forward), relative to the dominant hand's side."""
    return vector * [-1 if signer.right_handed else 1, 1, -1]


def _forms(words: Sequence[Word], times) -> Iterator[Segment]:
    for word, (start, end) in zip(words, times, strict=True):
        if word.kind in ("fused", "agree", "sign"):
            value = f"{FUSED} {word.signs[1].gloss} {word.signs[2].gloss}" if word.kind == "fused" else PLAIN
            yield Segment("form", value, start, end)


def _phonology(words: Sequence[Word], spans: Sequence[Span], seconds: float) -> Iterator[Segment]:
    """The phonological tiers as runs of equal values. Between two signs, the value changes half-way."""
    borders = [0.0, *((a.end + b.start) / 2 for a, b in pairwise(spans)), seconds]
    for tier in ("handshape", "location", "orientation", "base-handshape"):
        values = []
        for number, span in enumerate(spans):
            first, last = _values(tier, span, words)
            if not first:
                continue
            middle = (span.start + span.end) / 2
            values += [(first, borders[number], middle), (last, middle, borders[number + 1])]
        yield from _merge(tier, values)
    moves, end = [], 0.0
    for number, span in enumerate(spans):
        moves += [("rest" if number == 0 else "transition", end, span.start), (_movement(span), span.start, span.end)]
        end = span.end
    yield from _merge("movement", [*moves, ("rest", end, seconds)])
    faces = [(span.act.face or "neutral", borders[n], borders[n + 1]) for n, span in enumerate(spans)]
    yield from _merge("face", faces)


def _values(tier: str, span: Span, words: Sequence[Word]) -> tuple[str, str]:
    """The values of a tier at the start and at the end of a span, "" if it has none."""
    sign = span.act.sign
    word = words[span.act.notes["word"]]
    if tier == "handshape":
        return sign.start.handshape, sign.end.handshape
    if tier == "base-handshape":
        start = sign.base or (sign.start if sign.two_handed else None)
        return (start.handshape, sign.base.handshape if sign.base else sign.end.handshape) if start else ("", "")
    if tier == "orientation":
        return tuple(f"{posture.fingers}/{posture.palm}" for posture in (sign.start, sign.end))
    if word.kind == "point":
        return f"locus-{word.goal}", f"locus-{word.goal}"
    if word.source:
        return f"locus-{word.source}", f"locus-{word.goal}"
    return sign.start.location, sign.end.location


def _movement(span: Span) -> str:
    sign = span.act.sign
    if sign.movement != "straight":
        return sign.movement
    moved = np.abs(span.act.end.wrist[0] - span.act.start.wrist[0]).max() > 0.05
    changed = sign.start.handshape != sign.end.handshape
    return "straight" if moved else "handshape-change" if changed else "hold"


def _merge(tier: str, values: Sequence[tuple[str, float, float]]) -> Iterator[Segment]:
    """Segments of a tier. Adjacent (value, start, end) with equal values are merged."""
    run = None
    for value, start, end in values:
        if run and run[0] == value and abs(run[2] - start) < 1e-9:
            run = (value, run[1], end)
            continue
        if run:
            yield Segment(tier, *run)
        run = (value, start, end)
    if run:
        yield Segment(tier, *run)
