"""From a region of a picture to the crop that a net sees, and from the net's points back to the picture (SPEC §1a)."""

import math

import numpy as np

from asl.models.tracking.regions import Region


def letterboxed(width: int, height: int) -> Region:
    """The square around the whole picture."""
    side = float(max(width, height))
    return Region(width / 2, height / 2, side, side)


def crop_matrix(region: Region, size: int) -> np.ndarray:
    """(2, 3) affine map from pixels of the picture to pixels of a square crop of `size`."""
    cosine, sine = math.cos(region.rotation), math.sin(region.rotation)
    linear = np.array([[cosine, sine], [-sine, cosine]]) * [[size / region.width], [size / region.height]]
    return np.column_stack([linear, size / 2 - linear @ (region.x, region.y)])


def in_picture(points: np.ndarray, region: Region) -> np.ndarray:
    """Points (K, 2) or (K, 3) of a crop, in its sides, as pixels of the picture; z keeps the scale of x.

    As LandmarkProjectionCalculator.
    """
    cosine, sine = math.cos(region.rotation), math.sin(region.rotation)
    centred = (points[:, :2] - 0.5) * (region.width, region.height)
    projected = centred @ np.array([[cosine, sine], [-sine, cosine]]) + (region.x, region.y)
    return np.column_stack([projected, points[:, 2:] * region.width])
