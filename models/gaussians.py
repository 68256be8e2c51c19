"""Gaussian emissions: the likelihood of a frame with its neighbours under each unit, as in classical speech recognition.

Windows of frames are projected to the directions that separate the units best (linear discriminant analysis, as Haeb-Umbach and
Ney did for speech, ICASSP 1992). There each unit has a mean and a variance per direction. Both are smoothed, which matters for
units with few frames: means towards the common mean, variances towards the pooled variance within units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Frames of a window, relative to its centre.
OFFSETS = (-4, -2, 0, 2, 4)
#: Directions of the projection at most.
MAX_DIRECTIONS = 30
#: Share of the within-unit variances that is added to them, so that directions fitted to few frames count less.
RIDGE = 0.1
#: Weight of the common mean, and of the pooled variances, frames.
MEAN_FRAMES, VARIANCE_FRAMES = 1.0, 50.0
_MIN_VARIANCE = 1e-5


@dataclass(frozen=True)
class Gaussians:
    """Diagonal Gaussians of U units, over windows of D values projected to R directions.

    middle: (D,) mean of all windows; projection: (D, R); means, variances: (U, R). All float32.
    """

    middle: np.ndarray
    projection: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def log_likelihoods(self, values: np.ndarray) -> np.ndarray:
        """(T, V) frames → (T, U) float32 natural log-likelihoods, up to a constant."""
        points = (windows(values) - self.middle) @ self.projection
        # Expanded, so that no (T, U, R) array is needed.
        precision = 1 / self.variances
        squares = points**2 @ precision.T - 2 * points @ (self.means * precision).T + (self.means**2 * precision).sum(axis=1)
        return (-0.5 * (squares + np.log(self.variances).sum(axis=1))).astype(np.float32)


def windows(values: np.ndarray) -> np.ndarray:
    """Each frame with its neighbours at OFFSETS: (T, V) → (T, V · len(OFFSETS)). The first and the last frame are repeated."""
    frames = np.clip(np.arange(len(values))[:, None] + np.array(OFFSETS), 0, len(values) - 1)
    return values[frames].reshape(len(values), -1)


def fit_gaussians(clips: Sequence[np.ndarray], labels: Sequence[np.ndarray], units: int) -> Gaussians:
    """Fits a Gaussian per unit.

    clips: (T, V) frames of each; labels: (T,) the unit of each frame, −1 for none; units: U. A unit without frames gets the mean
    and variance of all frames. Raises ValueError if no frame has a unit.
    """
    label = np.concatenate([clip_labels[clip_labels >= 0] for clip_labels in labels])
    if not len(label):
        raise ValueError("no frame has a unit")
    labelled = [windows(values)[clip_labels >= 0] for values, clip_labels in zip(clips, labels, strict=True)]
    points = np.concatenate(labelled).astype(np.float64)
    count = np.bincount(label, minlength=units)
    middle = points.mean(axis=0)
    points -= middle
    projection = _discriminant_directions(points, label, count)
    points = points @ projection
    sums = _sums_by_unit(points, label, units)
    means = sums / (count + MEAN_FRAMES)[:, None]
    squares = (points - (sums / np.maximum(count, 1)[:, None])[label]) ** 2
    pooled = VARIANCE_FRAMES * squares.mean(axis=0)
    variances = (_sums_by_unit(squares, label, units) + pooled) / (count + VARIANCE_FRAMES)[:, None]
    variances[count == 0] = points.var(axis=0)
    arrays = middle, projection, means, np.maximum(variances, _MIN_VARIANCE)
    return Gaussians(*(array.astype(np.float32) for array in arrays))


def _discriminant_directions(points: np.ndarray, label: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(D, R) the directions with the largest ratio of variance between units to variance within them.

    points: (F, D) centred; label: (F,); count: (U,) frames of each unit. R is below the number of units with frames.
    """
    from scipy.linalg import eigh  # not needed to decode

    means = _sums_by_unit(points, label, len(count)) / np.maximum(count, 1)[:, None]
    residuals = points - means[label]
    within = residuals.T @ residuals / len(points)
    within += np.diag(RIDGE * np.diag(within) + _MIN_VARIANCE)
    between = (means * count[:, None]).T @ means / len(points)
    _, vectors = eigh(between, within)
    directions = min(MAX_DIRECTIONS, points.shape[1], max(1, int((count > 0).sum()) - 1))
    return vectors[:, ::-1][:, :directions]


def _sums_by_unit(points: np.ndarray, label: np.ndarray, units: int) -> np.ndarray:
    """(F, D) points, (F,) labels → (U, D)."""
    sums = np.zeros((units, points.shape[1]))
    np.add.at(sums, label, points)
    return sums
