"""Detection of copies of a clip from landmarks: exact, shifted in time, resampled, mirrored, moved, rotated or scaled (SPEC §14).

Two recordings of the same sign by the same signer are not copies. The hands of a copy follow the same trajectory within the noise
of the detector; those of another take do not.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from asl.models.features.holistic import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER, Landmarks
from asl.models.features.resampling import resample
from asl.models.features.signer_frame import signer_frame

FPS = 25.0
#: Maximum distance between corresponding frames of a copy, shoulder widths over all coordinates.
FRAME_RADIUS = 0.12
#: Minimum overlap of a copy: share of the shorter clip, and number of frames.
MIN_OVERLAP, MIN_FRAMES = 0.6, 8
#: Maximum root mean square distance of the aligned hands (shoulder widths), and minimum correlation of their movement.
MAX_DISTANCE, MIN_CORRELATION = 0.04, 0.85
#: Movement is measured over this many frames, so that it exceeds detector noise.
LAG = 5
#: Range of the speed ratio of two copies.
SLOPES = (0.5, 2.0)
CANDIDATES_PER_FRAME = 8
#: A hand is in motion if it moves at least this share of what it moves in the fastest frames of its clip.
MOVING_SHARE = 0.3
#: Speed and offset are fitted to at most this many frames, spread over the clip: the fit compares all pairs of them.
MAX_FITTED_FRAMES = 300
#: The speed ratios that are tried in any case, and how many of them are followed up.
TRIED_SLOPES, TRIED_LINES = 1.08 ** np.arange(-9, 10), 2
#: A fitted line is improved this many times, by matching frames at most this far from it.
REFINEMENTS, WINDOW_FRAMES = 3, 6

#: Stands for the coordinates of an absent hand, far from any other.
ABSENT = 9.0
_HAND_POINTS = [0, 4, 8, 12, 20]
_LEFT = [LEFT_HAND.start + i for i in _HAND_POINTS]
_RIGHT = [RIGHT_HAND.start + i for i in _HAND_POINTS]


@dataclass(frozen=True)
class Duplicate:
    """A pair of copies, by index. kind: exact, near or mirrored."""

    first: int
    second: int
    kind: str


@dataclass(frozen=True)
class Trace:
    """The data of a clip that the search needs. digest: hash of all its points. track: (T, 2, 5, 2), see `hand_track`."""

    digest: bytes
    track: np.ndarray


def trace(landmarks: Landmarks) -> Trace:
    """The trace of a clip."""
    points = np.nan_to_num(landmarks.points, nan=-1e6)
    return Trace(hashlib.sha256(points.tobytes()).digest(), hand_track(landmarks))


def find_duplicates(traces: Sequence[Trace], may_pair: Callable[[int, int], bool]) -> list[Duplicate]:
    """Pairs i < j of copies, among those for which may_pair(i, j) is true."""
    tracks = [trace.track for trace in traces]
    kinds = {(i, j): "exact" for i, j in _exact_pairs(traces) if may_pair(i, j)}
    for kind, compared in (("near", tracks), ("mirrored", [_mirrored(track) for track in tracks])):
        for i, j in _candidates(tracks, compared, may_pair):
            if (i, j) not in kinds and is_copy(tracks[i], compared[j]):
                kinds[i, j] = kind
    return [Duplicate(i, j, kind) for (i, j), kind in sorted(kinds.items())]


def hand_track(landmarks: Landmarks) -> np.ndarray:
    """(T, 2, 5, 2) wrist and four fingertips of both hands in the signer frame, 25 fps, NaN where absent."""
    selected = landmarks.points[:, [LEFT_SHOULDER, RIGHT_SHOULDER, *_LEFT, *_RIGHT]]
    points = resample(selected, landmarks.fps, FPS)
    frame = signer_frame(points[:, 0], points[:, 1], FPS)
    return frame.positions(points[:, 2:])[..., :2].reshape(-1, 2, len(_HAND_POINTS), 2)


def is_copy(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether track b (T', 2, 5, 2) equals track a (T, 2, 5, 2), possibly cut, shifted in time or at another speed."""
    return any(_equal_along(line, a, b) for line in _time_alignments(a, b))


