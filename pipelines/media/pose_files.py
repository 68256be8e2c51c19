"""Reading and writing `.pose` files, the common landmark format of sign language research (SPEC §1; package pose-format).

x and y are in pixels; z is in image widths, as in files of pose-format's own Holistic writer, so that one reader handles both.
Confidence 0 means absent.
"""

import struct
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

from asl.models.features.holistic import (
    BODY_BONES,
    COMPONENTS,
    HAND_BONES,
    POINT_COUNT,
    Landmarks,
    empty_points,
)
from asl.pipelines.workspace.errors import BadClip
from asl.pipelines.workspace.files import write_atomically

MAX_FILE_BYTES = 2 << 30
MIN_FPS, MAX_FPS = 1.0, 1000.0
#: A small file with few points may hold many frames, each of which takes the memory of all points here.
MAX_FRAMES = 300_000
#: Files of version 0.0 may expand to many times their size when they are read.
FIRST_VERSION = 0.1

_COMPONENT_NAMES = {
    "pose": "POSE_LANDMARKS",
    "face": "FACE_LANDMARKS",
    "left_hand": "LEFT_HAND_LANDMARKS",
    "right_hand": "RIGHT_HAND_LANDMARKS",
}
_BODY = (
    "NOSE LEFT_EYE_INNER LEFT_EYE LEFT_EYE_OUTER RIGHT_EYE_INNER RIGHT_EYE RIGHT_EYE_OUTER LEFT_EAR RIGHT_EAR "
    "MOUTH_LEFT MOUTH_RIGHT LEFT_SHOULDER RIGHT_SHOULDER LEFT_ELBOW RIGHT_ELBOW LEFT_WRIST RIGHT_WRIST LEFT_PINKY "
    "RIGHT_PINKY LEFT_INDEX RIGHT_INDEX LEFT_THUMB RIGHT_THUMB LEFT_HIP RIGHT_HIP LEFT_KNEE RIGHT_KNEE LEFT_ANKLE "
    "RIGHT_ANKLE LEFT_HEEL RIGHT_HEEL LEFT_FOOT_INDEX RIGHT_FOOT_INDEX"
).split()
_HAND = (
    "WRIST THUMB_CMC THUMB_MCP THUMB_IP THUMB_TIP INDEX_FINGER_MCP INDEX_FINGER_PIP INDEX_FINGER_DIP INDEX_FINGER_TIP "
    "MIDDLE_FINGER_MCP MIDDLE_FINGER_PIP MIDDLE_FINGER_DIP MIDDLE_FINGER_TIP RING_FINGER_MCP RING_FINGER_PIP "
    "RING_FINGER_DIP RING_FINGER_TIP PINKY_MCP PINKY_PIP PINKY_DIP PINKY_TIP"
).split()
_POINT_NAMES = {"pose": _BODY, "face": [str(i) for i in range(468)], "left_hand": _HAND, "right_hand": _HAND}
_BONES = {"pose": BODY_BONES, "face": [], "left_hand": HAND_BONES, "right_hand": HAND_BONES}
_COLOURS = {"pose": (90, 90, 90), "face": (200, 160, 60), "left_hand": (30, 110, 220), "right_hand": (220, 70, 40)}


class _PlainBody(NumPyPoseBody):
    """A body without the masked arrays of pose-format, which take longer than reading the file."""

    def __init__(self, fps, data, confidence):
        self.fps, self.data, self.confidence = fps, np.asarray(data), np.asarray(confidence)


