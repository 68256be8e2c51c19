"""Landmark tracking with MediaPipe Holistic: 543 points per frame (SPEC §1). The only module that imports mediapipe."""

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path

import numpy as np

from asl.models.features.holistic import COMPONENTS, Landmarks, empty_points
from asl.models.features.resampling import resample_at
from asl.pipelines.media.pose_files import MAX_FRAMES
from asl.pipelines.media.video import Frame, is_even, nominal_fps
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.settings.clips import LandmarkSettings

MIN_FRAMES = 2
#: Number of frames at the start of a graph that are not timed.
WARM_UP_FRAMES = 5
#: Names of the pose models, by complexity.
POSE_MODELS = ("lite", "full", "heavy")
FIRST_WITHOUT_HOLISTIC = (0, 10, 30)
INSTALL_HINT = 'pip install "mediapipe>=0.10.14,<0.10.30"'


@dataclass(frozen=True)
class Extraction:
    """A clip's landmarks, MediaPipe's visibility of the pose points (T, 33), and the middle frame's picture."""

    landmarks: Landmarks
    visibility: np.ndarray
    picture: np.ndarray
    picture_frame: int


def available_complexities() -> list[int]:
    """The model complexities whose files are installed. MediaPipe would download the others, but asl downloads nothing."""
    package = find_spec("mediapipe")
    folder = Path(package.origin).parent / "modules" / "pose_landmark" if package and package.origin else Path()
    return [number for number, name in enumerate(POSE_MODELS) if (folder / f"pose_landmark_{name}.tflite").is_file()]


def check_mediapipe() -> None:
    """Raises AslError if MediaPipe is not installed or has no Holistic graph."""
    try:
        installed = metadata.version("mediapipe")
    except metadata.PackageNotFoundError as error:
        raise AslError("MediaPipe is not installed", INSTALL_HINT) from error
    if tuple(int(part) for part in installed.split(".")[:3] if part.isdigit()) >= FIRST_WITHOUT_HOLISTIC:
        raise AslError(f"MediaPipe {installed} has no Holistic graph", INSTALL_HINT)


class Extractor:
    """MediaPipe Holistic, reset for each clip so that clips do not influence each other.

    Until it is closed, file descriptor 2 is redirected to /dev/null, because MediaPipe's threads log to it at any time.
    """

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

    def track(self, picture: np.ndarray) -> np.ndarray:
        """(543, 3) points of the next picture of a stream, in image widths, NaN where absent."""
        return _points(self._holistic.process(picture), picture)

    def extract(self, frames: Iterable[Frame]) -> Extraction:
        """The landmarks of a clip. Frames at a variable rate are resampled to a constant rate.

        Raises BadClip if there are fewer than two frames, or no person in any of them.
        """
        self._holistic.reset()
        times, points, visibility, pictures = [], [], [], _MiddlePicture()
        for frame in frames:
            result = self._holistic.process(frame.picture)
            times.append(frame.time)
            points.append(_points(result, frame.picture))
            visibility.append(_visibility(result))
            pictures.add(frame.picture)
        if len(times) < MIN_FRAMES:
            raise BadClip("too-short", f"frames in the clip: {len(times)}; at least {MIN_FRAMES} are needed")
        stacked = np.stack(points)
        if np.isnan(stacked[:, COMPONENTS["pose"], 0]).all():
            raise BadClip("no-signer", "no person was found in any frame")
        return _at_constant_rate(np.array(times), stacked, np.stack(visibility), pictures)


def milliseconds_per_frame(pictures: Sequence[np.ndarray], settings: LandmarkSettings) -> dict[str, float]:
    """Median time of MediaPipe's graph of each modality (SPEC §12), after a warm-up. pictures: (H, W, 3), of one clip.

    hands: palm and hand landmarks; face: the mesh; body: the pose. The Holistic graph of `Extractor` takes less time than their
    sum, because the pose locates the hands and the face.
    """
    check_mediapipe()
    with closing(_SilentStderr()):
        from mediapipe.python.solutions.face_mesh import FaceMesh
        from mediapipe.python.solutions.hands import Hands
        from mediapipe.python.solutions.pose import Pose

        graphs = {
            "hands": lambda: Hands(max_num_hands=2, model_complexity=settings.complexity),
            "face": lambda: FaceMesh(max_num_faces=1),
            "body": lambda: Pose(model_complexity=settings.complexity),
        }
        return {name: _median_milliseconds(create_graph, pictures) for name, create_graph in graphs.items()}


def _median_milliseconds(create_graph, pictures: Sequence[np.ndarray]) -> float:
    times = []
    with create_graph() as graph:
        for picture in pictures:
            started = time.perf_counter()
            graph.process(picture)
            times.append(time.perf_counter() - started)
    return float(1000 * np.median(times[WARM_UP_FRAMES:]))


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
    elif len(times) > 1:
        fps = (len(times) - 1) / (times[-1] - times[0])
    height, width = pictures.picture.shape[:2]
    return Extraction(Landmarks(points, float(fps), width / height, width), visibility, pictures.picture, middle)


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
    """Redirects file descriptor 2 to /dev/null until it is closed.

    Nothing else ends it: a process that ends shall not show what the threads of a graph say that has only just been started.
    """

    def __init__(self) -> None:
        self._stderr = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)

    def close(self) -> None:
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
