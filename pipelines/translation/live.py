"""`asl translate --live`: pictures, landmarks and glosses at once, in step with the clock (SPEC §15).

Three run side by side: one takes pictures, one has MediaPipe look at them in a process of its own, and the caller's thread
encodes and reads. When that is too slow for the source the oldest picture waiting is dropped, so that words stay in time.
"""

import multiprocessing
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from asl.models.features.holistic import empty_points
from asl.pipelines.jobs.processes import start_worker
from asl.pipelines.media.tracker import Extractor, check_mediapipe
from asl.pipelines.media.video import Frame
from asl.pipelines.translation.live_reading import LiveReader, LiveWord
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.settings.clips import LandmarkSettings

#: Pictures that may wait for MediaPipe before the oldest is dropped.
WAITING = 2
#: A stream may go on for days.
KEPT = 10_000
_END = object()


@dataclass
class LiveFigures:
    """Of a stream; seconds, of the last KEPT frames and words. delays: from each frame's time until it was read; reading: all but
    MediaPipe for it; words: from a sign's end to the first appearance of its gloss."""

    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    reading: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    words: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def summary(self) -> dict[str, float]:
        made: dict[str, float] = {"frames": self.frames, "dropped": self.dropped, "seconds": round(self.seconds, 2)}
        made |= {"frames_per_second": round(self.frames / self.seconds, 1)} if self.seconds else {}
        for name in ("delays", "reading", "words"):
            if values := getattr(self, name):
                made |= {f"{name}_p{mark}_ms": round(1000 * float(np.percentile(values, mark)), 1) for mark in (50, 95)}
        return made


@dataclass(frozen=True)
class Moment:
    """What there is to show after a frame. final: the words that it made final; open: those that may still change."""

    points: np.ndarray
    aspect: float
    final: list[LiveWord]
    open: list[LiveWord]
    figures: LiveFigures


def live(source, reader: Reader, landmarks: LandmarkSettings, *, paced: bool = True) -> Iterator[Moment]:
    """Reads a source until it ends, or the caller stops; a last Moment has what was still open.

    paced: files go by their own clock and frames that come too late are dropped; else every frame is read, as fast as it goes.
    Raises BadInput, AslError as the source does, after the last Moment.
    """
    check_mediapipe()
    reading = LiveReader(reader, source.fps)
    figures, now, broken = LiveFigures(), 0.0, None
    try:
        with _running(source, landmarks, paced, figures) as (tracked, clock):
            for frame, points in tracked:
                started = time.perf_counter()
                final = reading.push(points, frame.time, clock if paced else lambda at=frame.time: at)
                figures.reading.append(time.perf_counter() - started)
                now = clock() if paced else frame.time
                figures.seconds = clock()
                _count(figures, frame, final, now)
                aspect = frame.picture.shape[1] / frame.picture.shape[0]
                yield Moment(points, aspect, final, reading.words, figures)
    except AslError as error:
        broken = error
    final = reading.finish(lambda: now)
    figures.words += [one.delay for one in final]
    yield Moment(empty_points(1)[0], 1.0, final, [], figures)
    if broken:
        raise broken


def _count(figures: LiveFigures, frame: Frame, final: list[LiveWord], now: float) -> None:
    figures.frames += 1
    figures.delays.append(now - frame.time)
    figures.words += [one.delay for one in final]


@contextmanager
def _running(source, landmarks: LandmarkSettings, paced: bool, figures: LiveFigures):
    """Starts the two helpers. Gives the frames with their points, and the stream's clock; raises at the end what went wrong."""
    pictures: queue.Queue = queue.Queue(WAITING if paced else 2 * WAITING)
    points: queue.Queue = queue.Queue(2 * WAITING)
    stop, wrong, begun = threading.Event(), [], [time.perf_counter()]
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _start_tracker, (landmarks,))

    def capture() -> None:
        try:
            pool.submit(_ready).result()
            begun[0] = time.perf_counter()
            for frame in source.frames():
                if paced:
                    time.sleep(max(0.0, begun[0] + frame.time - time.perf_counter()))
                _offer(pictures, frame, stop, figures if paced else None)
                if stop.is_set():
                    return
        except BaseException as error:  # the caller's thread raises it
            wrong.append(error)
        finally:
            _offer(pictures, _END, stop, None)

    def track() -> None:
        try:
            while (frame := _taken(pictures, stop)) is not _END:
                _offer(points, (frame, pool.submit(_track, frame.picture).result()), stop, None)
        except BrokenProcessPool:
            wrong.append(AslError("MediaPipe's process died", "what was recognised stands; start it again"))
        except BaseException as error:
            wrong.append(error)
        finally:
            _offer(points, _END, stop, None)

    threads = [threading.Thread(target=one, daemon=True) for one in (capture, track)]
    for one in threads:
        one.start()
    try:
        yield iter(lambda: _taken(points, stop), _END), lambda: time.perf_counter() - begun[0]
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    if wrong:
        raise wrong[0]


def _offer(target: queue.Queue, item, stop: threading.Event, figures: LiveFigures | None) -> None:
    """Puts an item; where it is full the oldest goes, counted in `figures`, or without these one waits."""
    while not stop.is_set():
        try:
            return target.put(item, timeout=0 if figures else 0.1)
        except queue.Full:
            if figures:
                try:
                    target.get_nowait()
                    figures.dropped += 1
                except queue.Empty:
                    pass


def _taken(source: queue.Queue, stop: threading.Event):
    while not stop.is_set():
        try:
            return source.get(timeout=0.1)
        except queue.Empty:
            continue
    return _END


# In MediaPipe's process ----------------------------------------------------------------------------------------------
_extractor: Extractor | None = None


def _start_tracker(settings: LandmarkSettings) -> None:
    global _extractor
    start_worker()
    _extractor = Extractor(settings)


def _ready() -> bool:
    """Once this returns the graph is there: its first picture takes a second."""
    _extractor.track(np.zeros((64, 64, 3), np.uint8))
    return True


def _track(picture: np.ndarray) -> np.ndarray:
    return _extractor.track(picture)
