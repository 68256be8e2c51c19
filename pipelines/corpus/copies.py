"""Copies of a clip, found from its landmarks: exact, shifted in time, resampled, mirrored, moved, turned, scaled (SPEC §14).

Two recordings of one sign by one signer are not copies. What tells them apart is how closely the hands follow
one path in space and time: a copy stays within detector noise of it all along, another take does not.
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
#: Neighbouring frames of a copy lie within this distance of each other, shoulder widths over all coordinates.
FRAME_RADIUS = 0.12
#: A copy overlaps over at least this share of the shorter clip, and this many frames.
LEAST_OVERLAP, LEAST_FRAMES = 0.6, 8
#: Root mean square distance of the aligned hands (shoulder widths), and correlation of their movement.
MOST_DISTANCE, LEAST_CORRELATION = 0.04, 0.85
#: Movement is compared over this many frames: long enough to stand out of detector noise.
LAG = 5
SLOPES = (0.5, 2.0)
CANDIDATES_PER_FRAME = 8

_HAND_POINTS = [0, 4, 8, 12, 20]
_LEFT = [LEFT_HAND.start + i for i in _HAND_POINTS]
_RIGHT = [RIGHT_HAND.start + i for i in _HAND_POINTS]


@dataclass(frozen=True)
class Duplicate:
    """Two clips (by index), the first and second as given, and what makes them one."""

    first: int
    second: int
    kind: str


@dataclass(frozen=True)
class Trace:
    """What is kept of a clip for the search. digest: of all its points; track: (T, 2, 5, 2), see `hand_track`."""

    digest: bytes
    track: np.ndarray


def trace(landmarks: Landmarks) -> Trace:
    points = np.nan_to_num(landmarks.points, nan=-1e6)
    return Trace(hashlib.sha256(points.tobytes()).digest(), hand_track(landmarks))


def find_duplicates(traces: Sequence[Trace], may_pair: Callable[[int, int], bool]) -> list[Duplicate]:
    """Pairs i < j, among those that may_pair allows, that are copies of one another."""
    tracks = [one.track for one in traces]
    found = {(i, j): "exact" for i, j in _exact(traces) if may_pair(i, j)}
    for name, others in (("near", tracks), ("mirrored", [_mirrored(track) for track in tracks])):
        for i, j in _candidates(tracks, others, may_pair):
            if (i, j) not in found and is_copy(tracks[i], others[j]):
                found[i, j] = name
    return [Duplicate(i, j, kind) for (i, j), kind in sorted(found.items())]


def hand_track(landmarks: Landmarks) -> np.ndarray:
    """(T, 2, 5, 2) wrist and four fingertips of both hands in the signer frame, 25 fps, NaN where absent."""
    chosen = landmarks.points[:, [LEFT_SHOULDER, RIGHT_SHOULDER, *_LEFT, *_RIGHT]]
    points = resample(chosen, landmarks.fps, FPS)
    frame = signer_frame(points[:, 0], points[:, 1], FPS)
    return frame.positions(points[:, 2:])[..., :2].reshape(-1, 2, len(_HAND_POINTS), 2)


def is_copy(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether track b (T', 2, 5, 2) is track a (T, 2, 5, 2), possibly cut, shifted and at another speed."""
    line = _time_line(a, b)
    if line is None:
        return False
    slope, offset = line
    times = slope * np.arange(len(a)) + offset
    inside = np.flatnonzero((times >= 0) & (times <= len(b) - 1))
    if len(inside) == 0:
        return False
    aligned = _at(b, times[inside])
    difference = a[inside] - aligned
    known = np.isfinite(difference)
    if _frames_with_hands(difference) < max(
        LEAST_FRAMES, LEAST_OVERLAP * min(_frames_with_hands(a), _frames_with_hands(b) / slope)
    ):
        return False
    if np.sqrt(np.mean(difference[known] ** 2)) > MOST_DISTANCE:
        return False
    return _correlation(_movement(a[inside]), _movement(aligned)) >= LEAST_CORRELATION


