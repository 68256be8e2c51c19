"""Tracks of a sequence of acts: holds, movements and the transitions between them, at any frame rate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asl.pipelines.synthetic.lexicon import Sign, locations
from asl.pipelines.synthetic.motion import (
    FACE_TARGETS,
    HEAD_TURN,
    HEAD_TURN_SECONDS,
    MOVE_SECONDS,
    MOVE_SECONDS_PER_WIDTH,
    REPEAT_SECONDS,
    TRANSITION_SECONDS,
    TRANSITION_SECONDS_PER_WIDTH,
    Act,
    Pose,
    Span,
    multiply,
    resting,
    rotations,
    unit_vectors,
)
from asl.pipelines.synthetic.signers import Signer
from asl.pipelines.synthetic.skeleton import Tracks


def perform(acts: Sequence[Act], signer: Signer, fps: float, rng: np.random.Generator, *, lead: float = 0.12):
    """Performs acts in sequence, from rest to rest. Returns the Tracks, and the Span of each act.

    fps: frames per second. lead: seconds of rest at both ends. In a one-handed act the non-dominant hand stays where it is if
    the next act needs it, and rests otherwise.
    """
    rest = resting(signer)
    pieces, time, spans = [_Piece(0.0, lead, rest, rest)], lead, []
    current = rest
    for number, act in enumerate(acts):
        following = acts[number + 1] if number + 1 < len(acts) else None
        act = _with_non_dominant_hand(act, current, following, rest)
        transition = _transition_seconds(current, act.start) / signer.tempo * rng.uniform(0.9, 1.1)
        pieces.append(_Piece(time, time + transition, current, act.start))
        time += transition
        start = time
        hold = act.hold / signer.tempo
        move = _move_seconds(act) / signer.tempo * rng.uniform(0.9, 1.1)
        pieces.append(_Piece(time, time + 0.4 * hold, act.start, act.start))
        pieces.append(_Piece(time + 0.4 * hold, time + 0.4 * hold + move, act.start, act.end, act))
        time += hold + move
        pieces.append(_Piece(time - 0.6 * hold, time, act.end, act.end, act, after=True))
        spans.append(Span(act, start, time))
        current = act.end
    transition = _transition_seconds(current, rest) / signer.tempo
    pieces += [_Piece(time, time + transition, current, rest)]
    pieces += [_Piece(time + transition, time + transition + lead, rest, rest)]
    frames = max(2, round((time + transition + lead) * fps))
    times = np.arange(frames, dtype=np.float32) / np.float32(fps)
    return _tracks(pieces, spans, times, rng), spans


@dataclass(frozen=True)
class _Piece:
    """A time span between two poses. act: the act that moves in it. after: whether it is the hold at the end of the act."""

    start: float
    end: float
    first: Pose
    last: Pose
    act: Act | None = None
    after: bool = False


def _with_non_dominant_hand(act: Act, current: Pose, following: Act | None, rest: Pose) -> Act:
    """The act with the non-dominant hand: if it is free, it waits for a following two-handed act, or rests."""
    if not act.free:
        return act
    idle = current if following is not None and not following.free else rest

    def joined(pose: Pose) -> Pose:
        pairs = zip((pose.wrist, pose.turn, pose.shape), (idle.wrist, idle.turn, idle.shape), strict=True)
        return Pose(*(np.stack([dominant[0], non_dominant[1]]) for dominant, non_dominant in pairs))

    start = joined(act.start)
    return replace(act, start=start, end=start if act.end is act.start else joined(act.end))


def _transition_seconds(start: Pose, end: Pose) -> float:
    distance = float(np.linalg.norm(start.wrist - end.wrist, axis=1).max())
    return TRANSITION_SECONDS + TRANSITION_SECONDS_PER_WIDTH * distance


def _move_seconds(act: Act) -> float:
    if act.sign.repeats > 1:
        return REPEAT_SECONDS * act.sign.repeats
    distance = float(np.linalg.norm(act.start.wrist - act.end.wrist, axis=1).max())
    detour = 1.6 * act.sign.size if act.sign.movement.startswith(("arc", "circle", "raise", "push")) else 0.0
    moves = distance > 0.02 or detour or act.sign.movement != "straight" or act.start.shape is not act.end.shape
    return MOVE_SECONDS + MOVE_SECONDS_PER_WIDTH * (distance + detour) if moves else 0.10


def _tracks(pieces: Sequence[_Piece], spans: Sequence[Span], times: np.ndarray, rng: np.random.Generator) -> Tracks:
    """The tracks of all pieces at once: interpolation within the piece of each frame, plus the movements of the signs."""
    bounds = np.array([piece.start for piece in pieces[1:]])
    piece_of = np.searchsorted(bounds, times, side="right")
    starts = np.array([piece.start for piece in pieces], dtype=np.float32)
    ends = np.array([max(piece.end, piece.start + 1e-3) for piece in pieces], dtype=np.float32)
    share = np.clip((times - starts[piece_of]) / (ends[piece_of] - starts[piece_of]), 0, 1)
    progress = _minimum_jerk(share)
    extra = np.zeros((len(times), 2, 3), dtype=np.float32)
    edges = np.searchsorted(piece_of, np.arange(len(pieces) + 1))
    turns = []
    for number, piece in enumerate(pieces):
        if piece.act is None or edges[number] == edges[number + 1]:
            continue
        frames = slice(edges[number], edges[number + 1])
        phase = np.ones_like(share[frames]) if piece.after else share[frames]
        if not piece.after and piece.act.sign.repeats > 1:
            progress[frames] = _repeated(piece.act.sign, phase)
        _add_movement(piece.act.sign, phase, extra[frames], frames, turns)
    wrist = (
        _interpolated(np.stack([p.first.wrist for p in pieces]), np.stack([p.last.wrist for p in pieces]), piece_of, progress)
        + extra
    )
    shape = _interpolated(np.stack([p.first.shape for p in pieces]), np.stack([p.last.shape for p in pieces]), piece_of, progress)
    first = np.stack([p.first.turn for p in pieces])
    last = np.stack([p.last.turn for p in pieces])
    last = np.where((first * last).sum(axis=-1, keepdims=True) < 0, -last, last)
    turn = unit_vectors(_interpolated(first, last, piece_of, progress))
    for frames, quaternions in turns:
        turn[frames] = multiply(turn[frames], quaternions)
    _wiggle(pieces, piece_of, share, shape)
    face, head = _face(spans, times, rng)
    return Tracks(wrist, rotations(turn), shape, face, head)


def _interpolated(first: np.ndarray, last: np.ndarray, piece_of: np.ndarray, progress: np.ndarray) -> np.ndarray:
    """(T, …) values between those of each frame's piece. first, last: of each piece; piece_of, progress: (T,)."""
    first, last = first.astype(np.float32), last.astype(np.float32)
    return first[piece_of] + (last - first)[piece_of] * progress[:, None, None]


