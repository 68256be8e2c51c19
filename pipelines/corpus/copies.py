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
from scipy.spatial import cKDTree

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
    line = _time_alignment(a, b)
    if line is None:
        return False
    slope, offset = line
    times = slope * np.arange(len(a)) + offset
    inside = np.flatnonzero((times >= 0) & (times <= len(b) - 1))
    if len(inside) == 0:
        return False
    aligned = _interpolate(b, times[inside])
    difference = a[inside] - aligned
    both_seen = np.isfinite(difference)
    if _frames_with_hands(difference) < max(MIN_FRAMES, MIN_OVERLAP * min(_frames_with_hands(a), _frames_with_hands(b) / slope)):
        return False
    if np.sqrt(np.mean(difference[both_seen] ** 2)) > MAX_DISTANCE:
        return False
    return _correlation(_movement(a[inside]), _movement(aligned)) >= MIN_CORRELATION


def _frames_with_hands(track: np.ndarray) -> int:
    return int(np.isfinite(track).any(axis=(1, 2, 3)).sum())


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
    return np.nan_to_num(frames[has_hand], nan=9.0), owners[has_hand]


def _time_alignment(a: np.ndarray, b: np.ndarray) -> tuple[float, float] | None:
    """Slope and offset that map frames of a to frames of b, fitted to nearest frames (Theil-Sen, robust to outliers)."""
    queries, _ = _frame_vectors([a])
    frames, _ = _frame_vectors([b])
    if len(queries) < MIN_FRAMES or len(frames) < MIN_FRAMES:
        return None
    distance, near = cKDTree(frames).query(queries, distance_upper_bound=FRAME_RADIUS)
    has_match = np.isfinite(distance)
    if has_match.sum() < MIN_FRAMES:
        return None
    x = np.flatnonzero(np.isfinite(a.reshape(len(a), -1)).any(axis=1))[has_match].astype(float)
    y = np.flatnonzero(np.isfinite(b.reshape(len(b), -1)).any(axis=1))[near[has_match]].astype(float)
    i, j = np.triu_indices(len(x), k=max(1, len(x) // 3))
    if len(i) == 0:
        return None
    slope = float(np.median((y[j] - y[i]) / (x[j] - x[i])))
    if not SLOPES[0] <= slope <= SLOPES[1]:
        return None
    return slope, float(np.median(y - slope * x))


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
