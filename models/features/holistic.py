"""The 543 landmarks of MediaPipe Holistic: the indices of each component and of named points, and the bones (SPEC §1).

Axes: x to the right, y down, z away from the camera. All coordinates are in image widths, so that the axes share a unit.
Left and right are the signer's: in an unmirrored picture the left shoulder is on the right.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

POSE = slice(0, 33)
FACE = slice(33, 501)
LEFT_HAND = slice(501, 522)
RIGHT_HAND = slice(522, 543)
COMPONENTS = {"pose": POSE, "face": FACE, "left_hand": LEFT_HAND, "right_hand": RIGHT_HAND}
POINT_COUNT = 543

LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_WRIST, RIGHT_WRIST = 15, 16


@dataclass(frozen=True)
class Landmarks:
    """The landmarks of a clip (SPEC §1).

    points: (T, 543, 3) float32, image widths; NaN where a point was not seen.
    fps: frames per second of the T evenly spaced frames.
    aspect: width / height of the picture.
    width: of the picture in pixels, so that files can be written in pixels.
    Raises ValueError if the points have another shape or `fps` is not positive.
    """

    points: np.ndarray
    fps: float
    aspect: float = 1.0
    width: int = 1

    def __post_init__(self) -> None:
        if self.points.ndim != 3 or self.points.shape[1:] != (POINT_COUNT, 3):
            raise ValueError(f"landmarks are (T, {POINT_COUNT}, 3), got {self.points.shape}")
        if not self.fps > 0:
            raise ValueError(f"fps must be positive, got {self.fps}")

    def __len__(self) -> int:
        return len(self.points)

    @property
    def seconds(self) -> float:
        """Duration of the clip."""
        return len(self.points) / self.fps

    def between(self, start: float, end: float | None) -> "Landmarks":
        """The frames from `start` up to `end`, in seconds; None for the end of the clip."""
        first = round(start * self.fps)
        last = len(self) if end is None else round(end * self.fps)
        return replace(self, points=self.points[first:last])

    @property
    def present(self) -> np.ndarray:
        """(T, 4) bool: whether pose, face, left hand and right hand were seen in each frame."""
        return component_presence(self.points)


def component_presence(points: np.ndarray) -> np.ndarray:
    """(T, 543, 3) points → (T, 4) bool. A component is present where at least one of its points is."""
    seen = np.isfinite(points[..., 0])
    return np.stack([seen[:, part].any(axis=1) for part in COMPONENTS.values()], axis=1)


def empty_points(frames: int) -> np.ndarray:
    """(T, 543, 3) float32 of NaN: no point seen."""
    return np.full((frames, POINT_COUNT, 3), np.nan, dtype=np.float32)


_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_PALM = ((0, 1), (0, 5), (5, 9), (9, 13), (13, 17), (0, 17))
HAND_BONES = [*_PALM, *(bone for finger in _FINGERS for bone in pairwise(finger))]
BODY_BONES = [(11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24)]
_HEAD = [(8, 6), (6, 5), (5, 4), (4, 0), (0, 1), (1, 2), (2, 3), (3, 7), (9, 10)]
#: Bones of body, head and hands, as pairs of the 543 points.
FRAME_BONES = [
    *_HEAD,
    *BODY_BONES,
    *((part.start + a, part.start + b) for part in (LEFT_HAND, RIGHT_HAND) for a, b in HAND_BONES),
]
