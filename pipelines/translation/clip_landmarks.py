"""The landmarks of the clips of a batch, and those that are kept so that the same command goes on where it stopped.

They are named after the content of the video and the settings of the tracker, and stored exactly: a clip is translated from the
cache as from its video. The cache is bounded; what has not been used for longest goes first.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.extract_clip import read_clips
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.workspace.cache_folder import cache_folder
from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.files import file_hash, value_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from asl.pipelines.workspace.tensor_files import load_arrays, save_arrays

MAX_BYTES = 5 << 30
FOLDER = "translated"
#: Settings that do not change the landmarks of a video.
_WITHOUT_EFFECT = ("workers", "time_limit")


class LandmarkCache:
    """Landmarks by the content of their video. is_full: something was not stored, because the run itself needs all of the space.

    What this run has stored or used is never removed by it: else a run over more videos than fit would find none of them again.
    """

    def __init__(self, folder: Path, settings: LandmarkSettings, max_bytes: int = MAX_BYTES):
        self.folder, self.max_bytes, self.is_full = folder, max_bytes, False
        values = {name: value for name, value in asdict(settings).items() if name not in _WITHOUT_EFFECT}
        self._settings = value_hash([VERSIONS["tracker"], values])
        self._used: set[Path] = set()
        self._stamps: dict[Path, tuple[int, int]] = {}
        files = list(self._files())
        self._bytes = sum(size for _, _, size in files)
        self._video_sizes = {file.name.partition("-")[0] for file, _, _ in files}

    def find(self, video: Path) -> Path | None:
        """The file with the landmarks of a video; None if there is none. Only videos of a known size are hashed."""
        try:
            size, _ = self._stamps[video] = _stamp(video)
            if str(size) not in self._video_sizes:
                return None
            file = self._file(video)
        except OSError:
            return None
        if not file.is_file():
            return None
        self._used.add(file)
        return file

    def load(self, file: Path) -> Landmarks | None:
        """The landmarks in a file that `find` returned; None if it has gone or is damaged."""
        try:
            arrays = load_arrays(file)
            fps, aspect, width = arrays["picture"].tolist()
            os.utime(file)
            return Landmarks(arrays["points"], fps, aspect, int(width))
        except (AslError, OSError, KeyError, ValueError, TypeError):
            return None

    def store(self, video: Path, landmarks: Landmarks) -> None:
        """Stores the landmarks of a video. It does nothing if the folder cannot be written to.

        Nor if the video has changed since `find` was asked for it, as one that is still being recorded: it was tracked before.
        """
        with contextlib.suppress(OSError):
            if self._stamps.setdefault(video, _stamp(video)) != _stamp(video):
                return
            if not self._make_room(landmarks.points.nbytes):
                self.is_full = True
                return
            file = self._file(video)
            picture = np.array([landmarks.fps, landmarks.aspect, landmarks.width], dtype=np.float64)
            save_arrays(file, {"points": landmarks.points, "picture": picture})
            self._used.add(file)
            self._video_sizes.add(file.name.partition("-")[0])

    def _file(self, video: Path) -> Path:
        name = value_hash([file_hash(video), self._settings])
        return self.folder / name[-2:] / f"{video.stat().st_size}-{name}.safetensors"

    def _make_room(self, size: int) -> bool:
        """Removes files that this run has not used, oldest first, until there is space. Returns whether there is."""
        self._bytes += size
        if self._bytes <= self.max_bytes:
            return True
        files = sorted(self._files(), key=lambda entry: entry[1])
        self._bytes = size + sum(bytes for _, _, bytes in files)
        for file, _, bytes in files:
            if self._bytes > self.max_bytes and file not in self._used:
                file.unlink(missing_ok=True)
                self._bytes -= bytes
        return self._bytes <= self.max_bytes

    def _files(self) -> Iterator[tuple[Path, float, int]]:
        """Every file of the cache with the time of its last use and its size."""
        for file in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                stat = file.stat()
                yield file, stat.st_mtime, stat.st_size


def _stamp(video: Path) -> tuple[int, int]:
    """Size and time of change, by which a video that changes is noticed."""
    stat = video.stat()
    return stat.st_size, stat.st_mtime_ns


def landmark_cache(workspace: Workspace | None, settings: LandmarkSettings) -> LandmarkCache:
    """The cache of a workspace; without one, that of the user."""
    return LandmarkCache((workspace.private if workspace else cache_folder()) / FOLDER, settings)


def landmarks_in_order(
    clips: Sequence[ClipSource], settings: LandmarkSettings, cache: LandmarkCache | None
) -> Iterator[tuple[ClipSource, Landmarks | BadClip]]:
    """Yields each clip with its landmarks, or with what is wrong with it, in the given order.

    Only videos that are not in the cache are tracked, in worker processes if there are several clips. Those that are finished
    before their turn are stored at once, and wait.
    """
    cached = {clip: file for clip in clips if cache and clip.kind == "video" and (file := cache.find(clip.path))}
    videos = [clip for clip in clips if clip.kind == "video" and clip not in cached]
    # A single clip is read faster in this process.
    workers = Workers(settings.workers, seconds=60 * settings.time_limit) if len(clips) > 1 else None
    tracked = _stored(read_clips(videos, settings, workers), cache)
    waiting: dict[ClipSource, Landmarks | BadClip] = {}
    for clip in clips:
        if clip.kind == "video" and clip not in cached:
            while clip not in waiting:
                done, outcome = next(tracked)
                waiting[done] = outcome
            yield clip, waiting.pop(clip)
        else:
            landmarks = cache.load(cached[clip]) if cache and clip in cached else None
            yield clip, _read(clip, settings, cache) if landmarks is None else landmarks


def _stored(
    tracked: Iterator[tuple[ClipSource, Landmarks | BadClip]], cache: LandmarkCache | None
) -> Iterator[tuple[ClipSource, Landmarks | BadClip]]:
    for clip, outcome in tracked:
        if cache and clip.kind == "video" and isinstance(outcome, Landmarks):
            cache.store(clip.path, outcome)
        yield clip, outcome


def _read(clip: ClipSource, settings: LandmarkSettings, cache: LandmarkCache | None) -> Landmarks | BadClip:
    """The landmarks of a `.pose` file, or of a video whose entry in the cache is damaged, which is renewed."""
    ((_, outcome),) = _stored(read_clips([clip], settings, None), cache)
    return outcome
