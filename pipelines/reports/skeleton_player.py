"""Clips as skeletons that move in a page: few enough bytes to put hundreds into one report."""

import base64
from itertools import pairwise

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, RIGHT_HAND, Landmarks
from asl.models.features.resampling import resample
from asl.pipelines.media.pose_files import BODY_BONES, HAND_BONES

FPS = 12.5
_UPPER_BODY = (11, 12, 13, 14, 15, 16, 23, 24)
#: Face mesh contours: oval, lips, eyes, brows (every second point of the oval).
_CONTOURS = (
    (10, 297, 284, 389, 454, 361, 397, 379, 400, 152, 176, 150, 172, 132, 234, 162, 54, 67, 10),
    (61, 40, 0, 270, 291, 321, 17, 91, 61), (33, 159, 133, 145, 33), (362, 386, 263, 374, 362), (70, 105, 107), (336, 334, 300),
)  # fmt: skip
_FACE = tuple(dict.fromkeys(point for contour in _CONTOURS for point in contour))
POINTS = np.array(
    [
        *_UPPER_BODY,
        *range(LEFT_HAND.start, LEFT_HAND.stop),
        *range(RIGHT_HAND.start, RIGHT_HAND.stop),
        *(FACE.start + point for point in _FACE),
    ]
)
#: A coordinate takes one byte; this one says that the point was not seen.
ABSENT = 255


def animation(landmarks: Landmarks) -> dict[str, object]:
    """What the player of templates/player.html needs: size, rate, frames and their bytes (frame, point, x and y)."""
    points = resample(landmarks.points[:, POINTS, :2], landmarks.fps, FPS)
    height = 1 / landmarks.aspect
    scaled = np.clip(points / [1, height], 0, 1) * (ABSENT - 1)
    data = np.where(np.isfinite(scaled), np.round(scaled), ABSENT).astype(np.uint8)
    return {"aspect": landmarks.aspect, "fps": FPS, "data": base64.b64encode(data.tobytes()).decode()}


def drawing() -> dict[str, object]:
    """Which points are joined by lines, by colour: the player's part that is the same for all clips."""
    at = {int(point): i for i, point in enumerate(POINTS)}
    hands = {name: [[at[part.start + a], at[part.start + b]] for a, b in HAND_BONES] for name, part in _HANDS.items()}
    face = [[at[FACE.start + a], at[FACE.start + b]] for contour in _CONTOURS for a, b in pairwise(contour)]
    return {"points": len(POINTS), "bones": {"body": [[at[a], at[b]] for a, b in BODY_BONES], "face": face, **hands}}


_HANDS = {"left": LEFT_HAND, "right": RIGHT_HAND}
