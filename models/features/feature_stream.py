"""Features of frames as they come, one after the other: what `clip_features(causal=True)` makes of the whole (SPEC §2, §3)."""

from collections import deque

import numpy as np

from asl.models.features.feature_sets import FeatureSet, shoulder_indices
from asl.models.features.resampling import SAME_RATE, resample_at
from asl.models.features.signer_frame import (
    CAUSAL_SCALE_SECONDS,
    ROTATION_SMOOTHING_SECONDS,
    SignerFrame,
    shoulder_span,
    shoulder_width,
    signer_frame,
)

#: Frames that velocity and acceleration look back on, with the frame itself.
DIFFERENCED = 3
#: Of a stream that stood still longer than this, the time between is left out.
LONGEST_GAP_SECONDS = 2.0


class FeatureStream:
    """feature_set at `fps` even frames a second. source_fps: the rate of what is pushed, where it is even and known.

    Its memory is bounded: widths of the shoulders for CAUSAL_SCALE_SECONDS, and points of about half a second.
    """

    def __init__(self, feature_set: FeatureSet, fps: float, *, depth: bool = False, source_fps: float | None = None):
        self.feature_set, self.fps, self.depth = feature_set, fps, depth
        self._same_rate = source_fps is not None and abs(source_fps / fps - 1) < SAME_RATE
        self._shoulders = shoulder_indices(feature_set)
        self._widths: deque[float] = deque(maxlen=round(CAUSAL_SCALE_SECONDS * fps))
        behind = max(1, round(ROTATION_SMOOTHING_SECONDS * fps)) + DIFFERENCED
        self._points: deque[np.ndarray] = deque(maxlen=behind)
        self._scales: deque[float] = deque(maxlen=behind)
        self._last: tuple[float, np.ndarray] | None = None
        self._origin, self._made = 0.0, 0

    def push(self, points: np.ndarray, time: float) -> np.ndarray:
        """(543, 3) points of a frame, NaN where not seen, at `time` seconds → (n, size) features of the frames now known.

        Between two frames of the source lie none, one or several of the stream. Raises ValueError: time runs backwards.
        """
        own = points[self.feature_set.points]
        if self._last is None:
            self._origin, grid = time, own[None]
        elif time <= self._last[0]:
            raise ValueError(f"frame at {time:.3f} s after one at {self._last[0]:.3f} s")
        elif self._same_rate:
            grid = own[None]
        else:
            grid = self._between(own, time)
        self._last = time, own
        self._made += len(grid)
        return np.stack([self._features(one) for one in grid]) if len(grid) else np.empty((0, self.feature_set.size), np.float32)

    def time(self, frame: float) -> float:
        """Seconds at which a frame of the stream, counted from 0, stands on the source's clock."""
        return self._origin + frame / self.fps

    def _between(self, points: np.ndarray, time: float) -> np.ndarray:
        """The points on the even grid after the last frame, up to this one."""
        before = self._last[0]
        if time - before > LONGEST_GAP_SECONDS:
            self._origin += time - before - LONGEST_GAP_SECONDS
            before = time - LONGEST_GAP_SECONDS
        last = int(np.floor((time - self._origin) * self.fps + 1e-6))
        targets = self.time(np.arange(self._made, last + 1))
        return resample_at(np.stack([self._last[1], points]), np.array([before, time]), targets)

    def _features(self, points: np.ndarray) -> np.ndarray:
        """(K, 3) → (size,)."""
        left, right = (points[None, at] for at in self._shoulders)
        self._widths.append(shoulder_width(shoulder_span(left, right, depth=self.depth))[0])
        known = np.array(self._widths)
        known = known[np.isfinite(known)]
        self._points.append(points)
        self._scales.append(np.median(known) if len(known) else np.nan)
        recent = np.stack(self._points)
        left, right = (recent[:, at] for at in self._shoulders)
        scale = np.array(self._scales, dtype=recent.dtype)
        frame = signer_frame(left, right, self.fps, depth=self.depth, causal=True, scale=scale)
        frame = SignerFrame(*(one[-DIFFERENCED:] for one in (frame.origin, frame.rotation, frame.scale)))
        return self.feature_set.compute(recent[-DIFFERENCED:], self.fps, frame=frame)[-1]
