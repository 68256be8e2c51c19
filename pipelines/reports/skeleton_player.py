"""Clips as animated skeletons in a page, small enough for hundreds of them in one report."""

import base64
from itertools import pairwise

import numpy as np

from asl.models.features.holistic import BODY_BONES, FACE, HAND_BONES, LEFT_HAND, RIGHT_HAND, Landmarks
from asl.models.features.resampling import resample
from asl.pipelines.media.drawing import joined_forearms

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
#: Coordinates are stored as one byte; this value marks an absent point.
ABSENT = 255


def animation(landmarks: Landmarks) -> dict[str, object]:
    """A clip for the player of templates/player.html: aspect ratio, frame rate, and bytes (frames, points, 2) in base64."""
    points = resample(joined_forearms(landmarks.points)[:, POINTS, :2], landmarks.fps, FPS)
    height = 1 / landmarks.aspect
    scaled = np.clip(points / [1, height], 0, 1) * (ABSENT - 1)
    data = np.where(np.isfinite(scaled), np.round(scaled), ABSENT).astype(np.uint8)
    return {"aspect": landmarks.aspect, "fps": FPS, "data": base64.b64encode(data.tobytes()).decode()}


def drawing() -> dict[str, object]:
    """The lines between points, by body part: the part of the player that all clips share."""
    index = {int(point): i for i, point in enumerate(POINTS)}
    hands = {name: [[index[part.start + a], index[part.start + b]] for a, b in HAND_BONES] for name, part in _HANDS.items()}
    face = [[index[FACE.start + a], index[FACE.start + b]] for contour in _CONTOURS for a, b in pairwise(contour)]
    return {"points": len(POINTS), "bones": {"body": [[index[a], index[b]] for a, b in BODY_BONES], "face": face, **hands}}


_HANDS = {"left": LEFT_HAND, "right": RIGHT_HAND}