def _minimum_jerk(share: np.ndarray) -> np.ndarray:
    """Minimum-jerk progress (Flash and Hogan 1985)."""
    return share**3 * (10 - 15 * share + 6 * share * share)


def _repeated(sign: Sign, phase: np.ndarray) -> np.ndarray:
    """Progress of a repeated movement from start to end posture and back, which ends in the end posture."""
    cycles = sign.repeats - 0.5 if sign.start != sign.end else sign.repeats
    return 0.5 - 0.5 * np.cos(2 * np.pi * cycles * phase)


_PLANES = {"circle-front": (0, 1), "circle-side": (1, 2), "circle-flat": (0, 2)}
_SHAKES = {"shake-side": 0, "shake-up": 1, "shake-forward": 2}
_ARCS = {"arc-up": (1, -1.0), "arc-forward": (2, 1.0), "raise": (1, -1.0), "push": (2, 1.0)}
_TURNS = {"twist": 2, "nod": 1}


def _add_movement(sign: Sign, phase: np.ndarray, extra: np.ndarray, frames: slice, turns: list) -> None:
    """Adds a movement to the wrists `extra` (n, 2, 3) in place, or, if it rotates the hand, appends its rotation to `turns`."""
    kind, size = sign.movement, np.float32(sign.size)
    cycle = 2 * np.pi * sign.repeats * phase
    phase_shift = np.pi if sign.hands == "alternating" else 0.0
    hands = (0,) if sign.hands in ("one", "base") else (0, 1)
    for hand in hands:
        angle = cycle + (phase_shift if hand else 0.0)
        if kind in _PLANES:
            sine_axis, cosine_axis = _PLANES[kind]
            sense = -1.0 if hand and phase_shift else 1.0
            extra[:, hand, sine_axis] += sense * size * np.sin(cycle)
            extra[:, hand, cosine_axis] += sense * size * (1 - np.cos(cycle))
        elif kind in _SHAKES:
            sense = -1.0 if hand and sign.hands == "parallel" and kind == "shake-side" else 1.0
            extra[:, hand, _SHAKES[kind]] += sense * size * np.sin(angle)
        elif kind in _ARCS:
            axis, sense = _ARCS[kind]
            displacement = _minimum_jerk(phase) if kind in ("raise", "push") else np.sin(np.pi * phase)
            extra[:, hand, axis] += sense * size * displacement
        elif kind == "tap":
            axis, sense = _tap_direction(sign)
            extra[:, hand, axis] += sense * size * np.abs(np.sin(cycle / 2))
        elif kind == "zigzag":
            extra[:, hand, 0] += size * (2 / np.pi) * np.arcsin(np.sin(angle))
    if kind in _TURNS:
        half = np.sin(cycle) * size / 2
        quaternions = np.zeros((len(phase), 2, 4), dtype=np.float32)
        quaternions[..., 0] = 1
        for hand in hands:
            quaternions[:, hand, 0] = np.cos(half)
            quaternions[:, hand, _TURNS[kind]] = np.sin(half)
        turns.append((frames, quaternions))