def read_pose(path: Path) -> Landmarks:
    """Reads a `.pose` file as landmarks: only the first person, without unknown components and points.

    Raises BadClip if it is not a `.pose` file, is cut off, has no frames, or has none of the four Holistic components.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise BadClip("empty-file", "the file is empty")
        if size > MAX_FILE_BYTES:
            raise BadClip("too-large", f"the file is larger than {MAX_FILE_BYTES >> 30} GiB")
        return parse_pose(path.read_bytes())
    except OSError as error:
        raise BadClip("unreadable", error.strerror or str(error)) from error


def parse_pose(data: bytes) -> Landmarks:
    """Parses the bytes of a `.pose` file as landmarks; see `read_pose`."""
    if len(data) >= 4 and round(struct.unpack("<f", data[:4])[0], 3) < FIRST_VERSION:
        raise BadClip("bad-pose", "it is a .pose file of version 0.0; rewrite it with a current version of pose-format")
    try:
        pose = Pose.read(data, _PlainBody)
    except (struct.error, ValueError, LookupError, TypeError, ArithmeticError, MemoryError, NotImplementedError) as error:
        raise BadClip("bad-pose", "it is not a valid .pose file, or it is cut off") from error
    body, width = pose.body, pose.header.dimensions.width
    if body.data.ndim != 4 or body.data.shape[0] == 0 or body.data.shape[1] == 0:
        raise BadClip("no-frames", "the .pose file has no frames")
    if len(body.data) > MAX_FRAMES:
        raise BadClip("too-large", f"it has {len(body.data):,} frames; the maximum is {MAX_FRAMES:,}")
    if body.data.shape[3] < 2:
        raise BadClip("bad-pose", "the .pose file has no x and y coordinates")
    if not MIN_FPS <= body.fps <= MAX_FPS or not np.isfinite(body.fps) or width == 0:
        raise BadClip("bad-pose", f"the .pose file gives a rate of {body.fps} fps and a width of {width} pixels")
    source, target = _point_map(_signature(pose.header))
    if len(source) == 0:
        names = ", ".join(component.name for component in pose.header.components) or "none"
        raise BadClip("not-holistic", f"the .pose file has no MediaPipe Holistic components (it has: {names})")
    points = empty_points(len(body.data))
    seen = body.confidence[:, 0, source] > 0
    values = body.data[:, 0, source, :3].astype(np.float32)
    values[..., :2] /= width
    if values.shape[-1] == 2:
        values = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
    values[~(seen & np.isfinite(values).all(axis=-1))] = np.nan
    points[:, target] = values
    height = max(1, pose.header.dimensions.height)
    return Landmarks(points, float(body.fps), aspect=width / height, width=width)


def _signature(header: PoseHeader) -> tuple:
    return tuple((component.name, tuple(component.points)) for component in header.components)


def point_indices() -> dict[tuple[str, str], int]:
    """(component, point) as named in `.pose` files → index among the 543 points."""
    return {
        (_COMPONENT_NAMES[name], point): COMPONENTS[name].start + i
        for name in COMPONENTS
        for i, point in enumerate(_POINT_NAMES[name])
    }


@lru_cache(maxsize=64)
def _point_map(signature: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the known points in a file with these components, and among the 543 points."""
    indices = point_indices()
    names = [(component, point) for component, points in signature for point in points]
    pairs = np.array([(i, indices[name]) for i, name in enumerate(names) if name in indices], dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def write_pose(path: Path, landmarks: Landmarks, visibility: np.ndarray | None = None) -> None:
    """Writes landmarks as a `.pose` file, atomically; see `pose_bytes`."""
    write_atomically(path, pose_bytes(landmarks, visibility))


def pose_bytes(landmarks: Landmarks, visibility: np.ndarray | None = None) -> bytes:
    """The content of a `.pose` file of these landmarks.

    visibility: (T, 33), MediaPipe's estimate for the pose points, stored as their confidence; other points that are seen get 1.
    Face points that are never seen are left out, so that a source without a face takes no space for one.
    """
    seen = np.isfinite(landmarks.points).all(axis=-1)
    confidence = seen.astype(np.float32)
    if visibility is not None:
        pose = COMPONENTS["pose"]
        confidence[:, pose] *= np.maximum(visibility, np.finfo(np.float16).tiny)
    stored = _stored_points(seen)
    data = np.nan_to_num(landmarks.points[:, stored], nan=0.0)
    data[..., :2] *= landmarks.width
    body = NumPyPoseBody(landmarks.fps, data[:, None], confidence[:, None, stored])
    buffer = BytesIO()
    Pose(_header(landmarks, stored), body).write(buffer)
    return buffer.getvalue()


def _stored_points(seen: np.ndarray) -> np.ndarray:
    """Indices of the points to store: whole components, but of the face only points that are seen in some frame."""
    is_stored = np.ones(POINT_COUNT, dtype=bool)
    face = COMPONENTS["face"]
    is_stored[face] = seen[:, face].any(axis=0)
    return np.flatnonzero(is_stored)


def _header(landmarks: Landmarks, stored: np.ndarray) -> PoseHeader:
    height = max(1, round(landmarks.width / landmarks.aspect))
    components = []
    for name, part in COMPONENTS.items():
        points = [_POINT_NAMES[name][i - part.start] for i in stored if part.start <= i < part.stop]
        if points:
            colours = [_COLOURS[name]] * max(1, len(_BONES[name]))
            components.append(PoseHeaderComponent(_COMPONENT_NAMES[name], points, _BONES[name], colours, "XYZC"))
    return PoseHeader(0.2, PoseHeaderDimensions(landmarks.width, height, landmarks.width), components)
