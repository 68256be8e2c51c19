"""Glosses of a stream of landmarks: tentative ones that may be corrected, then final ones.

A causal encoder with its state encodes the frames as they come. The frames since the last pause are decoded by CTC beams that are
carried on. At a pause they are decoded again as a whole clip, and their words become final. A stream therefore ends with the
glosses of the whole clip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter as clock

import numpy as np

from asl.models.features.feature_sets import LAGS, encoder_input
from asl.models.features.feature_stream import FeatureStream
from asl.pipelines.corpus.feature_store import select_parts
from asl.pipelines.recogniser.reading import Reading, Token, hands_seen
from asl.pipelines.translation.reader import Reader
from asl.transducers.ctc_search import PrefixBeam
from asl.transducers.decoder import BestPath

#: New frames after which the open part is decoded again.
STRIDE = 2
#: A pause: no hand is visible, or all frames are blanks, for this long.
HANDS_DOWN_SECONDS, BLANK_SECONDS = 0.4, 1.2
#: A frame is a blank if its probability is above this.
MIN_BLANK_PROBABILITY = 0.9
#: If the open part is longer, all its words but the last become final, so that decoding stays fast.
MAX_OPEN_SECONDS = 8.0
#: A gloss that moves by less than this is still the same sign.
SAME_SIGN_SECONDS = 0.4


@dataclass(frozen=True)
class LiveWord:
    """A gloss of a stream. appeared: when it was first shown, seconds on the stream's clock. final: it will not change."""

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
        """Seconds from the end of the sign to its first appearance; negative if it appeared before the sign ended."""
        return self.appeared - self.token.end


