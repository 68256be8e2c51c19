"""Clips fanned out over worker processes or a cluster, each with its own MediaPipe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources import arrays
from asl.pipelines.jobs.processes import WorkerDied, Workers, fan_out
from asl.pipelines.media.pose_files import read_pose, write_pose
from asl.pipelines.media.privacy import without_private_points
from asl.pipelines.media.tracker import Extractor, check_mediapipe
from asl.pipelines.media.video import Frame, frames, probe
from asl.pipelines.synthetic import performances
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.settings.clips import LandmarkSettings

RANGE_TOLERANCE_SECONDS = 0.25
#: MediaPipe's native memory creeps up over hundreds of clips; a fresh process costs two seconds.
CLIPS_A_WORKER = 400


@dataclass(frozen=True)
class Task:
    """A clip, the .pose file to write, and (videos) where its thumbnail goes."""

    source: ClipSource
    pose: Path
    thumbnail: Path | None = None


def run(tasks: Sequence[Task], settings: LandmarkSettings, where: Workers | None) -> Iterator[tuple[Task, int | BadClip]]:
    """Extracts every task; yields it with its number of frames, or with what is wrong with it, as each ends.

    where: the workers; None does it all in this process, without a limit of time and with its life for a library's. Only videos
    need MediaPipe, and where the workers are this machine's only videos go to them. Raises OSError: the disk is full.
    """
    videos = [task for task in tasks if task.source.kind == "video"]
    if videos:
        check_mediapipe()
    if where and where.cluster:
        yield from _fanned_out(tasks, settings, where)
        return
    for task in tasks:
        if task.source.kind != "video":
            yield task, _work(task, settings)
    if where:
        yield from _fanned_out(videos, settings, where)
    elif videos:
        extractor = _extractor(settings)
        try:
            yield from ((task, _work(task, settings)) for task in videos)
        finally:
            extractor.close()
            _extractor.cache_clear()


def _fanned_out(tasks: Sequence[Task], settings: LandmarkSettings, where: Workers) -> Iterator[tuple[Task, int | BadClip]]:
    work = partial(_work, settings=settings)
    for task, future in fan_out(work, tasks, where, renew_after=CLIPS_A_WORKER, pin_cores=True):
        try:
            yield task, future.result()
        except WorkerDied as error:
            yield task, BadClip("worker-died", str(error))


@lru_cache(maxsize=1)
def _extractor(settings: LandmarkSettings) -> Extractor:
    """This process's own."""
    return Extractor(settings)


def _work(task: Task, settings: LandmarkSettings) -> int | BadClip:
    try:
        return _video(task, settings) if task.source.kind == "video" else _landmark_file(task, settings)
    except BadClip as bad:
        return bad
    except MemoryError:
        return BadClip("too-large", "not enough memory for this clip")
    except (OSError, AslError):
        raise  # a full disk is not the clip's fault
    except Exception as error:  # whatever a library says of one clip must not end the batch
        return BadClip("failed", f"{type(error).__name__}: {error}")


def _video(task: Task, settings: LandmarkSettings) -> int:
    from asl.pipelines.media.drawing import thumbnail

    found = _extractor(settings).extract(clip_frames(task.source, settings))
    kept = without_private_points(found.landmarks, settings)
    if task.thumbnail and not settings.anonymise:
        write_atomically(task.thumbnail, thumbnail(found.picture, kept.points[found.picture_frame]))
    write_pose(task.pose, kept, found.visibility)
    return len(kept)


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


def _landmark_file(task: Task, settings: LandmarkSettings) -> int:
    source = task.source
    if source.kind == "array":
        found = arrays.landmarks_of(source.path, source.row, source.layout)
    elif source.kind == "synthetic":
        found = performances.landmarks(performances.parse_recipe(source.layout))
    else:
        found = read_pose(source.path)
        found = found.between(*effective_range(source, found.seconds))
    if len(found) == 0:
        raise BadClip("empty-range", f"nothing between {source.start} and {source.end} s")
    if np.isnan(found.points).all():
        raise BadClip("no-signer", "no point was seen in any frame")
    write_pose(task.pose, without_private_points(found, settings))
    return len(found)
