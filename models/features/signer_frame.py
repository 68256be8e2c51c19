"""The signer frame: coordinates without the signer's position, rotation and size in the picture (SPEC §2)."""

from dataclasses import dataclass

import numpy as np

ROTATION_SMOOTHING_SECONDS = 0.5
#: Window of the median of a causal scale: long enough for a signer who turns away to turn back, short enough for a stream.
CAUSAL_SCALE_SECONDS = 10.0
# Shoulders closer together than this share of the clip's median width are a failed detection.
COINCIDENT_SHARE = 0.05


@dataclass(frozen=True)
class SignerFrame:
    """x̃ = R (x − n) / s for each of T frames; NaN rows where the shoulders were not found.

    origin: n (T, 3), image widths. rotation: R (T, 3, 3). scale: s (T,), image widths per shoulder width.
    """

    origin: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray

    def positions(self, points: np.ndarray) -> np.ndarray:
        """(T, K, 3) points in image widths → (T, K, 3) in the signer frame, shoulder widths."""
        return self.directions(points - self.origin[:, None]) / self.scale[:, None, None]

    def directions(self, vectors: np.ndarray) -> np.ndarray:
        """Rotates vectors: (T, K, 3) → (T, K, 3)."""
        return np.matmul(vectors, self.rotation.transpose(0, 2, 1))


def signer_frame(
    left_shoulder: np.ndarray, right_shoulder: np.ndarray, fps: float, *, depth: bool = False, causal: bool = False,
    scale: np.ndarray | None = None,
) -> SignerFrame:  # fmt: skip
    """The signer frame of each frame of a clip (SPEC §2). left_shoulder, right_shoulder: (T, 3), image widths.

    R carries the vector from the right to the left shoulder onto +x: by the smallest rotation in the image plane (roll) and,
    with `depth`, then by the smallest rotation about the vertical (yaw). If only one of the two is needed, this is the single
    smallest rotation; if both are, the single one would leave a twist about the shoulder line, and a camera that is turned and
    tilted would change the features. Without `depth`, s is the width in the image plane. That is the default: depth from
    one camera is noisy, and on a held-out real source of twenty signs the features recognised 70 % without and 63 % with it
    (benchmarks/twenty.py, first fold; --train --depth).

    Offline, s is the clip's median, and the shoulder vector is averaged over ROTATION_SMOOTHING_SECONDS around each frame. With
    `causal`, s is the median over the last CAUSAL_SCALE_SECONDS, and the average ends at the frame; no later frame is used.
    scale: (T,), if it is already computed.
    """
    span = shoulder_span(left_shoulder, right_shoulder, depth=depth)
    width = shoulder_width(span)
    if scale is None:
        scale = causal_scale(width, fps) if causal else _clip_median(width)
    scale = scale.copy()
    seen = width > COINCIDENT_SHARE * scale
    smooth = _moving_average(span, seen, max(1, round(ROTATION_SMOOTHING_SECONDS * fps)), causal)
    hidden = ~seen
    rotation = _roll_then_yaw(smooth)
    origin = (left_shoulder + right_shoulder) / 2
    rotation[hidden], scale[hidden] = np.nan, np.nan
    return SignerFrame(np.where(hidden[:, None], np.nan, origin), rotation, scale)


def shoulder_span(left_shoulder: np.ndarray, right_shoulder: np.ndarray, *, depth: bool = False) -> np.ndarray:
    """(T, 3) vectors from the right to the left shoulder; without `depth`, in the image plane."""
    span = left_shoulder - right_shoulder
    return span if depth else span * np.array([1, 1, 0], dtype=span.dtype)


def shoulder_width(span: np.ndarray) -> np.ndarray:
    """Lengths of (T, 3) shoulder vectors → (T,), NaN where the shoulders were not found or coincide."""
    width = np.linalg.norm(span, axis=1)
    return np.where(width > 0, width, np.nan)


def causal_scale(width: np.ndarray, fps: float) -> np.ndarray:
    """(T,) shoulder widths, NaN where absent → (T,) the median of those of the last CAUSAL_SCALE_SECONDS."""
    span = round(CAUSAL_SCALE_SECONDS * fps)
    before = np.concatenate([np.full(span - 1, np.nan, dtype=width.dtype), width])
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(before, span), axis=1)  # NaN goes to the end
    count = np.isfinite(windows).sum(axis=1)
    rows, last = np.arange(len(width)), np.maximum(count - 1, 0)
    medians = (windows[rows, last // 2] + windows[rows, (last + 1) // 2]) / 2
    return np.where(count > 0, medians, np.nan).astype(width.dtype)


def _clip_median(width: np.ndarray) -> np.ndarray:
    finite = width[np.isfinite(width)]
    return np.full(len(width), np.median(finite) if len(finite) else np.nan, dtype=width.dtype)


def _moving_average(vectors: np.ndarray, seen: np.ndarray, window: int, causal: bool) -> np.ndarray:
    """(T, 3) → (T, 3): the mean of the vectors that are `seen` (T,) in a window around (if causal: up to) each frame."""
    back = window - 1 if causal else window // 2
    ahead = 0 if causal else window // 2
    values = np.where(seen[:, None], vectors, 0).astype(np.float64)
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(values, axis=0)])
    counts = np.concatenate([[0], np.cumsum(seen)])
    t = np.arange(len(vectors))
    low, high = np.maximum(t - back, 0), np.minimum(t + ahead + 1, len(vectors))
    count = counts[high] - counts[low]
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((sums[high] - sums[low]) / count[:, None]).astype(vectors.dtype)


def _roll_then_yaw(span: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) that carry vectors (T, 3) onto +x: about z first, then about y."""
    x, y, z = span.T
    level = np.hypot(x, y)
    full = np.hypot(level, z)
    with np.errstate(invalid="ignore", divide="ignore"):
        cos_roll, sin_roll = x / level, y / level
        cos_yaw, sin_yaw = level / full, z / full
    zero = np.zeros_like(x)
    rows = [
        [cos_yaw * cos_roll, cos_yaw * sin_roll, sin_yaw],
        [-sin_roll, cos_roll, zero],
        [-sin_yaw * cos_roll, -sin_yaw * sin_roll, cos_yaw],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
