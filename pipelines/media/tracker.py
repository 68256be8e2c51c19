"""MediaPipe Holistic on a clip: 543 points a frame with the frame's own time (SPEC §1). The only user of mediapipe."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path

import numpy as np

from asl.models.features.holistic import COMPONENTS, Landmarks, empty_points
from asl.models.features.resampling import resample_at
from asl.pipelines.media.video import Frame, is_even, nominal_fps
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.settings.clips import LandmarkSettings

MIN_FRAMES = 2
#: Frames that are not timed, while a graph starts.
WARM_UP_FRAMES = 5
#: By complexity.
POSE_MODELS = ("lite", "full", "heavy")
FIRST_WITHOUT_HOLISTIC = (0, 10, 30)
WANTED = 'pip install "mediapipe>=0.10.14,<0.10.30"'


@dataclass(frozen=True)
class Extraction:
    """A clip's landmarks, MediaPipe's visibility of the pose points (T, 33), and the middle frame's picture."""

    landmarks: Landmarks
    visibility: np.ndarray
    picture: np.ndarray
    picture_frame: int


def complexities() -> list[int]:
    """The model complexities whose files lie here: MediaPipe would download the others, and nothing is downloaded."""
    package = find_spec("mediapipe")
    folder = Path(package.origin).parent / "modules" / "pose_landmark" if package and package.origin else Path()
    return [number for number, name in enumerate(POSE_MODELS) if (folder / f"pose_landmark_{name}.tflite").is_file()]


def check_mediapipe() -> None:
    """Raises AslError if the installed MediaPipe is one that has no Holistic graph, or none is installed."""
    try:
        installed = metadata.version("mediapipe")
    except metadata.PackageNotFoundError as error:
        raise AslError("MediaPipe is not installed", WANTED) from error
    if tuple(int(part) for part in installed.split(".")[:3] if part.isdigit()) >= FIRST_WITHOUT_HOLISTIC:
        raise AslError(f"MediaPipe {installed} has no Holistic graph", WANTED)


class Extractor:
    """MediaPipe Holistic, started afresh for each clip, so that no clip depends on those before it.

    Until it is closed, file descriptor 2 leads nowhere: MediaPipe's threads write notes there whenever they like.
    """

    def __init__(self, settings: LandmarkSettings):
        self._silence = ExitStack()
        self._silence.enter_context(_silenced())
        _when_used("matplotlib.pyplot")
        from mediapipe.python.solutions.holistic import Holistic

        self._holistic = Holistic(
            model_complexity=settings.complexity,
            min_detection_confidence=settings.detection_confidence,
            min_tracking_confidence=settings.tracking_confidence,
        )

    def close(self) -> None:
        self._holistic.close()
        self._silence.close()

    def track(self, picture: np.ndarray) -> np.ndarray:
        """(543, 3) of the next picture of a stream, image widths, NaN where not found."""
        return _points(self._holistic.process(picture), picture)

    def extract(self, frames: Iterable[Frame]) -> Extraction:
        """One clip. Frames at an uneven rate are put on an even grid by their times.

        Raises BadClip: fewer than two frames, or no person in any of them.
        """
        self._holistic.reset()
        times, points, visibility, pictures = [], [], [], _MiddlePicture()
        for frame in frames:
            found = self._holistic.process(frame.picture)
            times.append(frame.time)
            points.append(_points(found, frame.picture))
            visibility.append(_visibility(found))
            pictures.see(frame.picture)
        if len(times) < MIN_FRAMES:
            raise BadClip("too-short", f"{len(times)} frame in the clip; at least {MIN_FRAMES} are needed")
        stacked = np.stack(points)
        if np.isnan(stacked[:, COMPONENTS["pose"], 0]).all():
            raise BadClip("no-signer", "no person was found in any frame")
        return _on_even_grid(np.array(times), stacked, np.stack(visibility), pictures)


def milliseconds_a_frame(pictures: Sequence[np.ndarray], settings: LandmarkSettings) -> dict[str, float]:
    """Median time of MediaPipe's own graph of each modality (SPEC §12) on (H, W, 3) pictures of one clip, after a warm-up.

    hands: palm and hand landmarks; face: the mesh; body: the pose. All of one clip together is what `Extractor` runs, and
    costs less than their sum, since there the pose says where to look.
    """
    check_mediapipe()
    with _silenced():
        from mediapipe.python.solutions.face_mesh import FaceMesh
        from mediapipe.python.solutions.hands import Hands
        from mediapipe.python.solutions.pose import Pose

        graphs = {
            "hands": lambda: Hands(max_num_hands=2, model_complexity=settings.complexity),
            "face": lambda: FaceMesh(max_num_faces=1),
            "body": lambda: Pose(model_complexity=settings.complexity),
        }
        return {name: _median_milliseconds(make, pictures) for name, make in graphs.items()}


def _median_milliseconds(make, pictures: Sequence[np.ndarray]) -> float:
    times = []
    with make() as graph:
        for picture in pictures:
            started = time.perf_counter()
            graph.process(picture)
            times.append(time.perf_counter() - started)
    return float(1000 * np.median(times[WARM_UP_FRAMES:]))


class _MiddlePicture:
    """Keeps a picture from the second quarter of a stream of unknown length: of frames 1, 2, 4, 8, … the last but one."""

    def __init__(self):
        self._count, self._kept = 0, []

    def see(self, picture: np.ndarray) -> None:
        if self._count & (self._count - 1) == 0:
            self._kept = [*self._kept[-1:], (self._count, picture)]
        self._count += 1

    @property
    def index(self) -> int:
        return self._kept[0][0]

    @property
    def picture(self) -> np.ndarray:
        return self._kept[0][1]


def _points(found, picture: np.ndarray) -> np.ndarray:
    """(543, 3) in image widths, NaN where not found."""
    points = empty_points(1)[0]
    parts = (found.pose_landmarks, found.face_landmarks, found.left_hand_landmarks, found.right_hand_landmarks)
    for part, component in zip(parts, COMPONENTS.values(), strict=True):
        if part is not None:
            points[component] = [(point.x, point.y, point.z) for point in part.landmark]
    points[:, 1] *= picture.shape[0] / picture.shape[1]
    return points


def _visibility(found) -> np.ndarray:
    if found.pose_landmarks is None:
        return np.zeros(33, dtype=np.float32)
    return np.array([point.visibility for point in found.pose_landmarks.landmark], dtype=np.float32)


def _on_even_grid(times: np.ndarray, points: np.ndarray, visibility: np.ndarray, pictures: _MiddlePicture) -> Extraction:
    fps, middle = nominal_fps(times), pictures.index
    if not is_even(times):
        grid = np.arange(times[0], times[-1] + 0.5 / fps, 1 / fps)
        middle = int(np.abs(grid - times[middle]).argmin())
        points = resample_at(points, times, grid)
        visibility = resample_at(visibility[..., None], times, grid)[..., 0]
    elif len(times) > 1:
        fps = (len(times) - 1) / (times[-1] - times[0])
    height, width = pictures.picture.shape[:2]
    return Extraction(Landmarks(points, float(fps), width / height, width), visibility, pictures.picture, middle)


def _when_used(name: str) -> None:
    """Lets a module be loaded when it is first used: MediaPipe's drawing helpers would load this one, and nobody draws here."""
    if name not in sys.modules and (spec := find_spec(name)):
        spec.loader = LazyLoader(spec.loader)
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])


@contextmanager
def _silenced() -> Iterator[None]:
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