def _tap_direction(sign: Sign) -> tuple[int, float]:
    """The direction from which a hand taps: axis and sign."""
    major = locations()[sign.start.location].major
    if major in ("Head", "Body"):
        return 2, 1.0
    if sign.hands in ("both", "parallel", "alternating"):
        return 0, 1.0
    return 1, -1.0


def _wiggle(pieces: Sequence[_Piece], piece_of: np.ndarray, share: np.ndarray, shape: np.ndarray) -> None:
    """Adds finger wiggling, one finger after the other, to the handshapes (T, 2, 25) in place."""
    for number, piece in enumerate(pieces):
        if piece.act is None or piece.after or piece.act.sign.movement != "wiggle":
            continue
        frames = piece_of == number
        cycle = 2 * np.pi * piece.act.sign.repeats * share[frames]
        for finger in range(4):
            bend = piece.act.sign.size * (0.5 - 0.5 * np.cos(cycle + finger)) * np.sin(np.pi * share[frames])
            shape[frames, : 1 if piece.act.free else 2, 4 * finger] += bend[:, None].astype(np.float32)


def _face(spans: Sequence[Span], times: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(T, 4) expressions and (T, 3) head angles: the face of each act, eased in and out, and a slowly drifting head."""
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
        weight = np.clip(np.minimum(times - span.start + ease, span.end + ease - times) / ease, 0, 1)
        face = np.where(weight[:, None] > 0, weight[:, None] * np.float32(FACE_TARGETS[name]), face)
        if name in ("nod", "shake"):
            turn = HEAD_TURN * weight * np.sin(2 * np.pi * (times - span.start) / HEAD_TURN_SECONDS)
            head[:, 1 if name == "nod" else 0] += turn.astype(np.float32)
    return face, head
