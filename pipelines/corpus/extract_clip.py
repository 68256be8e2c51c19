"""Extraction of clips, distributed over worker processes or a cluster, each with its own tracker."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus.clip_ranges import effective_range
from asl.pipelines.corpus.clips import ClipSource, is_synthetic
from asl.pipelines.corpus.landmark_summary import LandmarkSummary, summary_of
from asl.pipelines.corpus.sources import arrays
from asl.pipelines.jobs.processes import WorkerDied, Workers, fan_out
from asl.pipelines.media.pose_files import MAX_FRAMES, pose_bytes, read_pose
from asl.pipelines.media.privacy import without_private_points
from asl.pipelines.media.tracker.extraction import Extractor, check_tracker
from asl.pipelines.media.video import Frame, frames, probe, thinned
from asl.pipelines.synthetic import performances
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.settings.clips import LandmarkSettings

Job, Result = TypeVar("Job"), TypeVar("Result")

#: Longer gaps between frames are errors of the time stamps: there is nothing to interpolate landmarks from.
MAX_GAP_SECONDS = 10.0
#: MediaPipe leaks native memory over hundreds of clips; a new process costs two seconds.
CLIPS_PER_WORKER = {"mediapipe": 400}


@dataclass(frozen=True)
class Task:
    """A clip, the .pose file to write, and the thumbnail to write if it is a video."""

    source: ClipSource
    pose: Path
    thumbnail: Path | None = None


def run(
    tasks: Sequence[Task], settings: LandmarkSettings, workers: Workers | None
) -> Iterator[tuple[Task, LandmarkSummary | BadClip]]:
    """Extracts every task, and yields it with a summary of its landmarks, or with the reason why the clip cannot be used.

    workers: None uses this process, without a time limit or protection from crashes of libraries. Only videos need a tracker;
    workers on this machine process only videos. Raises OSError if the disk is full.
    """
    videos = [task for task in tasks if task.source.kind == "video"]
    if videos:
        check_tracker(settings)
    if workers and workers.cluster:
        yield from _distribute(_work, tasks, settings, workers)
        return
    for task in tasks:
        if task.source.kind != "video":
            yield task, _work(task, settings)
    yield from _distribute(_work, videos, settings, workers) if workers else _in_this_process(_work, videos, settings)


def read_clips(
    clips: Sequence[ClipSource], settings: LandmarkSettings, workers: Workers | None
) -> Iterator[tuple[ClipSource, Landmarks | BadClip]]:
    """Yields every clip with its landmarks in memory, as they are ready, or with the reason why it cannot be used.

    workers: as for `run`, without a cluster.
    """
    if any(clip.kind == "video" for clip in clips):
        check_tracker(settings)
    yield from _distribute(_read, clips, settings, workers) if workers else _in_this_process(_read, clips, settings)


def _in_this_process(work: Callable[[Job, LandmarkSettings], Result], jobs: Sequence[Job], settings: LandmarkSettings):
    try:
        yield from ((job, work(job, settings)) for job in jobs)
    finally:
        if _extractor.cache_info().currsize:
            _extractor(settings).close()
            _extractor.cache_clear()


def _distribute(
    work: Callable[[Job, LandmarkSettings], Result], jobs: Sequence[Job], settings: LandmarkSettings, workers: Workers
) -> Iterator[tuple[Job, Result | BadClip]]:
    with_settings = partial(work, settings=settings)
    renew_after = CLIPS_PER_WORKER.get(settings.tracker, 0)
    for job, future in fan_out(with_settings, jobs, workers, renew_after=renew_after, pin_cores=True):
        try:
            yield job, future.result()
        except WorkerDied as error:
            yield job, BadClip("worker-died", str(error))


@lru_cache(maxsize=1)
def _extractor(settings: LandmarkSettings) -> Extractor:
    """The extractor of this process."""
    return Extractor(settings)


def _work(task: Task, settings: LandmarkSettings) -> LandmarkSummary | BadClip:
    return _guarded(_video if task.source.kind == "video" else _landmark_file, task, settings)


def _read(clip: ClipSource, settings: LandmarkSettings) -> Landmarks | BadClip:
    return _guarded(_tracked if clip.kind == "video" else _usable, clip, settings)


def _guarded(function: Callable[[Job, LandmarkSettings], Result], job: Job, settings: LandmarkSettings) -> Result | BadClip:
    """What the function returns, or the reason why this clip cannot be used."""
    try:
        return function(job, settings)
    except BadClip as bad:
        return bad
    except MemoryError:
        return BadClip("too-large", "there is not enough memory for this clip")
    except (OSError, AslError):
        raise  # such as a full disk, which is not a fault of the clip
    except Exception as error:  # any error of a library must fail only this clip
        return BadClip("failed", f"{type(error).__name__}: {error}")


def _video(task: Task, settings: LandmarkSettings) -> LandmarkSummary:
    from asl.pipelines.media.drawing import thumbnail

    extraction = _extractor(settings).extract(clip_frames(task.source, settings))
    landmarks = without_private_points(extraction.landmarks, settings)
    if task.thumbnail and not settings.anonymise:
        write_atomically(task.thumbnail, thumbnail(extraction.picture, landmarks.points[extraction.picture_frame]))
    return _stored(task, pose_bytes(landmarks, extraction.visibility))


def _stored(task: Task, pose: bytes) -> LandmarkSummary:
    """Writes the bytes of a `.pose` file. Their summary is made from what a reader of the file will get."""
    write_atomically(task.pose, pose)
    return summary_of(pose, synthetic=is_synthetic(task.source))


def _tracked(clip: ClipSource, settings: LandmarkSettings) -> Landmarks:
    return without_private_points(_extractor(settings).extract(clip_frames(clip, settings)).landmarks, settings)


def clip_frames(source: ClipSource, settings: LandmarkSettings) -> Iterator[Frame]:
    """The frames of a video clip within its range.

    Raises BadClip as `video.frames` does, if the clip is too long, and if its time stamps jump. The header is only asked first:
    it may be wrong.
    """
    info = probe(source.path)
    start, end = effective_range(source, info.seconds)
    seconds = (info.seconds if end is None else end) - start
    if seconds > 60 * settings.max_minutes:
        raise BadClip("too-long", f"it is {seconds / 60:.0f} minutes long; {_maximum(settings)}")
    decoded = _bounded(frames(source.path, max_side=settings.max_side, start=start, end=end), settings)
    return thinned(decoded, settings.track_fps) if settings.track_fps else decoded


def _bounded(decoded: Iterator[Frame], settings: LandmarkSettings) -> Iterator[Frame]:
    """The frames as they are decoded. Raises BadClip if there are too many, they last too long, or their times jump."""
    first = last = None
    for count, frame in enumerate(decoded, 1):
        first = frame.time if first is None else first
        if last is not None and frame.time - last > MAX_GAP_SECONDS:
            raise BadClip("time-jump", f"its time stamps jump by {frame.time - last:.0f} s after {last:.1f} s; encode it again")
        if frame.time - first > 60 * settings.max_minutes:
            raise BadClip("too-long", f"it is longer than its header says; {_maximum(settings)}")
        if count > MAX_FRAMES:
            raise BadClip("too-long", f"it has more than {MAX_FRAMES:,} frames")
        last = frame.time
        yield frame


def _maximum(settings: LandmarkSettings) -> str:
    return f"the maximum is {settings.max_minutes:g} (landmarks.max_minutes)"


def _landmark_file(task: Task, settings: LandmarkSettings) -> LandmarkSummary:
    return _stored(task, pose_bytes(_usable(task.source, settings)))


def _usable(source: ClipSource, settings: LandmarkSettings) -> Landmarks:
    if source.kind == "array":
        landmarks = arrays.landmarks_of(source.path, source.row, source.layout)
    elif source.kind == "synthetic":
        landmarks = performances.landmarks(performances.parse_recipe(source.layout))
    else:
        landmarks = read_pose(source.path)
        landmarks = landmarks.between(*effective_range(source, landmarks.seconds))
    if len(landmarks) == 0:
        raise BadClip("empty-range", f"there are no frames between {source.start} and {source.end} s")
    return usable_landmarks(landmarks, settings)


def usable_landmarks(landmarks: Landmarks, settings: LandmarkSettings) -> Landmarks:
    """Landmarks from elsewhere, without what the privacy settings leave out.

    Raises BadClip if nobody is seen in any frame, or if the clip is too long.
    """
    if len(landmarks) == 0 or np.isnan(landmarks.points).all():
        raise BadClip("no-signer", "there are no landmarks in any frame")
    if landmarks.seconds > 60 * settings.max_minutes:
        raise BadClip("too-long", f"it is {landmarks.seconds / 60:.0f} minutes long; {_maximum(settings)}")
    return without_private_points(landmarks, settings)
