"""The landmarks of a clip, or of a stream, by the tracker that the settings name (SPEC §1)."""

import multiprocessing
import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from asl.models.features.holistic import COMPONENTS, Landmarks
from asl.models.features.resampling import resample_at
from asl.pipelines.media.pose_files import MAX_FRAMES
from asl.pipelines.media.tracker.frame import FrameTracker
from asl.pipelines.media.video import Frame, is_even, nominal_fps
from asl.pipelines.workspace.errors import BadClip
from asl.pipelines.workspace.settings.clips import LandmarkSettings

MIN_FRAMES = 2
#: With more threads, the small nets wait for each other.
MAX_THREADS = 4


@dataclass(frozen=True)
class Extraction:
    """A clip's landmarks, the tracker's visibility of the pose points (T, 33), and the middle frame's picture."""

    landmarks: Landmarks
    visibility: np.ndarray
    picture: np.ndarray
    picture_frame: int


def check_tracker(settings: LandmarkSettings) -> None:
    """Raises AslError if the tracker that the settings name is not installed."""
    if settings.tracker == "mediapipe":
        from asl.pipelines.media.tracker.mediapipe_holistic import check_mediapipe

        check_mediapipe()


def open_tracker(settings: LandmarkSettings, threads: int = 1) -> FrameTracker:
    """The tracker that the settings name, its nets not yet loaded. threads: as of `Extractor`."""
    if settings.tracker == "mediapipe":
        from asl.pipelines.media.tracker.mediapipe_holistic import MediapipeTracker

        return MediapipeTracker(settings)
    from asl.pipelines.media.tracker.holistic import HolisticTracker

    return HolisticTracker(settings.detection_confidence, settings.tracking_confidence, threads)


def all_threads() -> int:
    """Threads with which a tracker that is alone on this machine is fastest."""
    return min(MAX_THREADS, os.cpu_count() or 1)


class Extractor:
    """A tracker for clips and streams, reset for each clip so that clips do not influence each other."""

    def __init__(self, settings: LandmarkSettings, threads: int | None = None):
        """threads: for the nets. By default one in a worker process, which has a core to itself, and else MAX_THREADS."""
        is_worker = multiprocessing.parent_process() is not None
        self._tracker = open_tracker(settings, threads or (1 if is_worker else all_threads()))

    def warm_up(self) -> None:
        """Makes the first picture as fast as the others."""
        self._tracker.warm_up()

    def close(self) -> None:
        self._tracker.close()

    def track(self, picture: np.ndarray) -> np.ndarray:
        """(543, 3) points of the next picture (H, W, 3) of a stream, in image widths, NaN where absent."""
        return self._tracker.track(picture).points

    def part_seconds(self) -> dict[str, float]:
        """Seconds that the last picture took, by part of the signer, as far as the tracker can tell."""
        return self._tracker.part_seconds()

    def extract(self, frames: Iterable[Frame]) -> Extraction:
        """The landmarks of a clip. Frames at a variable rate are resampled to a constant rate.

        Raises BadClip if there are fewer than two frames, or no person in any of them.
        """
        self._tracker.reset()
        times, tracked, pictures = [], [], _MiddlePicture()
        for frame in frames:
            times.append(frame.time)
            tracked.append(self._tracker.track(frame.picture))
            pictures.add(frame.picture)
        if len(times) < MIN_FRAMES:
            raise BadClip("too-short", f"frames in the clip: {len(times)}; at least {MIN_FRAMES} are needed")
        points = np.stack([frame.points for frame in tracked])
        if np.isnan(points[:, COMPONENTS["pose"], 0]).all():
            raise BadClip("no-signer", "no person was found in any frame")
        return _at_constant_rate(np.array(times), points, np.stack([frame.visibility for frame in tracked]), pictures)


class _MiddlePicture:
    """Keeps a picture from the second quarter of a stream of unknown length: of frames 1, 2, 4, 8, …, the last but one."""

    def __init__(self):
        self._count, self._candidates = 0, []

    def add(self, picture: np.ndarray) -> None:
        if self._count & (self._count - 1) == 0:
            self._candidates = [*self._candidates[-1:], (self._count, picture)]
        self._count += 1

    @property
    def index(self) -> int:
        return self._candidates[0][0]

    @property
    def picture(self) -> np.ndarray:
        return self._candidates[0][1]


def _at_constant_rate(times: np.ndarray, points: np.ndarray, visibility: np.ndarray, pictures: _MiddlePicture) -> Extraction:
    fps, middle = nominal_fps(times), pictures.index
    if not is_even(times):
        if (times[-1] - times[0]) * fps > MAX_FRAMES:
            raise BadClip(
                "time-jump", f"its time stamps are too uneven: at {fps:.0f} fps it would have over {MAX_FRAMES:,} frames"
            )
        grid = np.arange(times[0], times[-1] + 0.5 / fps, 1 / fps)
        middle = int(np.abs(grid - times[middle]).argmin())
        points = resample_at(points, times, grid)
        visibility = resample_at(visibility[..., None], times, grid)[..., 0]
    else:
        fps = (len(times) - 1) / (times[-1] - times[0])
    height, width = pictures.picture.shape[:2]
    return Extraction(Landmarks(points, float(fps), width / height, width), visibility, pictures.picture, middle)
