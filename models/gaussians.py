"""Gaussians of what a frame and its neighbours look like under each unit: the classical emission of continuous recognition.

Windows of frames are projected to the directions that tell units apart best (linear discriminant analysis, as Haeb-Umbach and
Ney did for speech, ICASSP 1992); there each unit has a mean and a variance in each direction. Units with few frames lean on
all others: means are drawn to the middle, variances to what units have in common.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Frames of a window, counted from the frame itself.
OFFSETS = (-4, -2, 0, 2, 4)
#: Directions that are kept at most.
MAX_DIRECTIONS = 30
#: Share of the variances within units that is added to them, against directions that few frames only seem to know.
RIDGE = 0.1
#: Frames that the middle, and the common variances, count as much as.
MEAN_FRAMES, VARIANCE_FRAMES = 1.0, 50.0
_LEAST = 1e-5


@dataclass(frozen=True)
class Gaussians:
    """middle: (D,) of the windows; projection: (D, R); means, variances: (U, R) of the projected ones."""

    middle: np.ndarray
    projection: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def log_likelihoods(self, values: np.ndarray) -> np.ndarray:
        """(T, V) frames → (T, U) natural log-likelihoods, to a constant."""
        points = (windows(values) - self.middle) @ self.projection
        # Expanded, so that no (T, U, R) array is needed.
        precise = 1 / self.variances
        squares = points**2 @ precise.T - 2 * points @ (self.means * precise).T + (self.means**2 * precise).sum(axis=1)
        return (-0.5 * (squares + np.log(self.variances).sum(axis=1))).astype(np.float32)


def windows(values: np.ndarray) -> np.ndarray:
    """(T, V) → (T, V · offsets): each frame with its neighbours; beyond the ends the first and the last frame stand still."""
    at = np.clip(np.arange(len(values))[:, None] + np.array(OFFSETS), 0, len(values) - 1)
    return values[at].reshape(len(values), -1)


def fit_gaussians(clips: Sequence[np.ndarray], labels: Sequence[np.ndarray], units: int) -> Gaussians:
    """(T, V) frames of each clip and the unit of each, −1 for none → densities of `units` units.

    A unit without frames has the density of all frames. Raises ValueError: no labelled frame.
    """
    points = np.concatenate([windows(values)[own >= 0] for values, own in zip(clips, labels, strict=True)]).astype(np.float64)
    label = np.concatenate([own[own >= 0] for own in labels])
    if not len(label):
        raise ValueError("no frame is of a unit")
    count = np.bincount(label, minlength=units)
    middle = points.mean(axis=0)
    points -= middle
    projection = _directions(points, label, count)
    points = points @ projection
    sums = _sums(points, label, units)
    means = sums / (count + MEAN_FRAMES)[:, None]
    around = (points - (sums / np.maximum(count, 1)[:, None])[label]) ** 2
    variances = (_sums(around, label, units) + VARIANCE_FRAMES * around.mean(axis=0)) / (count + VARIANCE_FRAMES)[:, None]
    variances[count == 0] = points.var(axis=0)
    arrays = middle, projection, means, np.maximum(variances, _LEAST)
    return Gaussians(*(one.astype(np.float32) for one in arrays))


def _directions(points: np.ndarray, label: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(D, R): those with the largest variance between units against that within them, at most as many as tell them apart."""
    from scipy.linalg import eigh  # reading does without

    means = _sums(points, label, len(count)) / np.maximum(count, 1)[:, None]
    apart = points - means[label]
    within = apart.T @ apart / len(points)
    within += np.diag(RIDGE * np.diag(within) + _LEAST)
    between = (means * count[:, None]).T @ means / len(points)
    _, vectors = eigh(between, within)
    kept = min(MAX_DIRECTIONS, points.shape[1], max(1, int((count > 0).sum()) - 1))
    return vectors[:, ::-1][:, :kept]


def _sums(points: np.ndarray, label: np.ndarray, units: int) -> np.ndarray:
    sums = np.zeros((units, points.shape[1]))
    np.add.at(sums, label, points)
    return sums
