"""MediaPipe Holistic as it is, the reference of the tracker (SPEC §1a). The only module that imports mediapipe."""

import os
import sys
from importlib import metadata
from importlib.util import LazyLoader, find_spec, module_from_spec
from threading import Lock

import numpy as np

from asl.models.features.holistic import COMPONENTS, empty_points
from asl.pipelines.media.tracker.frame import TrackedFrame
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.settings.clips import LandmarkSettings

FIRST_WITHOUT_HOLISTIC = (0, 10, 30)
INSTALL_HINT = 'pip install "asl[mediapipe]"'


def check_mediapipe() -> None:
    """Raises AslError if MediaPipe is not installed or has no Holistic graph."""
    try:
        installed = metadata.version("mediapipe")
    except metadata.PackageNotFoundError as error:
        raise AslError("MediaPipe is not installed", INSTALL_HINT) from error
    if tuple(int(part) for part in installed.split(".")[:3] if part.isdigit()) >= FIRST_WITHOUT_HOLISTIC:
        raise AslError(f"MediaPipe {installed} has no Holistic graph", INSTALL_HINT)


class MediapipeTracker:
    """MediaPipe Holistic. Until it is closed, file descriptor 2 leads to /dev/null, because its threads log at any time."""

    def __init__(self, settings: LandmarkSettings):
        self._silence = _SilentStderr()
        try:
            self._holistic = _holistic(settings)
        except BaseException:
            self._silence.close()
            raise

    def close(self) -> None:
        self._holistic.close()
        self._silence.close()

    def warm_up(self) -> None:
        self.track(np.zeros((64, 64, 3), np.uint8))
        self.reset()

    def reset(self) -> None:
        self._holistic.reset()

    def part_seconds(self) -> dict[str, float]:
        return {}

    def track(self, picture: np.ndarray) -> TrackedFrame:
        result = self._holistic.process(picture)
        return TrackedFrame(_points(result, picture), _visibility(result))


def _points(result, picture: np.ndarray) -> np.ndarray:
    """(543, 3) points in image widths, NaN where absent."""
    points = empty_points(1)[0]
    parts = (result.pose_landmarks, result.face_landmarks, result.left_hand_landmarks, result.right_hand_landmarks)
    for part, component in zip(parts, COMPONENTS.values(), strict=True):
        if part is not None:
            points[component] = [(point.x, point.y, point.z) for point in part.landmark]
    points[:, 1] *= picture.shape[0] / picture.shape[1]
    return points


def _visibility(result) -> np.ndarray:
    """(33,) visibility of the pose points."""
    if result.pose_landmarks is None:
        return np.zeros(33, dtype=np.float32)
    return np.array([point.visibility for point in result.pose_landmarks.landmark], dtype=np.float32)


def _holistic(settings: LandmarkSettings):
    """MediaPipe's graph, whose threads are starting."""
    _import_lazily("matplotlib.pyplot")
    from mediapipe.python.solutions.holistic import Holistic

    return Holistic(
        model_complexity=settings.complexity,
        min_detection_confidence=settings.detection_confidence,
        min_tracking_confidence=settings.tracking_confidence,
    )


def _import_lazily(name: str) -> None:
    """Defers loading a module until it is used. MediaPipe's drawing helpers import it, but are not used here."""
    if name not in sys.modules and (spec := find_spec(name)):
        spec.loader = LazyLoader(spec.loader)
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


class _SilentStderr:
    """Redirects file descriptor 2 to /dev/null until the last one of them is closed, in any order.

    Nothing else ends it: a process that ends shall not show what the threads of a graph say that has only just been started.
    """

    _lock, _open, _stderr = Lock(), 0, -1

    def __init__(self) -> None:
        with self._lock:
            if not _SilentStderr._open:
                _SilentStderr._stderr = os.dup(2)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)
            _SilentStderr._open += 1

    def close(self) -> None:
        with self._lock:
            _SilentStderr._open -= 1
            if not _SilentStderr._open:
                os.dup2(self._stderr, 2)
                os.close(self._stderr)
