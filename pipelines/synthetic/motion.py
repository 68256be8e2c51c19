"""Articulation of signs: the start and end poses of signs, points and agreement verbs, and their variation.

Positions and directions are relative to the side of each hand: out, down, forward, in shoulder widths from the neck. A clip is
a sequence of `Act`s; `trajectories.perform` joins them by transitions and gives the `Tracks` of every frame.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from asl.pipelines.synthetic.lexicon import Posture, Sign, direction, handshapes, locations
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.synthetic.skeleton import base_hand_positions, contact_point, elbows, hand_points, reachable

#: Durations in seconds at tempo 1. A sign lasts 0.2–2 s (SPEC §10).
HOLD_SECONDS, PASS_SECONDS = 0.12, 0.05
MOVE_SECONDS, MOVE_SECONDS_PER_WIDTH, REPEAT_SECONDS = 0.24, 0.30, 0.27
TRANSITION_SECONDS, TRANSITION_SECONDS_PER_WIDTH = 0.16, 0.20
_BASE_POSITION = np.array([0.06, 0.60, 0.72])
#: Distance from the neck to the wrist of a hand that points at a locus, in shoulder widths.
LOCUS_REACH = 1.05
FACE_TARGETS = {  # brows, mouth open, mouth wide, eyes closed
    "neutral": (0, 0, 0, 0), "brows-up": (1, 0, 0, 0), "brows-down": (-1, 0, -0.3, 0), "smile": (0.3, 0.2, 1, 0),
    "sad": (-0.5, 0, -0.8, 0.3), "eyes-closed": (0, 0, 0, 1), "nod": (0.3, 0, 0.2, 0), "shake": (-0.6, 0, -0.2, 0),
}  # fmt: skip
#: Largest wrist bend, rad. A hand that would need more is turned towards the forearm.
MAX_WRIST_BEND = 0.95
HEAD_TURN, HEAD_TURN_SECONDS = 0.16, 0.42


@dataclass(frozen=True)
class Pose:
    """Both hands at one moment, dominant hand first: wrist (2, 3), turn (2, 4) as quaternions (w first), shape (2, 25)."""

    wrist: np.ndarray
    turn: np.ndarray
    shape: np.ndarray


@dataclass(frozen=True)
class Act:
    """One action of the signer.

    start, end: poses. sign: gives the movement and the name. free: whether the non-dominant hand takes no part. face:
    non-manuals over the whole act, which override those of the sign. notes: annotations for the ground truth.
    """

    start: Pose
    end: Pose
    sign: Sign
    free: bool = True
    face: str = ""
    hold: float = HOLD_SECONDS
    notes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """The time of an act: start and end in seconds, without the transitions before and after."""

    act: Act
    start: float
    end: float


@lru_cache(maxsize=4096)
def realise(sign: Sign, signer: Signer) -> Act:
    """The act of a sign as this signer articulates it, without the variation of a performance."""
    base = _base_hand(sign.base, signer) if sign.base else None
    ends = []
    for posture in (sign.start, sign.end):
        wrist, turn, shape = _hand(posture, signer, base)
        ends.append(_both_hands(sign, wrist, turn, shape, base, signer))
    return Act(*ends, sign, free=not sign.two_handed, face=sign.face)


def _both_hands(sign: Sign, wrist, turn, shape, base, signer: Signer) -> Pose:
    if base is not None:
        non_dominant = (base.wrist, base.turn, base.shape)
    elif sign.two_handed:
        non_dominant = (wrist, turn, shape)
    else:
        rest = resting(signer)
        non_dominant = (rest.wrist[1], rest.turn[1], rest.shape[1])
    return Pose(*(np.stack(pair) for pair in zip((wrist, turn, shape), non_dominant, strict=True)))


@dataclass(frozen=True)
class _Base:
    """The base hand. positions: its locations, in the axes of the dominant hand's side."""

    wrist: np.ndarray
    turn: np.ndarray
    shape: np.ndarray
    positions: dict[str, np.ndarray]


