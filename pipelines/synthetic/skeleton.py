"""Forward kinematics: from joint angles to the points of hands, arms and head, for all frames at once.

Body frame: origin between the shoulders, in shoulder widths, x to the signer's left (right in the picture), y down, z away from
the camera. Hand frame: to the thumb side, along the fingers, out of the palm.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, POINT_COUNT, RIGHT_HAND
from asl.pipelines.synthetic.signers import Signer

#: Knuckles of index, middle, ring and little finger of a hand of size 1, in the hand frame, in shoulder widths.
_KNUCKLES = np.array([(0.082, 0.265, 0.0), (0.022, 0.270, 0.0), (-0.040, 0.252, 0.0), (-0.094, 0.222, -0.01)])
_BONES = np.array([(0.150, 0.090, 0.072), (0.165, 0.100, 0.078), (0.152, 0.092, 0.075), (0.118, 0.070, 0.062)])
_THUMB_BASE = np.array([0.080, 0.075, 0.030])
_THUMB_BONES = np.array([0.135, 0.105, 0.085])
_ELBOW_HINT = np.array([0.48, 0.86, -0.15])
#: The point about which the head turns, in the body frame.
HEAD_PIVOT = np.array([0.0, -0.30, 0.02])
#: Facial expressions, in the order of a face track.
EXPRESSIONS = ("brows", "mouth_open", "mouth_wide", "eyes_closed")


@dataclass(frozen=True)
class Tracks:
    """The motion of a clip, frame by frame. Hand 0 is the dominant hand, hand 1 the non-dominant one.

    wrist: (T, 2, 3) out, down, forward, relative to the side of each hand. rotation: (T, 2, 3, 3), columns thumb side, fingers,
    palm, in the same axes. shape: (T, 2, 25), see lexicon.handshapes. face: (T, 4) of EXPRESSIONS. head: (T, 3) yaw, pitch,
    roll.
    """

    wrist: np.ndarray
    rotation: np.ndarray
    shape: np.ndarray
    face: np.ndarray
    head: np.ndarray

    def __len__(self) -> int:
        return len(self.wrist)


@dataclass(frozen=True)
class Body:
    """The signer in the body frame.

    hands: (T, 2, 21, 3) and elbows: (T, 2, 3), left then right. head: (T, 3, 3) scaled rotations. face: (T, 4) of EXPRESSIONS.
    """

    hands: np.ndarray
    elbows: np.ndarray
    head: np.ndarray
    face: np.ndarray


def hand_points(shape: np.ndarray, signer: Signer) -> np.ndarray:
    """(…, 25) handshapes → (…, 21, 3) points in the hand frame, with the wrist at the origin, in MediaPipe's order."""
    lead = shape.shape[:-1]
    fingers = shape[..., :16].reshape(*lead, 4, 4)
    bend = np.cumsum(fingers[..., :3], axis=-1)  # (…, 4, 3)
    spread = fingers[..., 3]
    # Bent fingers are parallel, whatever their spread.
    side = np.sin(spread) * np.cos(fingers[..., 0])
    along, outward = np.cos(bend), np.sin(bend)
    steps = np.empty((*lead, 4, 3, 3), dtype=shape.dtype)
    steps[..., 0] = along * side[..., None]
    steps[..., 1] = along * np.cos(spread)[..., None]
    steps[..., 2] = outward
    steps *= (_BONES * signer.fingers).astype(shape.dtype)[..., None]
    points = np.zeros((*lead, 21, 3), dtype=shape.dtype)
    knuckles = _KNUCKLES.astype(shape.dtype)
    points[..., 5:, :] = (np.cumsum(_with_start(steps, knuckles), axis=-2)).reshape(*lead, 16, 3)
    thumb = shape[..., 16:].reshape(*lead, 3, 3)
    length = np.sqrt((thumb * thumb).sum(axis=-1, keepdims=True))
    bones = thumb / np.maximum(length, 1e-6) * _THUMB_BONES.astype(shape.dtype)[:, None]
    points[..., 1:5, :] = np.cumsum(_with_start(bones, _THUMB_BASE.astype(shape.dtype)), axis=-2)
    return points * shape.dtype.type(signer.hand)


