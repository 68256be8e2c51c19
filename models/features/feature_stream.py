"""Features frame by frame, equal to those of `clip_features(causal=True)` on the same clip (SPEC §2, §3)."""

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

#: Frames that velocity and acceleration need, including the current one.
DIFFERENCED = 3
#: A longer gap in the stream is shortened to this.
LONGEST_GAP_SECONDS = 2.0


class FeatureStream:
    """Computes the features of a stream at `fps` evenly spaced frames per second.

    depth: as in `signer_frame`. source_fps: the rate of the pushed frames, if it is constant and known. Memory is bounded:
    shoulder widths for CAUSAL_SCALE_SECONDS, and points for about half a second.
    """

    def __init__(self, feature_set: FeatureSet, fps: float, *, depth: bool = False, source_fps: float | None = None):
        self.feature_set, self.fps, self.depth = feature_set, fps, depth
        self._same_rate = source_fps is not None and abs(source_fps / fps - 1) < SAME_RATE
        self._shoulders = shoulder_indices(feature_set)
        self._widths: deque[float] = deque(maxlen=round(CAUSAL_SCALE_SECONDS * fps))
        history = max(1, round(ROTATION_SMOOTHING_SECONDS * fps)) + DIFFERENCED
        self._points: deque[np.ndarray] = deque(maxlen=history)
        self._scales: deque[float] = deque(maxlen=history)
        self._last: tuple[float, np.ndarray] | None = None
        self._origin, self._frame_count = 0.0, 0

    def push(self, points: np.ndarray, time: float) -> np.ndarray:
        """Adds a frame of the source and returns the features of the stream's frames up to it.

        points: (543, 3) in image widths, NaN where not seen. time: seconds. Returns (n, size), n ≥ 0: there may be no, one or
        several frames of the stream between two of the source. Raises ValueError if `time` is not after the last frame's.
        """
        points = points[self.feature_set.points]
        if self._last is None:
            self._origin, frames = time, points[None]
        elif time <= self._last[0]:
            raise ValueError(f"frame at {time:.3f} s after one at {self._last[0]:.3f} s")
        elif self._same_rate:
            frames = points[None]
        else:
            frames = self._interpolated(*self._last, time, points)
        self._last = time, points
        self._frame_count += len(frames)
        if not len(frames):
            return np.empty((0, self.feature_set.size), np.float32)
        return np.stack([self._features(frame) for frame in frames])

    def time(self, frame: float) -> float:
        """The time of a frame of the stream, counted from 0, in seconds on the source's clock."""
        return self._origin + frame / self.fps

    def _interpolated(self, last_time: float, last_points: np.ndarray, time: float, points: np.ndarray) -> np.ndarray:
        """(n, K, 3): the stream's frames after the last one of the source, up to this one."""
        if time - last_time > LONGEST_GAP_SECONDS:
            self._origin += time - last_time - LONGEST_GAP_SECONDS
            last_time = time - LONGEST_GAP_SECONDS
        last_frame = int(np.floor((time - self._origin) * self.fps + 1e-6))
        targets = self._origin + np.arange(self._frame_count, last_frame + 1) / self.fps
        return resample_at(np.stack([last_points, points]), np.array([last_time, time]), targets)

    def _features(self, points: np.ndarray) -> np.ndarray:
        """(K, 3) → (size,)."""
        left, right = (points[None, index] for index in self._shoulders)
        self._widths.append(shoulder_width(shoulder_span(left, right, depth=self.depth))[0])
        widths = np.array(self._widths)
        widths = widths[np.isfinite(widths)]
        self._points.append(points)
        self._scales.append(np.median(widths) if len(widths) else np.nan)
        recent = np.stack(self._points)
        left, right = (recent[:, index] for index in self._shoulders)
        scale = np.array(self._scales, dtype=recent.dtype)
        frame = signer_frame(left, right, self.fps, depth=self.depth, causal=True, scale=scale)
        frame = SignerFrame(*(values[-DIFFERENCED:] for values in (frame.origin, frame.rotation, frame.scale)))
        return self.feature_set.compute(recent[-DIFFERENCED:], self.fps, frame=frame)[-1]