def _equal_along(line: tuple[float, float], a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the tracks are equal where they overlap, if frame t of a is frame slope × t + offset of b."""
    slope, offset = line
    times = slope * np.arange(len(a)) + offset
    inside = np.flatnonzero((times >= 0) & (times <= len(b) - 1))
    if len(inside) == 0:
        return False
    aligned = _interpolate(b, times[inside])
    difference = a[inside] - aligned
    if _frames_with_hands(difference) < max(MIN_FRAMES, MIN_OVERLAP * min(_frames_with_hands(a), _frames_with_hands(b) / slope)):
        return False
    # Also of the frames in motion alone: two takes with a long rest before and after differ only in the few between.
    if max(_distance(difference), _distance(difference[_in_motion(a)[inside]])) > MAX_DISTANCE:
        return False
    return _correlation(_movement(a[inside]), _movement(aligned)) >= MIN_CORRELATION


def _distance(difference: np.ndarray) -> float:
    """Root mean square of differences, NaN where absent; 0 if there are none."""
    seen = difference[np.isfinite(difference)]
    return float(np.sqrt(np.mean(seen**2))) if len(seen) else 0.0


def _frames_with_hands(track: np.ndarray) -> int:
    return int(_has_hand(track).sum())


def _exact_pairs(traces: Sequence[Trace]) -> list[tuple[int, int]]:
    """Pairs with identical points in every frame."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, trace in enumerate(traces):
        groups[trace.digest].append(index)
    return [pair for group in groups.values() for pair in combinations(group, 2)]


def _candidates(tracks, compared, may_pair) -> list[tuple[int, int]]:
    """Pairs with enough frames that are close to each other, relative to the shorter clip."""
    frames, owners = _frame_vectors(tracks)
    queries, query_owners = _frame_vectors(compared)
    if len(frames) == 0 or len(queries) == 0:
        return []
    from scipy.spatial import cKDTree  # slow to load, and not needed to translate

    _, near = cKDTree(frames).query(queries, k=CANDIDATES_PER_FRAME * 2, distance_upper_bound=FRAME_RADIUS, workers=-1)
    hits: dict[tuple[int, int], int] = defaultdict(int)
    for j, row in zip(query_owners, near, strict=True):
        for i in {int(owners[k]) for k in row if k < len(owners)}:
            if i != j:
                hits[min(i, int(j)), max(i, int(j))] += 1
    lengths = [_frames_with_hands(track) for track in tracks]
    return [
        (i, j)
        for (i, j), count in hits.items()
        if count >= max(MIN_FRAMES / 2, 0.3 * min(lengths[i], lengths[j])) and may_pair(i, j)
    ]


def _frame_vectors(tracks) -> tuple[np.ndarray, np.ndarray]:
    """(F, 20) vectors of all frames with a hand, with distant values for an absent hand, and (F,) the clip of each."""
    flat = [track.reshape(len(track), -1) for track in tracks]
    owners = np.concatenate([np.full(len(part), i) for i, part in enumerate(flat)]) if flat else np.empty(0, int)
    frames = np.concatenate(flat) if flat else np.empty((0, 20))
    has_hand = np.isfinite(frames).any(axis=1)
    return np.nan_to_num(frames[has_hand], nan=ABSENT), owners[has_hand]


def _has_hand(track: np.ndarray) -> np.ndarray:
    """(T,) bool: the frames with a hand."""
    return np.isfinite(track).any(axis=(1, 2, 3))


def _time_alignments(a: np.ndarray, b: np.ndarray) -> list[tuple[float, float]]:
    """Slopes and offsets that may map frames of a to frames of b.

    They are fitted to frames in motion. A resting hand is as close to any other frame of the rest, and would pull the line.
    """
    x, queries = _fitted_frames(a)
    frames, _ = _frame_vectors([b])
    if min(len(queries), len(frames)) < MIN_FRAMES:
        return []
    from scipy.spatial import cKDTree

    distance, near = cKDTree(frames).query(queries, k=CANDIDATES_PER_FRAME, distance_upper_bound=FRAME_RADIUS)
    is_close = np.isfinite(distance)
    if is_close[:, 0].sum() < MIN_FRAMES:
        return []
    y = np.flatnonzero(_has_hand(b))[np.where(is_close, near, 0)]
    nearest, (query, rank) = is_close[:, 0], np.nonzero(is_close)
    first_lines = [*_most_voted(x[query], y[query, rank]), _line(x[nearest], y[nearest, 0])]
    lines = dict.fromkeys(_refined(line, x, queries, b) for line in first_lines if line)
    return [line for line in lines if line and SLOPES[0] <= line[0] <= SLOPES[1]]


def _fitted_frames(track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F,) indices and (F, 20) vectors of frames in motion, spread over the clip; of all with a hand if few are in motion."""
    indices = np.flatnonzero(_in_motion(track) & _has_hand(track))
    if len(indices) < 2 * MIN_FRAMES:
        indices = np.flatnonzero(_has_hand(track))
    if len(indices) > MAX_FITTED_FRAMES:
        indices = indices[np.linspace(0, len(indices) - 1, MAX_FITTED_FRAMES).astype(int)]
    return indices, _frame_vectors([track[indices]])[0]


def _in_motion(track: np.ndarray) -> np.ndarray:
    """(T,) bool: the frames in which the hands move, rather than rest."""
    steps = np.sqrt(np.nansum(_movement(track) ** 2, axis=(1, 2, 3)))
    speed = np.zeros(len(track))
    speed[LAG // 2 : LAG // 2 + len(steps)] = steps
    return speed >= MOVING_SHARE * np.quantile(speed, 0.95)


def _most_voted(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """The lines on which most matches (x, y) lie, among those of a few slopes.

    In repeated movement, frames match those of other repetitions too, but only the right ones lie on one line.
    """
    lines = []
    for slope in TRIED_SLOPES:
        bins = np.round((y - slope * x) / WINDOW_FRAMES).astype(int)
        votes = np.bincount(bins - bins.min())
        lines.append((votes.max(), slope, WINDOW_FRAMES * float(votes.argmax() + bins.min())))
    return [(slope, offset) for _, slope, offset in sorted(lines, reverse=True)[:TRIED_LINES]]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    """Slope and offset of matches (x, y): medians (Theil-Sen), which are robust to outliers. None for too few."""
    i, j = np.triu_indices(len(x), k=max(1, len(x) // 3))
    if len(i) == 0:
        return None
    slope = float(np.median((y[j] - y[i]) / (x[j] - x[i])))
    return slope, float(np.median(y - slope * x))


def _refined(line: tuple[float, float], x: np.ndarray, queries: np.ndarray, b: np.ndarray) -> tuple[float, float] | None:
    """The line, fitted again to frames x with vectors (F, 20) and the frames of b that are closest to them near the line."""
    frames = np.nan_to_num(b.reshape(len(b), -1), nan=ABSENT)
    for _ in range(REFINEMENTS):
        near = np.round(line[0] * x + line[1]).astype(int)[:, None] + np.arange(-WINDOW_FRAMES, WINDOW_FRAMES + 1)
        distance = np.linalg.norm(frames[near.clip(0, len(b) - 1)] - queries[:, None], axis=-1)
        distance[(near < 0) | (near >= len(b))] = np.inf
        best = distance.argmin(axis=1)
        is_close = distance.min(axis=1) < FRAME_RADIUS
        if is_close.sum() < MIN_FRAMES:
            return None
        fitted = _line(x[is_close], near[np.arange(len(x)), best][is_close])
        if fitted is None or fitted == line:
            return line
        line = fitted
    return line


def _interpolate(track: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The track at fractional frame times, linearly interpolated."""
    low = np.floor(times).astype(int)
    high = np.minimum(low + 1, len(track) - 1)
    share = (times - low)[:, None, None, None]
    return np.where(share == 0, track[low], track[low] * (1 - share) + track[high] * share)


def _movement(track: np.ndarray) -> np.ndarray:
    return track[LAG:] - track[:-LAG]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    both_seen = np.isfinite(a) & np.isfinite(b)
    if both_seen.sum() < MIN_FRAMES:
        return 0.0
    norm = np.sqrt((a[both_seen] ** 2).sum() * (b[both_seen] ** 2).sum())
    # Without any movement in one of them, nothing contradicts the match of the positions.
    return float((a[both_seen] * b[both_seen]).sum() / norm) if norm > 1e-9 else 1.0


def _mirrored(track: np.ndarray) -> np.ndarray:
    return track[:, ::-1] * np.array([-1.0, 1.0], dtype=track.dtype)