def _with_start(steps: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(…, n + 1, 3): the start followed by (…, n, 3) steps."""
    first = np.broadcast_to(start[..., None, :], (*steps.shape[:-2], 1, 3))
    return np.concatenate([first, steps], axis=-2)


def contact_point(points: np.ndarray, contact: str) -> np.ndarray:
    """(3,) position of a contact of lexicon.CONTACTS on a hand of (21, 3) points, in the hand frame."""
    palm = points[[0, 5, 9, 13, 17]].mean(axis=0)
    return {
        "palm": palm + [0, 0.02, 0.05],
        "back": palm - [0, 0, 0.05],
        "index": points[8],
        "middle": points[12],
        "thumb": points[4],
        "fingertips": points[[8, 12, 16]].mean(axis=0),
        "knuckles": points[[6, 10, 14]].mean(axis=0),
        "radial": points[5] + [0.03, 0, 0],
        "ulnar": points[[0, 17]].mean(axis=0) - [0.03, 0, 0],
        "wrist": points[0] + [0, 0.03, 0.05],
    }[contact]


def base_hand_positions(points: np.ndarray) -> dict[str, np.ndarray]:
    """(3,) position of each location on the base hand, from its (21, 3) points, in the frame of the base hand."""
    palm = points[[0, 5, 9, 13, 17]].mean(axis=0)
    return {
        "palm": palm + [0, 0.02, 0.07],
        "back": palm - [0, 0, 0.07],
        "fingertips": points[[8, 12]].mean(axis=0) + [0, 0, 0.05],
        "radial": points[5] + [0.06, 0.02, 0],
        "ulnar": points[17] - [0.06, 0, 0],
        "wrist": np.array([0.0, -0.04, -0.07]),
        "near-hand": palm,
    }


def body_of(tracks: Tracks, signer: Signer) -> Body:
    """The body of every frame."""
    local = hand_points(tracks.shape, signer)
    hands = np.matmul(local, tracks.rotation.swapaxes(-1, -2)) + tracks.wrist[:, :, None]
    elbow = elbows(tracks.wrist, signer)
    order = [1, 0] if signer.right_handed else [0, 1]  # left, right
    axes = np.array([(1, 1, -1), (-1, 1, -1)], dtype=tracks.wrist.dtype)  # of the left and the right side
    return Body(hands[:, order] * axes[:, None], elbow[:, order] * axes, _head(tracks.head, signer), tracks.face)


def reachable(wrist: np.ndarray, signer: Signer) -> np.ndarray:
    """(…, 3) wrists relative to their side, moved towards the shoulder if the arm is too short."""
    shoulder = np.array([0.5, 0.0, 0.0], dtype=wrist.dtype)
    arm = wrist - shoulder
    length = np.sqrt((arm * arm).sum(axis=-1, keepdims=True))
    longest = wrist.dtype.type(0.985 * (signer.upper_arm + signer.forearm))
    return shoulder + arm * np.minimum(1, longest / np.maximum(length, 1e-6))


def elbows(wrist: np.ndarray, signer: Signer) -> np.ndarray:
    """(T, 2, 3) wrists → (T, 2, 3) elbows. Both bones keep their length, and the elbow points down and out."""
    scalar = wrist.dtype.type
    shoulder = np.array([0.5, 0.0, 0.0], dtype=wrist.dtype)
    arm = wrist - shoulder
    square = np.maximum((arm * arm).sum(axis=-1, keepdims=True), scalar(1e-6))
    distance = np.sqrt(square)
    upper, lower = scalar(signer.upper_arm), scalar(signer.forearm)
    along = np.clip((square + upper**2 - lower**2) / (2 * distance), -upper, upper)
    height = np.sqrt(np.maximum(upper**2 - along**2, 0))
    axis = arm / distance
    hint = _ELBOW_HINT.astype(wrist.dtype) - axis * (axis @ _ELBOW_HINT.astype(wrist.dtype))[..., None]
    hint /= np.sqrt((hint * hint).sum(axis=-1, keepdims=True)) + scalar(1e-6)
    return shoulder + axis * along + hint * height


def _head(angles: np.ndarray, signer: Signer) -> np.ndarray:
    """(T, 3) yaw, pitch, roll in rad → (T, 3, 3) rotations, scaled by the size of the head."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles).T, np.sin(angles).T
    rotations = np.empty((len(angles), 3, 3), dtype=angles.dtype)
    rotations[:, 0] = np.stack([cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp], axis=1)
    rotations[:, 1] = np.stack([cp * sr, cp * cr, -sp], axis=1)
    rotations[:, 2] = np.stack([-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp], axis=1)
    return rotations * angles.dtype.type(signer.head)


def landmarks_of(body: Body) -> np.ndarray:
    """(T, 543, 3) float32 landmarks in the body frame, in shoulder widths."""
    frames = len(body.hands)
    points = np.empty((frames, POINT_COUNT, 3), dtype=np.float32)
    template, moves = face_template()
    pivot = HEAD_PIVOT.astype(np.float32)
    mesh = body.face.astype(np.float32) @ moves.reshape(len(moves), -1)
    mesh += (template - pivot).ravel()
    turned = np.matmul(mesh.reshape(frames, -1, 3), body.head.astype(np.float32).swapaxes(1, 2))
    for axis in range(3):  # NumPy is slow on a last axis of length three
        turned[..., axis] += pivot[axis]
    points[:, FACE] = turned
    points[:, LEFT_HAND], points[:, RIGHT_HAND] = body.hands[:, 0], body.hands[:, 1]
    _pose(points, body, turned)
    return points


#: Pose points taken from mesh points: nose, eyes (inner, middle, outer), ears, mouth corners.
_FROM_FACE = {0: 1, 1: 362, 2: 386, 3: 263, 4: 133, 5: 159, 6: 33, 7: 454, 8: 234, 9: 291, 10: 61}
_FROM_HAND = {15: 0, 17: 17, 19: 5, 21: 3}
_TRUNK = {11: (0.5, 0, 0), 12: (-0.5, 0, 0), 23: (0.33, 1.4, 0.05), 24: (-0.33, 1.4, 0.05)}
_LEGS = {25: (0.35, 2.6, 0), 27: (0.35, 3.8, 0.1), 29: (0.35, 3.95, 0.15), 31: (0.4, 4.05, -0.2)}


def _pose(points: np.ndarray, body: Body, face: np.ndarray) -> None:
    for point, mesh in _FROM_FACE.items():
        points[:, point] = face[:, mesh]
    for point, position in _TRUNK.items():
        points[:, point] = position
    for point, (x, y, z) in _LEGS.items():
        points[:, point], points[:, point + 1] = (x, y, z), (-x, y, z)
    for point, joint in _FROM_HAND.items():
        points[:, point], points[:, point + 1] = body.hands[:, 0, joint], body.hands[:, 1, joint]
    points[:, 13], points[:, 14] = body.elbows[:, 0], body.elbows[:, 1]


@lru_cache(maxsize=1)
def face_template() -> tuple[np.ndarray, np.ndarray]:
    """The points of the neutral face (468, 3), and their displacement by each of EXPRESSIONS (4, 468, 3).

    In the body frame, in shoulder widths. benchmarks/face_template.py measured them with MediaPipe on the rendered face.
    """
    with (files("asl.pipelines.synthetic") / "face.npy").open("rb") as file:
        stored = np.load(file, allow_pickle=False).astype(np.float32)
    return stored[0], stored[1:]