def _base_hand(posture: Posture, signer: Signer) -> _Base:
    shape, matrix = _shape(posture.handshape, signer), orientation(posture.fingers, posture.palm)
    points = hand_points(shape, signer)
    palm = points[[0, 5, 9, 13, 17]].mean(axis=0)
    target = _BASE_POSITION if posture.location == "centre" else _position(posture.location, signer)
    wrist, matrix = _within_reach(target, palm, matrix, signer)
    # In the axes of the dominant hand's side, "out" has the opposite sign.
    positions = {name: (wrist + matrix @ position) * [-1, 1, 1] for name, position in base_hand_positions(points).items()}
    positions["near-hand"] = positions["near-hand"] - [0, 0.2, 0]
    return _Base(wrist, quaternion(matrix), shape, positions)


def _hand(posture: Posture, signer: Signer, base: _Base | None):
    shape, matrix = _shape(posture.handshape, signer), orientation(posture.fingers, posture.palm)
    target = base.positions.get(posture.location) if base else None
    target = _position(posture.location, signer) if target is None else target
    contact = contact_point(hand_points(shape, signer), posture.contact)
    wrist, matrix = _within_reach(target, contact, matrix, signer)
    return wrist, quaternion(matrix), shape


def _within_reach(target: np.ndarray, contact: np.ndarray, matrix: np.ndarray, signer: Signer) -> tuple[np.ndarray, np.ndarray]:
    """The wrist position that puts `contact` (hand frame) at the target, and the hand's rotation within the wrist's limit."""
    for _ in range(3):
        wrist = reachable(target - matrix @ contact, signer)
        forearm = wrist - elbows(wrist[None], signer)[0]
        forearm /= np.linalg.norm(forearm)
        bend = np.arccos(np.clip(forearm @ matrix[:, 1], -1, 1))
        if bend <= MAX_WRIST_BEND + 1e-3:
            break
        axis = np.cross(matrix[:, 1], forearm)
        norm = np.linalg.norm(axis)
        axis = axis / norm if norm > 1e-6 else matrix[:, 2]
        half = (bend - MAX_WRIST_BEND) / 2
        matrix = rotations(np.concatenate([[np.cos(half)], np.sin(half) * axis])) @ matrix
    return wrist, matrix


def _position(name: str, signer: Signer) -> np.ndarray:
    location = locations()[name]
    if location.position is None:
        raise ValueError(f"'{name}' is on the base hand, but the sign has none")
    scale = signer.head if location.major == "Head" else signer.girth if location.major == "Body" else signer.depth
    return np.array(location.position) * [1, 1, scale]


def _shape(name: str, signer: Signer) -> np.ndarray:
    """The (25,) handshape of this signer: with laxness, fists stay slightly open and straight fingers bend slightly."""
    shape = handshapes()[name].copy()
    joints = shape[:16].reshape(4, 4)[:, :3]
    joints += signer.laxness * (handshapes()["curved-B"][:16].reshape(4, 4)[:, :3] - joints)
    return shape


def orientation(fingers: str, palm: str) -> np.ndarray:
    """(3, 3) rotation with columns thumb side, fingers, palm. The palm is made orthogonal to the fingers."""
    along, normal = direction(fingers), direction(palm)
    normal = normal - along * (along @ normal)
    normal /= np.linalg.norm(normal)
    return np.stack([np.cross(along, normal), along, normal], axis=1)


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """(4,) unit quaternion, w first, of a (3, 3) rotation."""
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(matrix).as_quat(), 1)


@lru_cache(maxsize=256)
def resting(signer: Signer) -> Pose:
    """The rest pose: both hands apart and low, in front of the hips."""
    shape = _shape("curved-B", signer)
    turn = quaternion(orientation("down-in", "back"))
    return Pose(np.array([signer.rest] * 2), np.array([turn] * 2), np.array([shape] * 2))


