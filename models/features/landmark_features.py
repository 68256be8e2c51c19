"""The `landmarks` features: positions of the hands, lips, eyes, brows and upper body in the signer frame (SPEC §3).

Unlike the 36 phonological features they have every point of each hand. Points of a hand are relative to its wrist, those of
the lips to the corners of the mouth, those of eyes and brows to the corners of the eyes, so that shape and position are
separate. The two-dimensional recipe is that of the winners of the 2023 isolated-sign competition.
"""

from typing import Any

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER
from asl.models.features.resampling import change_tempo
from asl.models.features.signer_frame import SignerFrame, signer_frame

# Nose, ears, shoulders, elbows, wrists.
_BODY = (0, 7, 8, 11, 12, 13, 14, 15, 16)
_LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 13, 308, 14)
_EYES = (33, 159, 133, 145, 263, 386, 362, 374, 70, 105, 107, 300, 334, 336)
_BODY_MIRRORED = (0, 8, 7, 12, 11, 14, 13, 16, 15)
_LIPS_MIRRORED = (291, 270, 267, 0, 37, 40, 61, 91, 84, 17, 314, 321, 308, 13, 78, 14)
_EYES_MIRRORED = (263, 386, 362, 374, 33, 159, 133, 145, 300, 334, 336, 70, 105, 107)

#: Indices of the landmarks that the features need, of the 543, in the order that `landmark_features` takes them.
POINTS = np.array(
    [
        *_BODY,
        *range(LEFT_HAND.start, LEFT_HAND.stop),
        *range(RIGHT_HAND.start, RIGHT_HAND.stop),
        *(FACE.start + point for point in (*_LIPS, *_EYES)),
    ]
)
#: Positions of each part among POINTS.
_RANGES = {"body": slice(0, 9), "left": slice(9, 30), "right": slice(30, 51), "lips": slice(51, 67), "eyes": slice(67, 81)}
_SHOULDERS = [_BODY.index(LEFT_SHOULDER), _BODY.index(RIGHT_SHOULDER)]
_MOUTH_CORNERS = [_LIPS.index(61), _LIPS.index(291)]
_EYE_CORNERS = [_EYES.index(33), _EYES.index(263)]


def relative_parts() -> dict[str, list[Any]]:
    """Describes for other programs which points are relative to the first of their range, and which to the mean of two of it."""
    ranges = {name: [part.start, part.stop] for name, part in _RANGES.items()}
    corners = {"lips": _MOUTH_CORNERS, "eyes": _EYE_CORNERS}
    return {
        "from_wrist": [ranges["left"], ranges["right"]],
        "from_corners": [{"range": ranges[name], "corners": indices} for name, indices in corners.items()],
    }


SIZE = 2 * len(POINTS)
#: Columns of each part: x and y of one point after the other.
BODY, LEFT, RIGHT, LIPS, EYES = (slice(2 * part.start, 2 * part.stop) for part in _RANGES.values())
#: The points that are positions in the signer frame; all others are relative to a point of their part.
_ABSOLUTE = np.array([*range(9), _RANGES["left"].start, _RANGES["right"].start])


def landmark_features(
    points: np.ndarray, fps: float, *, depth: bool = False, causal: bool = False, frame: SignerFrame | None = None
) -> np.ndarray:
    """x and y of each point, in shoulder widths (SPEC §3).

    points: (T, 81, 3), the POINTS of each frame in image widths, NaN where not seen. fps, depth, causal: as in `signer_frame`;
    frame: the signer frame, if it is already computed. Returns (T, 162) float32, NaN where absent.
    Raises ValueError if the points have another shape.
    """
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 3):
        raise ValueError(f"landmark_features takes (T, {len(POINTS)}, 3) points, got {points.shape}")
    left, right = (points[:, index] for index in _SHOULDERS)
    frame = frame or signer_frame(left, right, fps, depth=depth, causal=causal)
    flat = frame.positions(points)[..., :2]
    for part in ("left", "right"):
        flat[:, _RANGES[part]][:, 1:] -= flat[:, _RANGES[part]][:, :1]
    for part, corners in (("lips", _MOUTH_CORNERS), ("eyes", _EYE_CORNERS)):
        flat[:, _RANGES[part]] -= flat[:, _RANGES[part]][:, corners].mean(axis=1, keepdims=True)
    return flat.reshape(len(points), SIZE).astype(np.float32)


def _mirror_source() -> np.ndarray:
    """(81,) for each point the one that takes its place in the mirrored signer."""
    hands = np.concatenate([np.arange(30, 51), np.arange(9, 30)])
    parts = [(0, _BODY, _BODY_MIRRORED), (51, _LIPS, _LIPS_MIRRORED), (67, _EYES, _EYES_MIRRORED)]
    body, lips, eyes = ([first + points.index(point) for point in mirrored] for first, points, mirrored in parts)
    return np.concatenate([body, hands, lips, eyes])


_MIRROR_SOURCE = _mirror_source()


def mirror(features: np.ndarray) -> np.ndarray:
    """(…, 162) → (…, 162): the features of the mirrored signer."""
    pairs = features.reshape(*features.shape[:-1], len(POINTS), 2)[..., _MIRROR_SOURCE, :]
    return (pairs * np.array([-1, 1], dtype=features.dtype)).reshape(features.shape)


def change_speed(features: np.ndarray, factor: float) -> np.ndarray:
    """(T, 162) → (T / factor, 162): the clip signed `factor` times as fast."""
    return change_tempo(features, factor)


def affine(features: np.ndarray, matrix: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Multiplies every vector by `matrix` and shifts positions: (T, 162), (2, 2), (2,) shoulder widths → (T, 162)."""
    pairs = features.reshape(len(features), len(POINTS), 2) @ matrix.T.astype(features.dtype)
    pairs[:, _ABSOLUTE] += shift.astype(features.dtype)
    return pairs.reshape(features.shape)
