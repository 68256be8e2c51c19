"""Filters over the frames of a stream, as in the graph (SPEC §1a)."""

import math

import numpy as np

#: Seconds between frames, whatever their times are: MediaPipe's Python graph counts frames in steps of 33,333 µs.
FRAME_SECONDS = 0.033333
#: Share of a new visibility in the smoothed one.
VISIBILITY_SHARE = 0.1
#: Objects smaller than this many pixels are not smoothed.
MIN_OBJECT_PIXELS = 1e-6


class LowPass:
    """Exponential smoothing of arrays of one shape; the first value is taken as it is."""

    def __init__(self) -> None:
        self.smoothed: np.ndarray | None = None

    def __call__(self, values: np.ndarray, share: np.ndarray | float) -> np.ndarray:
        """share: of the new values, 0–1."""
        self.smoothed = values if self.smoothed is None else share * values + (1 - share) * self.smoothed
        return self.smoothed


class OneEuro:
    """The One-Euro filter (Casiez et al., 2012) on points (K, 3): it smooths more, the slower a coordinate moves.

    min_cutoff, derivative_cutoff: Hz; beta: Hz per object size and second, the size being that of `__call__`.
    """

    def __init__(self, min_cutoff: float, beta: float, derivative_cutoff: float = 1.0):
        self._min_cutoff, self._beta, self._derivative_share = min_cutoff, beta, _share(derivative_cutoff)
        self._values, self._speeds = LowPass(), LowPass()
        self._last: np.ndarray | None = None

    def __call__(self, points: np.ndarray, size: float) -> np.ndarray:
        """The smoothed points. size: of the object, in the unit of the points, by which speeds are measured."""
        if size < MIN_OBJECT_PIXELS:
            return points
        steps = np.zeros_like(points) if self._last is None else points - self._last
        speeds = self._speeds(steps / size / FRAME_SECONDS, self._derivative_share)
        self._last = points
        return self._values(points, _share(self._min_cutoff + self._beta * np.abs(speeds)))


def _share(cutoff: np.ndarray | float) -> np.ndarray | float:
    """Share of a new value in a low-pass filter with this cut-off frequency, Hz."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * FRAME_SECONDS))
