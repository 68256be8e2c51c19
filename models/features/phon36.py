"""The 36 phonological features: handshape, location, orientation, movement, non-manuals (SPEC §3)."""

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, LEFT_SHOULDER, LEFT_WRIST, RIGHT_HAND, RIGHT_SHOULDER, RIGHT_WRIST
from asl.models.features.resampling import change_tempo
from asl.models.features.signer_frame import SignerFrame, signer_frame

SIZE = 36
HANDSHAPE, LOCATION, ORIENTATION = slice(0, 10), slice(10, 16), slice(16, 22)
MOVEMENT, NON_MANUAL = slice(22, 31), slice(31, 36)
PARTS = {"H": HANDSHAPE, "L": LOCATION, "O": ORIENTATION, "M": MOVEMENT, "N": NON_MANUAL}

_FACE_POINTS = (33, 133, 362, 263, 61, 291, 105, 334, 159, 386)
_POSE_POINTS = (LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_WRIST, RIGHT_WRIST)
#: Indices of the landmarks that the features need, of the 543, in the order that `phon36` takes them.
POINTS = np.array(
    [
        *_POSE_POINTS,
        *range(LEFT_HAND.start, LEFT_HAND.stop),
        *range(RIGHT_HAND.start, RIGHT_HAND.stop),
        *(FACE.start + point for point in _FACE_POINTS),
    ]
)
_LEFT, _RIGHT, _FACE = slice(4, 25), slice(25, 46), slice(46, 56)

_PALM = [0, 5, 9, 13, 17]
_KNUCKLES, _TIPS = [5, 9, 13, 17], [8, 12, 16, 20]


def phon36(
    points: np.ndarray, fps: float, *, depth: bool = False, causal: bool = False, frame: SignerFrame | None = None
) -> np.ndarray:
    """The 36 features of a clip (SPEC §3).

    points: (T, 56, 3), the POINTS of each frame in image widths, NaN where not seen, at `fps` evenly spaced frames per second.
    depth, causal: as in `signer_frame`; frame: the signer frame, if it is already computed.
    Returns (T, 36) float32 in the units of SPEC §3 (rad, shoulder widths, shoulder widths/s and /s²), NaN where absent.
    Velocities are backward differences, so that a stream gets the same numbers. Raises ValueError if the points have another
    shape.
    """
    if points.ndim != 3 or points.shape[1:] != (len(POINTS), 3):
        raise ValueError(f"phon36 takes (T, {len(POINTS)}, 3) points, got {points.shape}")
    frame = frame or signer_frame(points[:, 0], points[:, 1], fps, depth=depth, causal=causal)
    hands = np.stack([points[:, _LEFT], points[:, _RIGHT]], axis=1)  # (T, 2, 21, 3)
    centres = palm_centres(hands, points[:, 2:4], frame)
    features = np.empty((len(points), SIZE), dtype=np.float32)
    features[:, HANDSHAPE] = handshape(hands).reshape(-1, 10)
    features[:, LOCATION] = centres.reshape(-1, 6)
    features[:, ORIENTATION] = frame.directions(palm_normals(hands)).reshape(-1, 6)
    features[:, MOVEMENT] = movement(centres, fps)
    features[:, NON_MANUAL] = non_manual(frame.directions(points[:, _FACE]) / frame.scale[:, None, None])
    return features


def handshape(hands: np.ndarray) -> np.ndarray:
    """Flexion of thumb, index, middle, ring and pinky: (T, 2, 21, 3) hand points → (T, 2, 5) rad (SPEC §3)."""
    wrist = hands[:, :, :1]
    knuckles = hands[:, :, _KNUCKLES]
    thumb = _angle(hands[:, :, 4:5] - wrist, hands[:, :, 5:6] - wrist)
    fingers = _angle(knuckles - wrist, hands[:, :, _TIPS] - knuckles)
    return np.concatenate([thumb, fingers], axis=2)


def palm_normals(hands: np.ndarray) -> np.ndarray:
    """Unit normals (p5−p0)×(p17−p0), the left one negated: (T, 2, 21, 3) hand points → (T, 2, 3) (SPEC §3)."""
    wrist = hands[:, :, 0]
    normals = _cross(hands[:, :, 5] - wrist, hands[:, :, 17] - wrist)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals /= np.sqrt((normals * normals).sum(axis=-1, keepdims=True))
    normals[:, 0] *= -1
    return normals


