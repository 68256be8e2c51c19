"""From signs to movement: holds, movements and the ways between them, at any frame rate.

Positions and directions are in the axes of each hand's own side: out, down, forward, in shoulder widths from the neck.
A clip is a row of `Act`s (rest, signs, pointings) with transitions between; `perform` gives every frame's `Tracks`.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from asl.pipelines.synthetic.lexicon import Posture, Sign, direction, handshapes, locations
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.synthetic.skeleton import contact_point, elbows, hand_places, hand_points, reachable

#: A sign lasts 0.2–2 s (SPEC §10). Seconds at tempo 1.
HOLD_SECONDS, PASS_SECONDS = 0.12, 0.05
MOVE_SECONDS, MOVE_SECONDS_A_WIDTH, REPEAT_SECONDS = 0.24, 0.30, 0.27
WAY_SECONDS, WAY_SECONDS_A_WIDTH = 0.16, 0.20
_BASE_PLACE = np.array([0.06, 0.60, 0.72])
#: How far before the neck a locus is pointed at, shoulder widths.
LOCUS_REACH = 1.05
_FACES = {  # brows, mouth open, mouth wide, eyes closed
    "neutral": (0, 0, 0, 0), "brows-up": (1, 0, 0, 0), "brows-down": (-1, 0, -0.3, 0), "smile": (0.3, 0.2, 1, 0),
    "sad": (-0.5, 0, -0.8, 0.3), "eyes-closed": (0, 0, 0, 1), "nod": (0.3, 0, 0.2, 0), "shake": (-0.6, 0, -0.2, 0),
}  # fmt: skip
#: A wrist bends this far, rad; hands that would have to bend further are turned towards the forearm.
MOST_WRIST_BEND = 0.95
HEAD_TURN, HEAD_TURN_SECONDS = 0.16, 0.42


@dataclass(frozen=True)
class Pose:
    """Both hands at one moment: wrist (2, 3), quaternion (2, 4) w first, shape (2, 25); dominant hand first."""

    wrist: np.ndarray
    turn: np.ndarray
    shape: np.ndarray


@dataclass(frozen=True)
class Act:
    """One thing to do. start, end: poses; sign: for its movement and its name.

    free: whether the other hand is not part of it. face: non-manuals over the whole act, overriding the sign's.
    notes: what the truth says about it (kept as they are).
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
    """When an act happened: start and end of the sign itself (without the ways there and back), seconds."""

    act: Act
    start: float
    end: float


@lru_cache(maxsize=4096)
def realise(sign: Sign, signer: Signer) -> Act:
    """A sign as this signer articulates it, without the variation of a single performance."""
    base = _base_hand(sign.base, signer) if sign.base else None
    ends = []
    for posture in (sign.start, sign.end):
        wrist, turn, shape = _hand(posture, signer, base)
        ends.append(_both(sign, wrist, turn, shape, base, signer))
    return Act(*ends, sign, free=not sign.two_handed, face=sign.face)


def _both(sign: Sign, wrist, turn, shape, base, signer: Signer) -> Pose:
    if base is not None:
        other = (base.wrist, base.turn, base.shape)
    elif sign.two_handed:
        other = (wrist, turn, shape)
    else:
        rest = resting(signer)
        other = (rest.wrist[1], rest.turn[1], rest.shape[1])
    return Pose(*(np.stack(pair) for pair in zip((wrist, turn, shape), other, strict=True)))


@dataclass(frozen=True)
class _Base:
    wrist: np.ndarray
    turn: np.ndarray
    shape: np.ndarray
    places: dict[str, np.ndarray]


def _base_hand(posture: Posture, signer: Signer) -> _Base:
    shape, matrix = _shape(posture.handshape, signer), orientation(posture.fingers, posture.palm)
    points = hand_points(shape, signer)
    palm = points[[0, 5, 9, 13, 17]].mean(axis=0)
    target = _BASE_PLACE if posture.location == "centre" else _place(posture.location, signer)
    wrist, matrix = _within_reach(target, palm, matrix, signer)
    # The dominant hand sees them in its own axes: out is the other way.
    places = {name: (wrist + matrix @ place) * [-1, 1, 1] for name, place in hand_places(points).items()}
    places["near-hand"] = places["near-hand"] - [0, 0.2, 0]
    return _Base(wrist, quaternion(matrix), shape, places)


def _hand(posture: Posture, signer: Signer, base: _Base | None):
    shape, matrix = _shape(posture.handshape, signer), orientation(posture.fingers, posture.palm)
    target = base.places.get(posture.location) if base else None
    target = _place(posture.location, signer) if target is None else target
    touch = contact_point(hand_points(shape, signer), posture.contact)
    wrist, matrix = _within_reach(target, touch, matrix, signer)
    return wrist, quaternion(matrix), shape


def _within_reach(target: np.ndarray, touch: np.ndarray, matrix: np.ndarray, signer: Signer) -> tuple[np.ndarray, np.ndarray]:
    """The wrist with which `touch` (hand frame) is at the target, and the hand turned so far that the wrist can bend so."""
    for _ in range(3):
        wrist = reachable(target - matrix @ touch, signer)
        forearm = wrist - elbows(wrist[None], signer)[0]
        forearm /= np.linalg.norm(forearm)
        bend = np.arccos(np.clip(forearm @ matrix[:, 1], -1, 1))
        if bend <= MOST_WRIST_BEND + 1e-3:
            break
        axis = np.cross(matrix[:, 1], forearm)
        norm = np.linalg.norm(axis)
        axis = axis / norm if norm > 1e-6 else matrix[:, 2]
        half = (bend - MOST_WRIST_BEND) / 2
        matrix = rotations(np.concatenate([[np.cos(half)], np.sin(half) * axis])) @ matrix
    return wrist, matrix


