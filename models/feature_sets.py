"""The feature sets an encoder can be fed with: one place names them, their size and their function (SPEC §3)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models import phon36
from models.holistic import LEFT_HAND, RIGHT_HAND, Landmarks
from models.resampling import fill_hand_gaps, resample


@dataclass(frozen=True)
class FeatureSet:
    """A way to turn points into numbers.

    size: features a frame. points: (K,) the points of the 543 that it reads, in its order.
    compute: ((T, K, 3) points, fps, depth=…, causal=…) → (T, size), NaN where absent.
    mirror: (…, size) → (…, size), the features of the mirrored signer. change_speed: (T, size), factor → (T', size).
    hands: a feature of the left and of the right hand that is absent exactly where the hand is (presence bits).
    """

    name: str
    size: int
    points: np.ndarray
    compute: Callable[..., np.ndarray]
    mirror: Callable[[np.ndarray], np.ndarray]
    change_speed: Callable[[np.ndarray, float], np.ndarray]
    hands: tuple[int, int]

    @property
    def inputs(self) -> int:
        """Size of the encoder's input: the features and a presence bit a hand."""
        return self.size + 2


PHON36 = FeatureSet(
    "phon36",
    phon36.SIZE,
    phon36.POINTS,
    phon36.phon36,
    phon36.mirror,
    phon36.change_speed,
    (phon36.LOCATION.start, phon36.LOCATION.start + 3),
)
FEATURE_SETS = {one.name: one for one in (PHON36,)}


def clip_features(
    landmarks: Landmarks, feature_set: FeatureSet, fps: float, *, depth: bool = False, causal: bool = False
) -> tuple[np.ndarray, int]:
    """A clip's features: points resampled to `fps`, short gaps of a hand closed, features computed (SPEC §1–3).

    Returns (T', size) float32 with NaN where absent, and the number of hand frames that were interpolated.
    """
    points = resample(landmarks.points[:, feature_set.points], landmarks.fps, fps)
    points, filled = fill_hand_gaps(points, _hand_slices(feature_set.points), fps)
    return feature_set.compute(points, fps, depth=depth, causal=causal), filled


def _hand_slices(points: np.ndarray) -> list[slice]:
    slices = []
    for hand in (LEFT_HAND, RIGHT_HAND):
        at = np.flatnonzero((points >= hand.start) & (points < hand.stop))
        slices.append(slice(int(at[0]), int(at[-1]) + 1))
    return slices


def encoder_input(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) features → (T, size + 2) float32: standardised, absent ones 0, then a presence bit a hand (SPEC §3).

    Standardised values are held within ±CLIP: a hand that jumps for one frame gives velocities of hundreds.
    """
    standard = np.clip((features - mean) / deviation, -CLIP, CLIP)
    present = np.isfinite(features[:, feature_set.hands])
    return np.concatenate([np.nan_to_num(standard, nan=0.0), present], axis=1).astype(np.float32)


CLIP = 4.0


def standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F, size) training frames → mean and standard deviation (size,) of what was seen; an unseen feature gets 0 and 1."""
    seen = np.isfinite(features)
    count = np.maximum(seen.sum(axis=0), 1)
    values = np.where(seen, features, 0).astype(np.float64)
    mean = values.sum(axis=0) / count
    deviation = np.sqrt((np.where(seen, values - mean, 0) ** 2).sum(axis=0) / count)
    return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)