def pointing(signer: Signer, locus: np.ndarray, name: str = "IX", reach: float = LOCUS_REACH) -> Act:
    """Points with the index finger at a locus, a unit vector (out, down, forward) from the neck (SPEC §8).

    The wrist and the index finger are on the line from the neck to the locus.
    """
    along = np.asarray(locus) / np.linalg.norm(locus)
    normal = np.array([0.0, 1.0, 0.0]) - along * along[1]
    normal /= np.linalg.norm(normal)
    turn = quaternion(np.stack([np.cross(along, normal), along, normal], axis=1))
    rest = resting(signer)
    wrist = reachable(along * reach, signer)
    pose = Pose(np.stack([wrist, rest.wrist[1]]), np.stack([turn, rest.turn[1]]), np.stack([_shape("1", signer), rest.shape[1]]))
    posture = Posture("1", "neutral-far", "wrist", "forward", "down")
    return Act(pose, pose, Sign(name, posture, posture))


def agreement(act: Act, signer: Signer, source: np.ndarray | None, goal: np.ndarray | None, reach: float = 0.85) -> Act:
    """The act of an agreement verb that moves from one locus to another (SPEC §8).

    source, goal: unit vectors (out, down, forward) from the neck, on which the wrists begin and end; None for the signer's
    chest.
    """
    ends = []
    for pose, locus in ((act.start, source), (act.end, goal)):
        target = np.array([0.05, 0.40, 0.50]) if locus is None else np.asarray(locus) * reach
        shift = target - pose.wrist[0]
        shifts = np.stack([shift, shift * [-1, 1, 1]]) if not act.free else np.stack([shift, np.zeros(3)])
        ends.append(replace(pose, wrist=reachable(pose.wrist + shifts, signer)))
    return replace(act, start=ends[0], end=ends[1])


def with_variation(act: Act, signer: Signer, rng: np.random.Generator) -> Act:
    """One performance of an act: small errors of location and palm orientation, and a varied movement size."""
    start = end = _varied_pose(act.start, signer, rng)
    if act.sign.start != act.sign.end:
        end = _varied_pose(act.end, signer, rng)
        if act.sign.start.location == act.sign.end.location:  # the same location has the same error
            end = replace(end, wrist=act.end.wrist + start.wrist - act.start.wrist)
    size = act.sign.size * signer.amplitude * rng.uniform(0.85, 1.15)
    return replace(act, start=start, end=end, sign=replace(act.sign, size=size))


def _varied_pose(pose: Pose, signer: Signer, rng: np.random.Generator) -> Pose:
    wrist = pose.wrist + rng.normal(0, signer.wander, (2, 3))
    half = rng.normal(0, signer.turn / 2, (2, 3))
    turn = multiply(pose.turn, np.concatenate([np.ones((2, 1)), half], axis=1))
    joints = np.concatenate([np.tile([1, 1, 1, 0], 4), np.zeros(9)])
    return Pose(wrist, unit_vectors(turn), pose.shape + rng.normal(0, 0.06, (2, 25)) * joints)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of quaternions (…, 4), w first: rotates by b in the hand's axes, then by a."""
    aw, ax, ay, az = (a[..., i] for i in range(4))
    bw, bx, by, bz = (b[..., i] for i in range(4))
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))


def rotations(turn: np.ndarray) -> np.ndarray:
    """(…, 3, 3) rotation matrices of unit quaternions (…, 4), w first."""
    w, x, y, z = (turn[..., i] for i in range(4))
    matrices = np.empty((*turn.shape[:-1], 3, 3), dtype=turn.dtype)
    matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 0, 2] = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
    )
    matrices[..., 1, 0], matrices[..., 1, 1], matrices[..., 1, 2] = (
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
    )
    matrices[..., 2, 0], matrices[..., 2, 1], matrices[..., 2, 2] = (
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return matrices