def palm_centres(hands: np.ndarray, wrists: np.ndarray, frame: SignerFrame) -> np.ndarray:
    """Palm centres (T, 2, 3) in the signer frame, shoulder widths (SPEC §3).

    hands: (T, 2, 21, 3) points; wrists: (T, 2, 3) of the pose, image widths. The depth of hand points is relative to the wrist,
    so that of the pose's wrist is added.
    """
    centres = hands[:, :, _PALM].mean(axis=2)
    centres[..., 2] += wrists[..., 2] - hands[:, :, 0, 2]
    return frame.positions(centres)


def movement(centres: np.ndarray, fps: float) -> np.ndarray:
    """Velocity of left and right hand, acceleration of the faster one: (T, 2, 3) palm centres → (T, 9), per s and per s²."""
    velocity = _difference(centres) * fps
    acceleration = _difference(velocity) * fps
    speed = np.nan_to_num((velocity * velocity).sum(axis=-1), nan=-1.0)
    faster = speed.argmax(axis=1)
    return np.concatenate([velocity.reshape(-1, 6), acceleration[np.arange(len(centres)), faster]], axis=1)


def non_manual(face: np.ndarray) -> np.ndarray:
    """Eye line (3), mouth width and brow raise, the last in eye-line lengths.

    face: (T, 10, 3) points in shoulder widths. Returns (T, 5).
    """
    eye_line = face[:, 0:2].mean(axis=1) - face[:, 2:4].mean(axis=1)
    mouth = _length(face[:, 4] - face[:, 5])
    brows = (_length(face[:, 6] - face[:, 8]) + _length(face[:, 7] - face[:, 9])) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        raise_ = brows / _length(eye_line)
    return np.concatenate([eye_line, mouth[:, None], raise_[:, None]], axis=1)


def _mirror_table() -> tuple[np.ndarray, np.ndarray]:
    """(36,) the column that each one takes its value from in the mirrored signer, and (36,) its sign."""
    source = np.arange(SIZE)
    sign = np.ones(SIZE, dtype=np.float32)
    for first, width in ((0, 5), (10, 3), (16, 3), (22, 3)):
        left, right = np.arange(first, first + width), np.arange(first + width, first + 2 * width)
        source[left], source[right] = right, left
    sign[[10, 13, 16, 19, 22, 25, 28]] = -1  # x of vectors
    sign[[32, 33]] = -1  # the ends of the eye line change places as well, so y and z change sign instead of x
    return source, sign


MIRROR_SOURCE, MIRROR_SIGN = _mirror_table()


def mirror(features: np.ndarray) -> np.ndarray:
    """(…, 36) → (…, 36): the features of the mirrored signer (left and right exchanged)."""
    return features[..., MIRROR_SOURCE] * MIRROR_SIGN


def change_speed(features: np.ndarray, factor: float) -> np.ndarray:
    """(T, 36) → (T / factor, 36): the clip signed `factor` times as fast, with its velocities and accelerations."""
    faster = change_tempo(features, factor)
    faster[:, MOVEMENT] *= np.array([factor] * 6 + [factor**2] * 3, dtype=features.dtype)
    return faster


#: First columns of the vectors (x, y, z): palm centres, normals, velocities, acceleration, eye line.
_VECTORS = np.array([10, 13, 16, 19, 22, 25, 28, 31])


def affine(features: np.ndarray, matrix: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Multiplies x and y of every vector by `matrix` and shifts the palm centres: (T, 36), (2, 2), (2,) → (T, 36).

    shift: shoulder widths. Finger angles do not change: they depend on the hand's points alone. Normals are not renormalised.
    """
    transformed = features.copy()
    pairs = np.stack([_VECTORS, _VECTORS + 1], axis=1)
    transformed[:, pairs] = features[:, pairs] @ matrix.T.astype(features.dtype)
    transformed[:, pairs[:2]] += shift.astype(features.dtype)
    return transformed


def _difference(values: np.ndarray) -> np.ndarray:
    """(T, …) → (T, …): each frame less the one before; NaN in the first."""
    differences = np.empty_like(values)
    differences[:1] = np.nan
    np.subtract(values[1:], values[:-1], out=differences[1:])
    return differences


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors * vectors).sum(axis=-1))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # At these sizes np.cross spends most of its time on axis bookkeeping.
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle in rad between vectors (…, 3); exact near 0 and π, where arccos of the cosine is not. NaN for a null vector."""
    cosine = (a * b).sum(axis=-1)
    sine = _length(_cross(a, b))
    return np.where((sine == 0) & (cosine == 0), np.nan, np.arctan2(sine, cosine))
