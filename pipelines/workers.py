"""Clips fanned out over worker processes, each with its own MediaPipe."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.clips import ClipSource
from pipelines.errors import BadClip
from pipelines.fan_out import start_worker
from pipelines.files import write_atomically
from pipelines.landmarks import Extractor, check_mediapipe
from pipelines.posefile import read_pose, write_pose
from pipelines.settings import LandmarkSettings
from pipelines.sources import arrays
from pipelines.synthetic import corpus
from pipelines.video import Frame, frames, probe

RANGE_TOLERANCE_SECONDS = 0.25
#: MediaPipe's native memory creeps up over hundreds of clips; a fresh process costs two seconds.
CLIPS_A_WORKER = 400
MAX_TRIES = 2


@dataclass(frozen=True)
class Task:
    """A clip, the .pose file to write, and (videos) where its thumbnail goes."""

    source: ClipSource
    pose: Path
    thumbnail: Path | None = None


def run(tasks: Sequence[Task], settings: LandmarkSettings) -> Iterator[tuple[Task, int | BadClip]]:
    """Extracts every task; yields it with its number of frames, or with what is wrong with it, as each ends.

    Only videos need MediaPipe and go to worker processes. A worker that dies costs its clip one more try.
    """
    videos = [task for task in tasks if task.source.kind == "video"]
    for task in tasks:
        if task.source.kind != "video":
            yield task, _outcome(task, None)
    if videos:
        check_mediapipe()
    count = min(settings.workers or os.cpu_count() or 1, len(videos))
    if count == 1:
        yield from _in_process(videos, settings)
    elif videos:
        yield from _in_pool(videos, settings, count)


def _in_process(tasks: Sequence[Task], settings: LandmarkSettings) -> Iterator[tuple[Task, int | BadClip]]:
    extractor = Extractor(settings)
    try:
        for task in tasks:
            yield task, _outcome(task, extractor, settings)
    finally:
        extractor.close()


def _in_pool(tasks: Sequence[Task], settings: LandmarkSettings, count: int) -> Iterator[tuple[Task, int | BadClip]]:
    tries = dict.fromkeys(tasks, 0)
    waiting = list(tasks)
    while waiting:
        # After a death nobody knows whose clip it was: the suspects go one at a time, so that only the guilty one fails.
        suspects = [task for task in waiting if tries[task]]
        batch, size = (suspects, 1) if suspects else (waiting[: count * CLIPS_A_WORKER], count)
        for task, outcome in _one_pool(batch, settings, size, in_flight=1 if suspects else 2 * count):
            if isinstance(outcome, BrokenProcessPool):
                tries[task] += 1
                if tries[task] < MAX_TRIES:
                    continue
                outcome = BadClip("worker-died", "the worker process died on this clip, twice")
            waiting.remove(task)
            yield task, outcome


def _one_pool(tasks: Sequence[Task], settings: LandmarkSettings, count: int, in_flight: int):
    """Runs tasks until they are done or a worker dies: then the clips that were in flight come with BrokenProcessPool."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _start_worker, (settings, count, context.Value("i", 0)))
    queue, flying = list(tasks), dict[Future, Task]()
    try:
        while queue or flying:
            while queue and len(flying) < in_flight:
                task = queue.pop(0)
                flying[pool.submit(_work, task)] = task
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in [future for future in done if not isinstance(future.exception(), BrokenProcessPool)]:
                done.discard(future)
                yield flying.pop(future), future.result()
            if done:
                yield from ((task, BrokenProcessPool()) for task in flying.values())
                return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if queue or flying:  # interrupted: nobody waits for the clips under way, they are done again
            for worker in multiprocessing.active_children():
                worker.terminate()


_extractor = None
_settings = None


def _start_worker(settings: LandmarkSettings, count: int, started) -> None:
    """started: how many workers this pool has had before, shared between them."""
    global _extractor, _settings
    with started.get_lock():
        number, started.value = started.value, started.value + 1
    _take_core(number, count)
    start_worker()
    _extractor, _settings = Extractor(settings), settings


def _take_core(number: int, count: int) -> None:
    """With a worker for every core, each keeps to its own: MediaPipe's threads then do not chase each other (+5 %)."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if count == len(cores):
            os.sched_setaffinity(0, {cores[number % count]})


def _work(task: Task) -> int | BadClip:
    return _outcome(task, _extractor, _settings)


def _outcome(task: Task, extractor, settings: LandmarkSettings | None = None) -> int | BadClip:
    try:
        if task.source.kind == "video":
            return _video(task, extractor, settings)
        return _landmark_file(task)
    except BadClip as bad:
        return bad
    except MemoryError:
        return BadClip("too-large", "not enough memory for this clip")
    except OSError:
        raise  # a full disk is not the clip's fault
    except Exception as error:  # whatever a library says of one clip must not end the batch
        return BadClip("failed", f"{type(error).__name__}: {error}")


def _video(task: Task, extractor, settings: LandmarkSettings) -> int:
    from pipelines.drawing import thumbnail

    found = extractor.extract(clip_frames(task.source, settings))
    if task.thumbnail:
        write_atomically(task.thumbnail, thumbnail(found.picture, found.landmarks.points[found.picture_frame]))
    write_pose(task.pose, found.landmarks, found.visibility)
    return len(found.landmarks)


def clip_frames(source: ClipSource, settings: LandmarkSettings) -> Iterator[Frame]:
    """The frames of a video clip, within its range. Raises BadClip as `video.frames` does, and for overlong clips."""
    info = probe(source.path)
    start, end = effective_range(source, info.seconds)
    seconds = (info.seconds if end is None else end) - start
    if seconds > 60 * settings.max_minutes:
        raise BadClip("too-long", f"{seconds / 60:.0f} minutes; at most {settings.max_minutes:g} (landmarks.max_minutes)")
    return frames(source.path, max_side=settings.max_side, start=start, end=end)


def effective_range(source: ClipSource, seconds: float) -> tuple[float, float | None]:
    """Start and end in a file of this length; the whole file where it has been cut to the range already."""
    reached = source.end is None or source.end <= seconds + RANGE_TOLERANCE_SECONDS
    return (0.0, None) if source.range_if_reached and not reached else (source.start, source.end)


def _landmark_file(task: Task) -> int:
    source = task.source
    if source.kind == "array":
        found = arrays.landmarks_of(source.path, source.row, source.layout)
    elif source.kind == "synthetic":
        found = corpus.landmarks(corpus.parse_recipe(source.layout))
    else:
        found = read_pose(source.path)
        found = found.between(*effective_range(source, found.seconds))
    if len(found) == 0:
        raise BadClip("empty-range", f"nothing between {source.start} and {source.end} s")
    if np.isnan(found.points).all():
        raise BadClip("no-signer", "no point was seen in any frame")
    write_pose(task.pose, found)
    return len(found)
