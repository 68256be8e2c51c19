"""Landmarks onto an even time grid, and short gaps of a hand closed (SPEC §1)."""

from itertools import pairwise

import numpy as np

MAX_HAND_GAP_SECONDS = 0.2
#: Rates that differ by less than this share are one.
SAME_RATE = 1e-3


def resample(points: np.ndarray, fps: float, target_fps: float) -> np.ndarray:
    """(T, K, 3) at `fps` → (T', K, 3) at `target_fps`, T' = round(T · target / fps), at least 1.

    Linear between two frames in which a point was seen; where only one was, that one if it is the nearer.
    """
    if abs(fps / target_fps - 1) < SAME_RATE or len(points) < 2:
        return points
    times = np.arange(len(points)) / fps
    count = max(1, round(len(points) * target_fps / fps))
    return resample_at(points, times, np.arange(count) / target_fps)


def resample_at(points: np.ndarray, times: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(T, K, 3) at `times` (T,) s → (T', K, 3) at `targets` (T',) s; both ascending."""
    upper = np.clip(np.searchsorted(times, targets, side="left"), 1, len(times) - 1)
    lower = upper - 1
    span = np.maximum(times[upper] - times[lower], 1e-9)
    weight = np.clip((targets - times[lower]) / span, 0, 1).astype(points.dtype)[:, None, None]
    before, after = points[lower], points[upper]
    mixed = before + weight * (after - before)
    lost = np.isnan(mixed)
    if lost.any():
        mixed[lost] = np.where(weight < 0.5, before, after)[lost]
    return mixed


def fill_hand_gaps(points: np.ndarray, hands: list[slice], fps: float) -> tuple[np.ndarray, int]:
    """Interpolates each hand over gaps of at most MAX_HAND_GAP_SECONDS.

    points: (T, K, 3), left as they are; hands: the slice of K of each hand.
    Returns the points and the number of hand frames filled; longer gaps and the clip's ends stay absent.
    """
    longest = int(MAX_HAND_GAP_SECONDS * fps + 1e-6)
    filled = 0
    out = points
    for hand in hands:
        seen = np.isfinite(points[:, hand.start, 0])
        at = np.flatnonzero(seen)
        for start, stop in pairwise(at):
            gap = stop - start - 1
            if not 0 < gap <= longest:
                continue
            if out is points:
                out = points.copy()
            share = (np.arange(1, gap + 1, dtype=points.dtype) / (gap + 1))[:, None, None]
            out[start + 1 : stop, hand] = points[start, hand] + share * (points[stop, hand] - points[start, hand])
            filled += int(gap)
    return out, filled


def change_tempo(values: np.ndarray, factor: float) -> np.ndarray:
    """(T, D) → (T / factor, D), at least 2 frames: the same course in other time; nothing is scaled."""
    count = max(2, round(len(values) / factor))
    if len(values) < 2:
        return values.copy()
    targets = np.linspace(0, len(values) - 1, count)
    return resample_at(values[:, :, None], np.arange(len(values), dtype=float), targets)[:, :, 0]