def _frames_with_hands(track: np.ndarray) -> int:
    return int(np.isfinite(track).any(axis=(1, 2, 3)).sum())


def _exact(traces: Sequence[Trace]) -> list[tuple[int, int]]:
    """Pairs with the same points in every frame, byte for byte."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, one in enumerate(traces):
        groups[one.digest].append(index)
    return [pair for group in groups.values() for pair in combinations(group, 2)]


def _candidates(tracks, others, may_pair) -> list[tuple[int, int]]:
    """Pairs whose frames are near one another over enough of the shorter clip."""
    frames, owner = _frame_vectors(tracks)
    queries, asker = _frame_vectors(others)
    if len(frames) == 0 or len(queries) == 0:
        return []
    _, near = cKDTree(frames).query(queries, k=CANDIDATES_PER_FRAME * 2, distance_upper_bound=FRAME_RADIUS, workers=-1)
    hits: dict[tuple[int, int], int] = defaultdict(int)
    for j, row in zip(asker, near, strict=True):
        for i in {int(owner[k]) for k in row if k < len(owner)}:
            if i != j:
                hits[min(i, int(j)), max(i, int(j))] += 1
    lengths = [_frames_with_hands(track) for track in tracks]
    return [
        (i, j)
        for (i, j), count in hits.items()
        if count >= max(LEAST_FRAMES / 2, 0.3 * min(lengths[i], lengths[j])) and may_pair(i, j)
    ]


def _frame_vectors(tracks) -> tuple[np.ndarray, np.ndarray]:
    """Every frame with a hand as a vector (F, 20), an absent hand far away, and the clip it belongs to."""
    flat = [track.reshape(len(track), -1) for track in tracks]
    owner = np.concatenate([np.full(len(part), i) for i, part in enumerate(flat)]) if flat else np.empty(0, int)
    frames = np.concatenate(flat) if flat else np.empty((0, 20))
    kept = np.isfinite(frames).any(axis=1)
    return np.nan_to_num(frames[kept], nan=9.0), owner[kept]


def _time_line(a: np.ndarray, b: np.ndarray) -> tuple[float, float] | None:
    """Slope and offset that map a's frames to b's, from each frame's nearest (Theil-Sen, so that strays do not count)."""
    queries, _ = _frame_vectors([a])
    frames, _ = _frame_vectors([b])
    if len(queries) < LEAST_FRAMES or len(frames) < LEAST_FRAMES:
        return None
    distance, near = cKDTree(frames).query(queries, distance_upper_bound=FRAME_RADIUS)
    good = np.isfinite(distance)
    if good.sum() < LEAST_FRAMES:
        return None
    x = np.flatnonzero(np.isfinite(a.reshape(len(a), -1)).any(axis=1))[good].astype(float)
    y = np.flatnonzero(np.isfinite(b.reshape(len(b), -1)).any(axis=1))[near[good]].astype(float)
    i, j = np.triu_indices(len(x), k=max(1, len(x) // 3))
    if len(i) == 0:
        return None
    slope = float(np.median((y[j] - y[i]) / (x[j] - x[i])))
    if not SLOPES[0] <= slope <= SLOPES[1]:
        return None
    return slope, float(np.median(y - slope * x))


def _at(track: np.ndarray, times: np.ndarray) -> np.ndarray:
    low = np.floor(times).astype(int)
    high = np.minimum(low + 1, len(track) - 1)
    share = (times - low)[:, None, None, None]
    return np.where(share == 0, track[low], track[low] * (1 - share) + track[high] * share)


def _movement(track: np.ndarray) -> np.ndarray:
    return track[LAG:] - track[:-LAG]


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < LEAST_FRAMES:
        return 0.0
    norm = np.sqrt((a[known] ** 2).sum() * (b[known] ** 2).sum())
    # No movement at all on either side: nothing contradicts the match of the positions.
    return float((a[known] * b[known]).sum() / norm) if norm > 1e-9 else 1.0


def _mirrored(track: np.ndarray) -> np.ndarray:
    return track[:, ::-1] * np.array([-1.0, 1.0], dtype=track.dtype)
