"""The crops of pictures that the nets see (SPEC §1a)."""

import cv2
import numpy as np

from asl.models.tracking.crops import crop_matrix
from asl.models.tracking.regions import Region


def use_one_thread() -> None:
    """Lets no crop of this process be shared among threads: beside another worker, that takes a fifth longer in all."""
    cv2.setNumThreads(1)


def crop(picture: np.ndarray, region: Region, out: np.ndarray, *, draws_edges_out: bool) -> None:
    """Writes a region of a picture (H, W, 3) into out (size, size, 3), by linear interpolation.

    draws_edges_out: pixels outside the picture repeat its edge, else they are black.
    """
    size = out.shape[:2]
    border = cv2.BORDER_REPLICATE if draws_edges_out else cv2.BORDER_CONSTANT
    cv2.warpAffine(picture, crop_matrix(region, size[0]), size, out, cv2.INTER_LINEAR, border)
