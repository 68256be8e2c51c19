"""Points refined on the heatmaps that the pose net gives beside them (SPEC §1a)."""

import numpy as np

#: Side of the window of the heatmap that is averaged around a point, in cells. The graph asks for 7, but MediaPipe's Python
#: package drops this option, whose type it does not load, and runs with the default.
WINDOW = 9
#: Points whose window has no value above this stay where they are.
MIN_CONFIDENCE = 0.5


def refined(points: np.ndarray, heatmaps: np.ndarray) -> np.ndarray:
    """Points (K, 2), in sides of the crop, moved to the mean of the heatmap around them (RefineLandmarksFromHeatmapCalculator).

    heatmaps (H, W, K): logits, one map a point. Points outside the crop stay.
    """
    height, width, count = heatmaps.shape
    if points.shape != (count, 2):
        raise ValueError(f"points have shape {points.shape}; expected ({count}, 2), one for each heatmap")
    cells = np.trunc(points * (width, height)).astype(int)
    inside = ((cells >= 0) & (cells < (width, height))).all(axis=1)
    offsets = np.arange(WINDOW) - WINDOW // 2
    columns, rows = cells[:, :1] + offsets, cells[:, 1:] + offsets
    known = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    logits = heatmaps[
        np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None, :], np.arange(count)[:, None, None]
    ]
    confidences = known / (1 + np.exp(-logits.astype(np.float64)))
    total = np.maximum(confidences.sum(axis=(1, 2)), np.finfo(float).tiny)
    x = (confidences.sum(axis=1) * columns).sum(axis=1) / total / width
    y = (confidences.sum(axis=2) * rows).sum(axis=1) / total / height
    moved = inside & (confidences.max(axis=(1, 2)) >= MIN_CONFIDENCE)
    return np.where(moved[:, None], np.column_stack([x, y]), points)
