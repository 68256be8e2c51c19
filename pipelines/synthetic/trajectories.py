"""From acts to movement: holds, movements and the transitions between them, at any frame rate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asl.pipelines.synthetic.lexicon import Sign, locations
from asl.pipelines.synthetic.motion import (
    _FACES,
    HEAD_TURN,
    HEAD_TURN_SECONDS,
    MOVE_SECONDS,
    MOVE_SECONDS_A_WIDTH,
    REPEAT_SECONDS,
    WAY_SECONDS,
    WAY_SECONDS_A_WIDTH,
    Act,
    Pose,
    Span,
    _unit,
    multiply,
    resting,
    rotations,
)
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.synthetic.skeleton import Tracks


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
