"""Glosses of a stream of landmarks, while the hands still move: tentative ones that may be corrected, then final ones.

Frames are encoded as they come, by a causal encoder with its memory. What was heard since the last pause is read as the beams
go; at a pause the very reader that reads whole clips reads it, and it becomes final. So a stream ends with the clip's glosses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter as clock

import numpy as np

from asl.models.features.feature_sets import LAGS, encoder_input
from asl.models.features.feature_stream import FeatureStream
from asl.pipelines.corpus.feature_store import shown_parts
from asl.pipelines.recogniser.reading import Reading, Token, hands_seen
from asl.pipelines.translation.reader import Reader
from asl.transducers.ctc_search import PrefixBeam
from asl.transducers.decoder import BestPath

#: Frames after which the open part is read again.
STRIDE = 2
#: A pause: so long no hand is seen, or nothing but blanks.
HANDS_DOWN_SECONDS, BLANK_SECONDS = 0.4, 1.2
SURE_BLANK = 0.9
#: What stays open at most, so that reading it stays fast: then all words but the last become final.
LONGEST_OPEN_SECONDS = 8.0
#: A gloss that moves by less than this is still the same one.
SAME_SECONDS = 0.4


@dataclass(frozen=True)
class LiveWord:
    """A gloss of a stream, its times on the stream's clock. appeared: when it was first shown; final: never corrected again."""

    token: Token
    appeared: float
    final: bool = False

    @property
    def gloss(self) -> str:
        return self.token.gloss

    @property
    def start(self) -> float:
        """Seconds on the stream's clock."""
        return self.token.start

    @property
    def end(self) -> float:
        """Seconds on the stream's clock."""
        return self.token.end

    @property
    def confidence(self) -> float:
        return self.token.confidence

    @property
    def delay(self) -> float:
        """Seconds from the end of the sign to its first appearance; below 0 where it was known before it ended."""
        return self.appeared - self.token.end


