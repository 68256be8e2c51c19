"""The signer frame: translation, rotation and scale taken off the points (SPEC §2)."""

from dataclasses import dataclass

import numpy as np

ROTATION_SMOOTHING_SECONDS = 0.5
# Shoulders nearer than this share of the clip's median width are a failed detection, not a signer.
COINCIDENT_SHARE = 0.05


@dataclass(frozen=True)
class SignerFrame:
    """x̃ = R (x − n) / s for each of T frames; NaN rows where the shoulders were not found.

    origin: (T, 3) image widths. rotation: (T, 3, 3). scale: (T,) image widths a shoulder width.
    """

    origin: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray

    def positions(self, points: np.ndarray) -> np.ndarray:
        """(T, K, 3) image widths → (T, K, 3) shoulder widths in the signer frame."""
        return self.directions(points - self.origin[:, None]) / self.scale[:, None, None]

    def directions(self, vectors: np.ndarray) -> np.ndarray:
        """(T, K, 3) → (T, K, 3), rotated only."""
        return np.matmul(vectors, self.rotation.transpose(0, 2, 1))


def signer_frame(
    left_shoulder: np.ndarray, right_shoulder: np.ndarray, fps: float, *, depth: bool = False, causal: bool = False
) -> SignerFrame:
    """The frame of SPEC §2 from both shoulders, each (T, 3) in image widths.

    R brings the vector from the right to the left shoulder onto +x by the smallest rotation in the image plane (roll)
    and, with `depth`, then by the smallest rotation about the vertical (yaw). Where only one of the two is present this
    is the single smallest rotation; where both are, the single one would leave a twist about the shoulder line, and a
    camera that is turned and tilted would change the features. Without `depth`, s is the width in the image plane.
    The default is without: depth from one camera is noisy, and on a held-out real source of twenty signs the features
    recognised 70 % without and 63 % with it (benchmarks/twenty.py, first fold; --train --depth).

    Offline: s is the clip's median, the shoulder vector is averaged over ROTATION_SMOOTHING_SECONDS around each frame.
    `causal`: the running median and the average over that span before the frame; no later frame is looked at.
    """
    span = left_shoulder - right_shoulder
    if not depth:
        span = span * np.array([1, 1, 0], dtype=span.dtype)
    width = np.linalg.norm(span, axis=1)
    seen = np.isfinite(width) & (width > 0)
    scale = _running_median(width, seen) if causal else _clip_median(width, seen)
    seen &= width > COINCIDENT_SHARE * scale
    smooth = _moving_average(span, seen, max(1, round(ROTATION_SMOOTHING_SECONDS * fps)), causal)
    hidden = ~seen
    rotation = _roll_then_yaw(smooth)
    origin = (left_shoulder + right_shoulder) / 2
    rotation[hidden], scale[hidden] = np.nan, np.nan
    return SignerFrame(np.where(hidden[:, None], np.nan, origin), rotation, scale)


def _clip_median(width: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return np.full(len(width), np.median(width[seen]) if seen.any() else np.nan, dtype=width.dtype)


def _running_median(width: np.ndarray, seen: np.ndarray) -> np.ndarray:
    known = np.where(seen, width, np.nan)
    medians = [np.nanmedian(known[: t + 1]) if seen[: t + 1].any() else np.nan for t in range(len(known))]
    return np.array(medians, dtype=width.dtype)


def _moving_average(vectors: np.ndarray, seen: np.ndarray, window: int, causal: bool) -> np.ndarray:
    """(T, 3) → (T, 3): mean of the seen vectors in a window around (or, causal, up to) each frame."""
    back = window - 1 if causal else window // 2
    ahead = 0 if causal else window // 2
    kept = np.where(seen[:, None], vectors, 0).astype(np.float64)
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(kept, axis=0)])
    counts = np.concatenate([[0], np.cumsum(seen)])
    t = np.arange(len(vectors))
    low, high = np.maximum(t - back, 0), np.minimum(t + ahead + 1, len(vectors))
    count = counts[high] - counts[low]
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((sums[high] - sums[low]) / count[:, None]).astype(vectors.dtype)


def _roll_then_yaw(span: np.ndarray) -> np.ndarray:
    """(T, 3) vectors → (T, 3, 3) rotations that carry them onto +x: about z first, then about y."""
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
