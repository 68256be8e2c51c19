"""Detections of a person or a face: anchors, decoding, and the strongest one (SPEC §1a)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Anchors of one cell and layer: one of the layer's own scale, one between it and the next.
ANCHORS_PER_LAYER = 2
#: Raw scores are clipped here, before the sigmoid.
SCORE_LIMIT = 100.0
#: Boxes that share more than this (intersection over union) are taken for the same person.
OVERLAP = 0.3


@dataclass(frozen=True)
class Detector:
    """size: side of the net's picture; strides: of its layers, pixels; keypoints: how many points each box has."""

    size: int
    strides: tuple[int, ...]
    keypoints: int


PERSON = Detector(224, (8, 16, 32, 32, 32), 4)
FACE = Detector(128, (8, 16, 16, 16), 6)


def anchors(size: int, strides: Sequence[int]) -> np.ndarray:
    """(A, 2) centres of the anchors in sides of the picture, in the order of the net's boxes (SsdAnchorsCalculator).

    Consecutive layers with one stride share their cells.
    """
    centres, layer = [], 0
    while layer < len(strides):
        stride = strides[layer]
        alike = next((count for count, other in enumerate(strides[layer:]) if other != stride), len(strides) - layer)
        cells = (np.arange(-(-size // stride)) + 0.5) / -(-size // stride)
        grid = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, ANCHORS_PER_LAYER * alike, axis=0))
        layer += alike
    return np.concatenate(centres)


def strongest_detection(
    boxes: np.ndarray, scores: np.ndarray, centres: np.ndarray, detector: Detector, threshold: float
) -> np.ndarray | None:
    """(P, 2) keypoints of the strongest detection, in sides of the net's picture; None if no score reaches the threshold.

    boxes (A, 4 + 2P) raw: centre, sides, points, in pixels from the anchor; scores (A,) raw; centres (A, 2) of the anchors. All
    boxes that overlap with the strongest one count, by their scores (TensorsToDetectionsCalculator, and
    NonMaxSuppressionCalculator with WEIGHTED).
    """
    chances = 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -SCORE_LIMIT, SCORE_LIMIT)))
    chosen = np.flatnonzero(chances >= threshold)
    if not len(chosen):
        return None
    chosen = chosen[np.argsort(-chances[chosen], kind="stable")]
    raw = boxes[chosen].reshape(len(chosen), -1, 2) / detector.size
    points = raw + centres[chosen, None]
    corners = np.stack([points[:, 0] - raw[:, 1] / 2, points[:, 0] + raw[:, 1] / 2], axis=1)
    same = overlaps(corners[0], corners) > OVERLAP
    same[0] = True
    weights = chances[chosen][same]
    return np.tensordot(weights, points[same, 2:], axes=1) / weights.sum()


def overlaps(corners: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with others. corners (2, 2): low and high corner; others (B, 2, 2)."""
    low, high = np.maximum(corners[0], others[:, 0]), np.minimum(corners[1], others[:, 1])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = np.prod(np.maximum(others[:, 1] - others[:, 0], 0), axis=-1) + np.prod(np.maximum(corners[1] - corners[0], 0))
    return shared / np.maximum(areas - shared, np.finfo(float).tiny)