class LiveReader:
    """reader: of a model that streams. source_fps: the rate of the frames, where it is even and known.

    Raises BadInput: the encoder needs whole clips.
    """

    def __init__(self, reader: Reader, source_fps: float | None = None):
        model = reader.model
        self.reader, self.model = reader, model
        self.words: list[LiveWord] = []  # the open ones
        self.spent: dict[str, float] = {}  # seconds of each step of the last frame
        self._features = FeatureStream(model.feature_set, model.features.fps, depth=model.features.depth, source_fps=source_fps)
        self._stream = model.stream(2 if reader.settings.mirror_average else 1)
        self._context = np.empty((0, model.feature_set.size), dtype=np.float32)
        self._open: Reading | None = None
        self._first, self._unread = 0, 0
        self._beams: list[PrefixBeam] = []
        self._shown: list[int] | BestPath | None = None

    def push(self, points: np.ndarray, time: float, now: Callable[[], float]) -> list[LiveWord]:
        """(543, 3) points of the frame at `time` seconds; the words that became final by it. now: the stream's clock, seconds."""
        self.spent = {}
        started = clock()
        new = self._features.push(points, time)
        self.spent["features"] = clock() - started
        if not len(new):
            return []
        self._hear(shown_parts(new, self.model.features))
        self.spent["encoder"] = clock() - started - self.spent["features"]
        if self._unread >= STRIDE:
            self._read(now)
        return self._finished(now)

    def finish(self, now: Callable[[], float]) -> list[LiveWord]:
        """The stream has ended: what was open becomes final."""
        if self._open is None:
            return []
        self._read(now, exactly=True)
        return self._cut(len(self._open), self.words)

    # Hearing ---------------------------------------------------------------------------------------------------------
    def _hear(self, features: np.ndarray) -> None:
        """Encodes (n, size) new frames and adds them to the open part."""
        model, behind = self.model, self._context
        together = np.concatenate([behind, features])
        shown = [together, model.feature_set.mirror(together)] if self.reader.settings.mirror_average else [together]
        inputs = [encoder_input(one, model.mean, model.deviation, model.feature_set)[len(behind) :] for one in shown]
        said = self._stream.read(np.stack(inputs))
        hands = hands_seen(features, model.feature_set)
        self._context = together[-max(LAGS) :]
        new = Reading(said.views, hands, model.features.fps, said.phonology, features, model.feature_set)
        self._open = _joined(self._open, new)
        self._carry_on(said.views)
        self._unread += len(new)

    def _read(self, now: Callable[[], float], *, exactly: bool = False) -> None:
        """Reads the open part; a gloss that was shown before keeps the time of its first appearance.

        exactly: as a whole clip is read. Between, CTC's beams are carried on, and what they still say is not looked at again.
        """
        self._unread = 0
        started = clock()
        found = self._tentative() if self._beams and not exactly else self.reader.decoded(self._open)
        decoded = clock()
        if exactly or found != self._shown:
            before, offset = self.words, self._features.time(self._first)
            tokens = self.reader.tokens(self._open, found)
            tokens = [replace(one, start=one.start + offset, end=one.end + offset) for one in tokens]
            appeared = now()
            self.words, self._shown = [LiveWord(one, _appeared(one, before, appeared)) for one in tokens], found
        self.spent |= {"decoder": decoded - started, "post": clock() - decoded}

    def _tentative(self) -> list[int]:
        """What the beams of all views say so far, each sequence by the sum of its probabilities."""
        scores: dict[tuple[int, ...], float] = {}
        for beam in self._beams:
            for one in beam.hypotheses():
                scores[one.labels] = float(np.logaddexp(scores.get(one.labels, -np.inf), one.log_prob))
        return list(max(scores, key=scores.get))

    def _carry_on(self, views: Sequence[np.ndarray]) -> None:
        """Carries the beams on over (T, V + 1) more frames of each view; greedy reading needs none, a cascade has its own."""
        settings = self.reader.settings
        if self.reader.graph is None and settings.decoder == "ctc-beam":
            self._beams = self._beams or [PrefixBeam(settings.beam, settings.insertion_penalty) for _ in views]
            for beam, view in zip(self._beams, views, strict=True):
                beam.advance(view)

    # Finishing -------------------------------------------------------------------------------------------------------
    def _finished(self, now: Callable[[], float]) -> list[LiveWord]:
        """What a pause, or too long a part without one, makes final."""
        fps, part = self.model.features.fps, self._open
        if self._paused(part, fps):
            self._read(now, exactly=True)
            return self._cut(len(part), self.words)
        if len(part) > LONGEST_OPEN_SECONDS * fps:
            self._read(now, exactly=True)
            done, last = self.words[:-1], self.words[-1:]
            offset = self._features.time(self._first)
            at = round((last[0].token.start - offset) * fps) if done else len(part)
            return self._cut(max(1, min(at, len(part))), done or self.words)
        return []

    def _paused(self, part: Reading, fps: float) -> bool:
        down, silent = round(HANDS_DOWN_SECONDS * fps), round(BLANK_SECONDS * fps)
        if len(part) >= down and not part.hands[-down:].any():
            return True
        if len(part) < silent:
            return False
        blank = np.mean([np.exp(view[-silent:, 0]) for view in part.views], axis=0)
        return bool((blank > SURE_BLANK).all())

    def _cut(self, at: int, done: Sequence[LiveWord]) -> list[LiveWord]:
        """The open part begins at its frame `at` now; the words before it are final."""
        self._open = _since(self._open, at) if at < len(self._open) else None
        self._first += at
        self._beams, self._shown = [], None
        if self._open is not None:
            self._carry_on(self._open.views)
        self.words = [one for one in self.words if one not in done]
        return [replace(one, final=True) for one in done]


def _joined(before: Reading | None, new: Reading) -> Reading:
    if before is None:
        return new
    return replace(
        before,
        views=tuple(np.concatenate(pair) for pair in zip(before.views, new.views, strict=True)),
        hands=np.concatenate([before.hands, new.hands]),
        phonology={tier: np.concatenate([values, new.phonology[tier]]) for tier, values in before.phonology.items()},
        features=np.concatenate([before.features, new.features]),
    )


def _since(part: Reading, at: int) -> Reading:
    return replace(part.between(at, len(part)), features=part.features[at:], feature_set=part.feature_set)


def _appeared(token: Token, before: Sequence[LiveWord], now: float) -> float:
    same = (one for one in before if one.token.gloss == token.gloss and _near(one.token, token))
    return min((one.appeared for one in same), default=now)


def _near(first: Token, second: Token) -> bool:
    return first.start < second.end + SAME_SECONDS and second.start < first.end + SAME_SECONDS