class LiveReader:
    """Reads a stream frame by frame. words: the open ones. step_seconds: time of each step for the last frame.

    reader: its model must be causal. source_fps: frame rate of the stream, if it is constant and known. Raises BadInput if the
    encoder needs whole clips.
    """

    def __init__(self, reader: Reader, source_fps: float | None = None):
        model = reader.model
        self.reader, self.model = reader, model
        self.words: list[LiveWord] = []
        self.step_seconds: dict[str, float] = {}
        self._features = FeatureStream(model.feature_set, model.features.fps, depth=model.features.depth, source_fps=source_fps)
        self._stream = model.stream(2 if reader.settings.mirror_average else 1)
        self._context = np.empty((0, model.feature_set.size), dtype=np.float32)
        self._open: Reading | None = None
        self._first, self._undecoded = 0, 0
        self._beams: list[PrefixBeam] = []
        self._decoded: list[int] | BestPath | None = None

    def push(self, points: np.ndarray, time: float, now: Callable[[], float]) -> list[LiveWord]:
        """Adds the (543, 3) points of the frame at `time` seconds. Returns the words that became final.

        now: returns the time on the stream's clock, seconds.
        """
        self.step_seconds = {}
        started = clock()
        features = self._features.push(points, time)
        self.step_seconds["features"] = clock() - started
        if not len(features):
            return []
        self._encode(select_parts(features, self.model.features))
        self.step_seconds["encoder"] = clock() - started - self.step_seconds["features"]
        if self._undecoded >= STRIDE:
            self._decode(now)
        return self._finalise(now)

    def finish(self, now: Callable[[], float]) -> list[LiveWord]:
        """Ends the stream. Returns the open words, which become final."""
        if self._open is None:
            return []
        self._decode(now, exact=True)
        return self._cut(len(self._open), self.words)

    # Encoding and decoding -------------------------------------------------------------------------------------------
    def _encode(self, features: np.ndarray) -> None:
        """Encodes (n, size) new frames and adds them to the open part."""
        model, context = self.model, self._context
        frames = np.concatenate([context, features])
        views = [frames, model.feature_set.mirror(frames)] if self.reader.settings.mirror_average else [frames]
        inputs = [encoder_input(view, model.mean, model.deviation, model.feature_set)[len(context) :] for view in views]
        output = self._stream.read(np.stack(inputs))
        hands = hands_seen(features, model.feature_set)
        self._context = frames[-max(LAGS) :]
        new = Reading(output.views, hands, model.features.fps, output.phonology, features, model.feature_set)
        self._open = _joined(self._open, new)
        self._advance_beams(output.views)
        self._undecoded += len(new)

    def _decode(self, now: Callable[[], float], *, exact: bool = False) -> None:
        """Decodes the open part. A gloss that was shown before keeps the time of its first appearance.

        exact: decode as a whole clip. Otherwise the beams are carried on, and tokens are only made anew if the glosses change.
        """
        self._undecoded = 0
        started = clock()
        decoded = self._beam_labels() if self._beams and not exact else self.reader.decode(self._open)
        decoder_end = clock()
        if exact or decoded != self._decoded:
            before, offset = self.words, self._features.time(self._first)
            tokens = self.reader.tokens(self._open, decoded)
            tokens = [replace(token, start=token.start + offset, end=token.end + offset) for token in tokens]
            time = now()
            self.words = [LiveWord(token, _first_appearance(token, before, time)) for token in tokens]
            self._decoded = decoded
        self.step_seconds |= {"decoder": decoder_end - started, "post": clock() - decoder_end}

    def _beam_labels(self) -> list[int]:
        """The likeliest labels so far, each hypothesis by the sum of its probabilities over the views."""
        scores: dict[tuple[int, ...], float] = {}
        for beam in self._beams:
            for hypothesis in beam.hypotheses():
                score = np.logaddexp(scores.get(hypothesis.labels, -np.inf), hypothesis.log_prob)
                scores[hypothesis.labels] = float(score)
        return list(max(scores, key=scores.get))

    def _advance_beams(self, views: Sequence[np.ndarray]) -> None:
        """Advances the beams by (T, V + 1) more frames of each view. Greedy decoding and the cascade have no beams here."""
        settings = self.reader.settings
        if self.reader.graph is None and settings.decoder == "ctc-beam":
            self._beams = self._beams or [PrefixBeam(settings.beam, settings.insertion_penalty) for _ in views]
            for beam, view in zip(self._beams, views, strict=True):
                beam.advance(view)

    # Finalising ------------------------------------------------------------------------------------------------------
    def _finalise(self, now: Callable[[], float]) -> list[LiveWord]:
        """The words that become final by a pause, or because the open part is too long."""
        fps, open_part = self.model.features.fps, self._open
        if self._paused(open_part, fps):
            self._decode(now, exact=True)
            return self._cut(len(open_part), self.words)
        if len(open_part) > MAX_OPEN_SECONDS * fps:
            self._decode(now, exact=True)
            done, last = self.words[:-1], self.words[-1:]
            offset = self._features.time(self._first)
            frame = round((last[0].token.start - offset) * fps) if done else len(open_part)
            return self._cut(max(1, min(frame, len(open_part))), done or self.words)
        return []

    def _paused(self, open_part: Reading, fps: float) -> bool:
        hands_down, blank_frames = round(HANDS_DOWN_SECONDS * fps), round(BLANK_SECONDS * fps)
        if len(open_part) >= hands_down and not open_part.hands[-hands_down:].any():
            return True
        if len(open_part) < blank_frames:
            return False
        blank = np.mean([np.exp(view[-blank_frames:, 0]) for view in open_part.views], axis=0)
        return bool((blank > MIN_BLANK_PROBABILITY).all())

    def _cut(self, frame: int, done: Sequence[LiveWord]) -> list[LiveWord]:
        """Removes the frames before `frame` from the open part. Returns the words `done`, now final."""
        self._open = _since(self._open, frame) if frame < len(self._open) else None
        self._first += frame
        self._beams, self._decoded = [], None
        if self._open is not None:
            self._advance_beams(self._open.views)
        self.words = [word for word in self.words if word not in done]
        return [replace(word, final=True) for word in done]


def _joined(before: Reading | None, new: Reading) -> Reading:
    """Two readings one after the other."""
    if before is None:
        return new
    return replace(
        before,
        views=tuple(np.concatenate(pair) for pair in zip(before.views, new.views, strict=True)),
        hands=np.concatenate([before.hands, new.hands]),
        phonology={tier: np.concatenate([values, new.phonology[tier]]) for tier, values in before.phonology.items()},
        features=np.concatenate([before.features, new.features]),
    )


def _since(reading: Reading, frame: int) -> Reading:
    """The reading from a frame on."""
    return replace(reading.between(frame, len(reading)), features=reading.features[frame:], feature_set=reading.feature_set)


def _first_appearance(token: Token, before: Sequence[LiveWord], now: float) -> float:
    """When the token's gloss was first shown at about this time; `now` if it was not."""
    same = (word for word in before if word.token.gloss == token.gloss and _close(word.token, token))
    return min((word.appeared for word in same), default=now)


def _close(first: Token, second: Token) -> bool:
    return first.start < second.end + SAME_SIGN_SECONDS and second.start < first.end + SAME_SIGN_SECONDS
