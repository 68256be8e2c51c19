"""From signs to movement: holds, movements and the ways between them, at any frame rate.

Positions and directions are in the axes of each hand's own side: out, down, forward, in shoulder widths from the neck.
A clip is a row of `Act`s (rest, signs, pointings) with transitions between; `perform` gives every frame's `Tracks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from asl.pipelines.synthetic.lexicon import Posture, Sign, direction, handshapes, locations
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.synthetic.skeleton import Tracks, contact_point, elbows, hand_places, hand_points, reachable

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


def perform(acts: Sequence[Act], signer: Signer, fps: float, rng: np.random.Generator, *, lead: float = 0.12):
    """Does the acts one after the other, from rest to rest → (Tracks, [Span], one an act).

    fps: frames a second. lead: seconds of rest at both ends. One-handed acts leave the other hand where it was last, if it
    is needed again in the next act, and let it rest otherwise.
    """
    rest = resting(signer)
    pieces, time, spans = [_Piece(0.0, lead, rest, rest)], lead, []
    here = rest
    for number, act in enumerate(acts):
        following = acts[number + 1] if number + 1 < len(acts) else None
        act = _with_other_hand(act, here, following, rest)
        way = _way_seconds(here, act.start) / signer.tempo * rng.uniform(0.9, 1.1)
        pieces.append(_Piece(time, time + way, here, act.start))
        time += way
        start = time
        hold = act.hold / signer.tempo
        move = _move_seconds(act) / signer.tempo * rng.uniform(0.9, 1.1)
        pieces.append(_Piece(time, time + 0.4 * hold, act.start, act.start))
        pieces.append(_Piece(time + 0.4 * hold, time + 0.4 * hold + move, act.start, act.end, act))
        time += hold + move
        pieces.append(_Piece(time - 0.6 * hold, time, act.end, act.end, act, after=True))
        spans.append(Span(act, start, time))
        here = act.end
    way = _way_seconds(here, rest) / signer.tempo
    pieces += [_Piece(time, time + way, here, rest), _Piece(time + way, time + way + lead, rest, rest)]
    frames = max(2, round((time + way + lead) * fps))
    times = np.arange(frames, dtype=np.float32) / np.float32(fps)
    return _tracks(pieces, spans, times, rng), spans


@dataclass(frozen=True)
class _Piece:
    start: float
    end: float
    first: Pose
    last: Pose
    act: Act | None = None
    after: bool = False


def _with_other_hand(act: Act, here: Pose, following: Act | None, rest: Pose) -> Act:
    """In a one-handed act the other hand waits for the next two-handed one, or goes to rest."""
    if not act.free:
        return act
    keep = here if following is not None and not following.free else rest

    def joined(pose: Pose) -> Pose:
        pairs = zip((pose.wrist, pose.turn, pose.shape), (keep.wrist, keep.turn, keep.shape), strict=True)
        return Pose(*(np.stack([mine[0], other[1]]) for mine, other in pairs))

    start = joined(act.start)
    return replace(act, start=start, end=start if act.end is act.start else joined(act.end))


def _way_seconds(here: Pose, there: Pose) -> float:
    return WAY_SECONDS + WAY_SECONDS_A_WIDTH * float(np.linalg.norm(here.wrist - there.wrist, axis=1).max())


def _move_seconds(act: Act) -> float:
    if act.sign.repeats > 1:
        return REPEAT_SECONDS * act.sign.repeats
    distance = float(np.linalg.norm(act.start.wrist - act.end.wrist, axis=1).max())
    around = 1.6 * act.sign.size if act.sign.movement.startswith(("arc", "circle", "raise", "push")) else 0.0
    moves = distance > 0.02 or around or act.sign.movement != "straight" or act.start.shape is not act.end.shape
    return MOVE_SECONDS + MOVE_SECONDS_A_WIDTH * (distance + around) if moves else 0.10


def _tracks(pieces: Sequence[_Piece], spans: Sequence[Span], times: np.ndarray, rng: np.random.Generator) -> Tracks:
    """All pieces at once: every frame knows its piece, and the few frames of special movements are added to."""
    bounds = np.array([piece.start for piece in pieces[1:]])
    at = np.searchsorted(bounds, times, side="right")
    starts = np.array([piece.start for piece in pieces], dtype=np.float32)
    ends = np.array([max(piece.end, piece.start + 1e-3) for piece in pieces], dtype=np.float32)
    share = np.clip((times - starts[at]) / (ends[at] - starts[at]), 0, 1)
    progress = _smooth(share)
    extra = np.zeros((len(times), 2, 3), dtype=np.float32)
    edges = np.searchsorted(at, np.arange(len(pieces) + 1))
    turns = []
    for number, piece in enumerate(pieces):
        if piece.act is None or edges[number] == edges[number + 1]:
            continue
        here = slice(edges[number], edges[number + 1])
        phase = np.ones_like(share[here]) if piece.after else share[here]
        if not piece.after and piece.act.sign.repeats > 1:
            progress[here] = _repeated(piece.act.sign, phase)
        _add_movement(piece.act.sign, phase, extra[here], here, turns)
    wrist = _mixed(np.stack([p.first.wrist for p in pieces]), np.stack([p.last.wrist for p in pieces]), at, progress) + extra
    shape = _mixed(np.stack([p.first.shape for p in pieces]), np.stack([p.last.shape for p in pieces]), at, progress)
    first = np.stack([p.first.turn for p in pieces])
    last = np.stack([p.last.turn for p in pieces])
    last = np.where((first * last).sum(axis=-1, keepdims=True) < 0, -last, last)
    turn = _unit(_mixed(first, last, at, progress))
    for here, quaternions in turns:
        turn[here] = multiply(turn[here], quaternions)
    _wiggle(pieces, at, share, shape)
    face, head = _face(spans, times, rng)
    return Tracks(wrist, rotations(turn), shape, face, head)


def _mixed(first: np.ndarray, last: np.ndarray, at: np.ndarray, progress: np.ndarray) -> np.ndarray:
    first, last = first.astype(np.float32), last.astype(np.float32)
    return first[at] + (last - first)[at] * progress[:, None, None]


def _smooth(share: np.ndarray) -> np.ndarray:
    """Minimum-jerk progress (Flash and Hogan 1985)."""
    return share**3 * (10 - 15 * share + 6 * share * share)


def _repeated(sign: Sign, phase: np.ndarray) -> np.ndarray:
    """Progress from start to end posture and back, ending in the end posture."""
    cycles = sign.repeats - 0.5 if sign.start != sign.end else sign.repeats
    return 0.5 - 0.5 * np.cos(2 * np.pi * cycles * phase)


_PLANES = {"circle-front": (0, 1), "circle-side": (1, 2), "circle-flat": (0, 2)}
_SHAKES = {"shake-side": 0, "shake-up": 1, "shake-forward": 2}
_ARCS = {"arc-up": (1, -1.0), "arc-forward": (2, 1.0), "raise": (1, -1.0), "push": (2, 1.0)}
_TURNS = {"twist": 2, "nod": 1}


def _add_movement(sign: Sign, phase: np.ndarray, extra: np.ndarray, here: slice, turns: list) -> None:
    """Adds the movement to the wrists (n, 2, 3) in place; turning movements are put on the list for later."""
    kind, size = sign.movement, np.float32(sign.size)
    cycle = 2 * np.pi * sign.repeats * phase
    second = np.pi if sign.hands == "alternating" else 0.0
    hands = (0,) if sign.hands in ("one", "base") else (0, 1)
    for hand in hands:
        angle = cycle + (second if hand else 0.0)
        if kind in _PLANES:
            one, two = _PLANES[kind]
            way = -1.0 if hand and second else 1.0
            extra[:, hand, one] += way * size * np.sin(cycle)
            extra[:, hand, two] += way * size * (1 - np.cos(cycle))
        elif kind in _SHAKES:
            way = -1.0 if hand and sign.hands == "parallel" and kind == "shake-side" else 1.0
            extra[:, hand, _SHAKES[kind]] += way * size * np.sin(angle)
        elif kind in _ARCS:
            axis, way = _ARCS[kind]
            whole = _smooth(phase) if kind in ("raise", "push") else np.sin(np.pi * phase)
            extra[:, hand, axis] += way * size * whole
        elif kind == "tap":
            axis, way = _away(sign)
            extra[:, hand, axis] += way * size * np.abs(np.sin(cycle / 2))
        elif kind == "zigzag":
            extra[:, hand, 0] += size * (2 / np.pi) * np.arcsin(np.sin(angle))
    if kind in _TURNS:
        half = np.sin(cycle) * size / 2
        quaternions = np.zeros((len(phase), 2, 4), dtype=np.float32)
        quaternions[..., 0] = 1
        for hand in hands:
            quaternions[:, hand, 0] = np.cos(half)
            quaternions[:, hand, _TURNS[kind]] = np.sin(half)
        turns.append((here, quaternions))


def _away(sign: Sign) -> tuple[int, float]:
    """Where a tapping hand comes from: axis and way."""
    major = locations()[sign.start.location].major
    if major in ("Head", "Body"):
        return 2, 1.0
    if sign.hands in ("both", "parallel", "alternating"):
        return 0, 1.0
    return 1, -1.0


def _wiggle(pieces: Sequence[_Piece], at: np.ndarray, share: np.ndarray, shape: np.ndarray) -> None:
    """Fingers that flutter, one after the other; changes (T, 2, 25) in place."""
    for number, piece in enumerate(pieces):
        if piece.act is None or piece.after or piece.act.sign.movement != "wiggle":
            continue
        here = at == number
        cycle = 2 * np.pi * piece.act.sign.repeats * share[here]
        for finger in range(4):
            bend = piece.act.sign.size * (0.5 - 0.5 * np.cos(cycle + finger)) * np.sin(np.pi * share[here])
            shape[here, : 1 if piece.act.free else 2, 4 * finger] += bend[:, None].astype(np.float32)


def _face(spans: Sequence[Span], times: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(T, 4) expressions and (T, 3) head angles: each act's face, eased in and out, and a head that is never quite still."""
    face = np.zeros((len(times), 4), dtype=np.float32)
    phases = rng.uniform(0, 2 * np.pi, (3, 2)).astype(np.float32)
    slow = np.array([0.31, 0.83], dtype=np.float32)
    angle = 2 * np.pi * slow * times[:, None]
    head = np.stack([np.sin(angle + phase).sum(axis=1) for phase in phases], axis=1) * np.float32([0.03, 0.02, 0.015])
    for span in spans:
        name = span.act.face or "neutral"
        if name == "neutral":
            continue
        ease = np.float32(0.1)
        shown = np.clip(np.minimum(times - span.start + ease, span.end + ease - times) / ease, 0, 1)
        face = np.where(shown[:, None] > 0, shown[:, None] * np.float32(_FACES[name]), face)
        if name in ("nod", "shake"):
            turn = HEAD_TURN * shown * np.sin(2 * np.pi * (times - span.start) / HEAD_TURN_SECONDS)
            head[:, 1 if name == "nod" else 0] += turn.astype(np.float32)
    return face, head


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
