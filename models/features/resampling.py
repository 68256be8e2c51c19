"""Resampling of landmarks to an even frame rate, and interpolation of short gaps of a hand (SPEC §1)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

MAX_HAND_GAP_SECONDS = 0.2
#: Frame rates that differ by less than this share count as equal.
SAME_RATE = 1e-3


def resample(points: np.ndarray, fps: float, target_fps: float) -> np.ndarray:
    """Resamples points from one even frame rate to another: (T, K, 3) → (T', K, 3), T' = max(1, round(T · target_fps / fps)).

    Linear between two frames in which a point was seen. If it was seen in only one of them, the nearer frame counts.
    """
    if abs(fps / target_fps - 1) < SAME_RATE or len(points) < 2:
        return points
    times = np.arange(len(points)) / fps
    count = max(1, round(len(points) * target_fps / fps))
    return resample_at(points, times, np.arange(count) / target_fps)


def resample_at(points: np.ndarray, times: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Interpolates points: (T, K, 3) at `times` (T,) s → (T', K, 3) at `targets` (T',) s; both ascending.

    Between a frame in which a point was seen and one in which it was not, the nearer frame counts.
    """
    upper = np.clip(np.searchsorted(times, targets, side="left"), 1, len(times) - 1)
    lower = upper - 1
    span = np.maximum(times[upper] - times[lower], 1e-9)
    weight = np.clip((targets - times[lower]) / span, 0, 1).astype(points.dtype)[:, None, None]
    before, after = points[lower], points[upper]
    interpolated = before + weight * (after - before)
    absent = np.isnan(interpolated)
    if absent.any():
        interpolated[absent] = np.where(weight < 0.5, before, after)[absent]
    return interpolated


def fill_hand_gaps(points: np.ndarray, hands: Sequence[slice], fps: float) -> tuple[np.ndarray, int]:
    """Interpolates each hand over gaps of at most MAX_HAND_GAP_SECONDS; longer gaps and the clip's ends stay absent.

    points: (T, K, 3), not modified. hands: the slice of K of each hand. Returns (T, K, 3) points, and the number of hand frames
    that were filled.
    """
    max_gap = int(MAX_HAND_GAP_SECONDS * fps + 1e-6)
    gaps = [(hand, start, stop) for hand in hands for start, stop in _gaps(points[:, hand], max_gap)]
    if not gaps:
        return points, 0
    filled = points.copy()
    for hand, start, stop in gaps:
        share = (np.arange(1, stop - start, dtype=points.dtype) / (stop - start))[:, None, None]
        filled[start + 1 : stop, hand] = points[start, hand] + share * (points[stop, hand] - points[start, hand])
    return filled, sum(stop - start - 1 for _, start, stop in gaps)


def _gaps(hand: np.ndarray, max_gap: int) -> list[tuple[int, int]]:
    """The frames in which a hand (T, 21, 3) is seen before and after each gap of 1 to `max_gap` frames."""
    seen = np.flatnonzero(np.isfinite(hand[:, 0, 0])).tolist()
    return [(start, stop) for start, stop in pairwise(seen) if 0 < stop - start - 1 <= max_gap]


def change_tempo(values: np.ndarray, factor: float) -> np.ndarray:
    """Plays features `factor` times as fast: (T, D) → (T / factor, D), at least 2 frames. Values are not rescaled."""
    count = max(2, round(len(values) / factor))
    if len(values) < 2:
        return values.copy()
    targets = np.linspace(0, len(values) - 1, count)
    return resample_at(values[:, :, None], np.arange(len(values), dtype=float), targets)[:, :, 0]
