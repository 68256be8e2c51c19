"""`asl translate --live`: frames, landmarks and glosses in step with the clock (SPEC §15).

Three tasks run at once: a thread captures frames, a separate process tracks them, and the caller's thread encodes and
decodes. If that is slower than the source, the oldest waiting frame is dropped, so that words stay on time.
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
from asl.pipelines.media.tracker.extraction import Extractor, all_threads, check_tracker
from asl.pipelines.media.video import Frame
from asl.pipelines.translation.live_reading import LiveReader, LiveWord
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.settings.clips import LandmarkSettings

#: Frames that may wait for the tracker before the oldest is dropped.
MAX_WAITING_FRAMES = 2
#: Values that LiveFigures keeps of each kind, as a stream may run for days.
MAX_KEPT_VALUES = 10_000
_END = object()


@dataclass
class LiveFigures:
    """Timing of a stream, in seconds, for the last MAX_KEPT_VALUES frames and words.

    delays: from the time of each frame until it was decoded. reading: processing time per frame without the tracker. words: from
    the end of each sign to the first appearance of its gloss.
    """

    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_KEPT_VALUES))
    reading: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_KEPT_VALUES))
    words: deque[float] = field(default_factory=lambda: deque(maxlen=MAX_KEPT_VALUES))

    def summary(self) -> dict[str, float]:
        summary: dict[str, float] = {"frames": self.frames, "dropped": self.dropped, "seconds": round(self.seconds, 2)}
        summary |= {"frames_per_second": round(self.frames / self.seconds, 1)} if self.seconds else {}
        for name in ("delays", "reading", "words"):
            if values := getattr(self, name):
                summary |= {f"{name}_p{mark}_ms": round(1000 * float(np.percentile(values, mark)), 1) for mark in (50, 95)}
        return summary


@dataclass(frozen=True)
class LiveUpdate:
    """The state after a frame. points: (543, 3). final: words that became final with it. open: words that may still change."""

    points: np.ndarray
    aspect: float
    final: list[LiveWord]
    open: list[LiveWord]
    figures: LiveFigures


def translate_stream(source, reader: Reader, landmarks: LandmarkSettings, *, paced: bool = True) -> Iterator[LiveUpdate]:
    """Reads a source until it ends or the caller stops. The last update finalises the words that were still open.

    paced: read in real time, and drop frames that come too late; else read every frame as fast as possible. Raises BadInput or
    AslError if the source does, after the last update.
    """
    check_tracker(landmarks)
    live_reader = LiveReader(reader, source.fps)
    figures, now, failure = LiveFigures(), 0.0, None
    try:
        with _running(source, landmarks, paced, figures) as (tracked, clock):
            for frame, points in tracked:
                started = time.perf_counter()
                final = live_reader.push(points, frame.time, clock if paced else lambda frame_time=frame.time: frame_time)
                figures.reading.append(time.perf_counter() - started)
                now = clock() if paced else frame.time
                figures.seconds = clock()
                _count(figures, frame, final, now)
                aspect = frame.picture.shape[1] / frame.picture.shape[0]
                yield LiveUpdate(points, aspect, final, live_reader.words, figures)
    except AslError as error:
        failure = error
    final = live_reader.finish(lambda: now)
    figures.words += [word.delay for word in final]
    yield LiveUpdate(empty_points(1)[0], 1.0, final, [], figures)
    if failure:
        raise failure


def _count(figures: LiveFigures, frame: Frame, final: list[LiveWord], now: float) -> None:
    figures.frames += 1
    figures.delays.append(now - frame.time)
    figures.words += [word.delay for word in final]


@contextmanager
def _running(source, landmarks: LandmarkSettings, paced: bool, figures: LiveFigures):
    """Runs capture and tracking. Yields (iterator of frames with their points, clock of the stream).

    Raises at the end what went wrong in a thread.
    """
    frames: queue.Queue = queue.Queue(MAX_WAITING_FRAMES if paced else 2 * MAX_WAITING_FRAMES)
    tracked: queue.Queue = queue.Queue(2 * MAX_WAITING_FRAMES)
    stop, errors, start = threading.Event(), [], [time.perf_counter()]
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _start_tracker, (landmarks,))

    def capture() -> None:
        try:
            pool.submit(_warm_up).result()
            start[0] = time.perf_counter()
            for frame in source.frames():
                if paced:
                    time.sleep(max(0.0, start[0] + frame.time - time.perf_counter()))
                _put(frames, frame, stop, figures if paced else None)
                if stop.is_set():
                    return
        except BaseException as error:  # the caller's thread raises it
            errors.append(error)
        finally:
            _put(frames, _END, stop, None)

    def track() -> None:
        try:
            while (frame := _get(frames, stop)) is not _END:
                _put(tracked, (frame, pool.submit(_track, frame.picture).result()), stop, None)
        except BrokenProcessPool:
            errors.append(AslError("the tracker's process died", "the words so far are valid; start the command again"))
        except BaseException as error:
            errors.append(error)
        finally:
            _put(tracked, _END, stop, None)

    threads = [threading.Thread(target=task, daemon=True) for task in (capture, track)]
    for thread in threads:
        thread.start()
    try:
        yield iter(lambda: _get(tracked, stop), _END), lambda: time.perf_counter() - start[0]
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
    if errors:
        raise errors[0]


def _put(target: queue.Queue, item, stop: threading.Event, figures: LiveFigures | None) -> None:
    """Puts an item into a queue. If it is full, drops its oldest item and counts it in `figures`; waits if there are none."""
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


def _get(source: queue.Queue, stop: threading.Event):
    """The next item of a queue, or _END once the stream stops."""
    while not stop.is_set():
        try:
            return source.get(timeout=0.1)
        except queue.Empty:
            continue
    return _END


# In the tracker's process ---------------------------------------------------------------------------------------------
_extractor: Extractor | None = None


def _start_tracker(settings: LandmarkSettings) -> None:
    global _extractor
    start_worker()
    _extractor = Extractor(settings, all_threads())


def _warm_up() -> bool:
    """Returns once the tracker is ready: its first frame takes half a second."""
    _extractor.warm_up()
    return True


def _track(picture: np.ndarray) -> np.ndarray:
    return _extractor.track(picture)