def _place(name: str, signer: Signer) -> np.ndarray:
    place = locations()[name]
    if place.place is None:
        raise ValueError(f"'{name}' is on the other hand, but there is none")
    scale = signer.head if place.major == "Head" else signer.girth if place.major == "Body" else signer.depth
    return np.array(place.place) * [1, 1, scale]


def _shape(name: str, signer: Signer) -> np.ndarray:
    """A handshape as this signer makes it: lax fists stay a little open, lax fingers bend a little."""
    shape = handshapes()[name].copy()
    joints = shape[:16].reshape(4, 4)[:, :3]
    joints += signer.laxness * (handshapes()["curved-B"][:16].reshape(4, 4)[:, :3] - joints)
    return shape


def orientation(fingers: str, palm: str) -> np.ndarray:
    """Directions of fingers and palm → (3, 3) rotation, columns thumb side, fingers, palm. The fingers' direction wins."""
    along, out = direction(fingers), direction(palm)
    out = out - along * (along @ out)
    out /= np.linalg.norm(out)
    return np.stack([np.cross(along, out), along, out], axis=1)


def quaternion(matrix: np.ndarray) -> np.ndarray:
    """(3, 3) rotation → (4,) unit quaternion, w first."""
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(matrix).as_quat(), 1)


@lru_cache(maxsize=256)
def resting(signer: Signer) -> Pose:
    """Both hands low before the hips, apart from each other."""
    shape = _shape("curved-B", signer)
    turn = quaternion(orientation("down-in", "back"))
    return Pose(np.array([signer.rest] * 2), np.array([turn] * 2), np.array([shape] * 2))


def pointing(signer: Signer, locus: np.ndarray, name: str = "IX", reach: float = LOCUS_REACH) -> Act:
    """The index pointing at a locus: a unit vector (out, down, forward) from the neck (SPEC §8).

    The wrist lies on the line from the neck to the locus, and the index follows it.
    """
    along = np.asarray(locus) / np.linalg.norm(locus)
    palm = np.array([0.0, 1.0, 0.0]) - along * along[1]
    palm /= np.linalg.norm(palm)
    turn = quaternion(np.stack([np.cross(along, palm), along, palm], axis=1))
    rest = resting(signer)
    wrist = reachable(along * reach, signer)
    pose = Pose(np.stack([wrist, rest.wrist[1]]), np.stack([turn, rest.turn[1]]), np.stack([_shape("1", signer), rest.shape[1]]))
    posture = Posture("1", "neutral-far", "wrist", "forward", "down")
    return Act(pose, pose, Sign(name, posture, posture))


def agreeing(act: Act, signer: Signer, source: np.ndarray | None, goal: np.ndarray | None, reach: float = 0.85) -> Act:
    """An agreement verb that moves from one locus to another (SPEC §8); None is the signer's own place, at the chest.

    Loci are unit vectors (out, down, forward) from the neck; the wrists begin and end on them.
    """
    ends = []
    for pose, locus in ((act.start, source), (act.end, goal)):
        place = np.array([0.05, 0.40, 0.50]) if locus is None else np.asarray(locus) * reach
        shift = place - pose.wrist[0]
        both = np.stack([shift, shift * [-1, 1, 1]]) if not act.free else np.stack([shift, np.zeros(3)])
        ends.append(replace(pose, wrist=reachable(pose.wrist + both, signer)))
    return replace(act, start=ends[0], end=ends[1])


def varied(act: Act, signer: Signer, rng: np.random.Generator) -> Act:
    """One performance of it: places missed and palms turned a little, paths larger or smaller."""
    start = end = _vary(act.start, signer, rng)
    if act.sign.start != act.sign.end:
        end = _vary(act.end, signer, rng)
        if act.sign.start.location == act.sign.end.location:  # one place, missed once
            end = replace(end, wrist=act.end.wrist + start.wrist - act.start.wrist)
    size = act.sign.size * signer.amplitude * rng.uniform(0.85, 1.15)
    return replace(act, start=start, end=end, sign=replace(act.sign, size=size))


def _vary(pose: Pose, signer: Signer, rng: np.random.Generator) -> Pose:
    wrist = pose.wrist + rng.normal(0, signer.wander, (2, 3))
    half = rng.normal(0, signer.turn / 2, (2, 3))
    turn = multiply(pose.turn, np.concatenate([np.ones((2, 1)), half], axis=1))
    joints = np.concatenate([np.tile([1, 1, 1, 0], 4), np.zeros(9)])
    return Pose(wrist, _unit(turn), pose.shape + rng.normal(0, 0.06, (2, 25)) * joints)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Quaternion product (…, 4), w first: b first in the hand's own axes."""
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


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))


def rotations(turn: np.ndarray) -> np.ndarray:
    """(…, 4) unit quaternions, w first → (…, 3, 3)."""
    w, x, y, z = (turn[..., i] for i in range(4))
    out = np.empty((*turn.shape[:-1], 3, 3), dtype=turn.dtype)
    out[..., 0, 0], out[..., 0, 1], out[..., 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
    out[..., 1, 0], out[..., 1, 1], out[..., 1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
    out[..., 2, 0], out[..., 2, 1], out[..., 2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    return out
