"""Refinement on heatmaps, against a loop over cells."""

import numpy as np
import pytest

from asl.models.tracking.heatmaps import MIN_CONFIDENCE, WINDOW, refined


def slow_refined(points, heatmaps):
    height, width, _ = heatmaps.shape
    result = points.copy()
    for k, (x, y) in enumerate(points):
        column, row = int(x * width), int(y * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        half, total, weighted, best = WINDOW // 2, 0.0, np.zeros(2), 0.0
        for r in range(max(0, row - half), min(height, row + half + 1)):
            for c in range(max(0, column - half), min(width, column + half + 1)):
                confidence = 1 / (1 + np.exp(-heatmaps[r, c, k]))
                total, best = total + confidence, max(best, confidence)
                weighted += confidence * np.array([c / width, r / height])
        if best >= MIN_CONFIDENCE:
            result[k] = weighted / total
    return result


@pytest.mark.parametrize("seed", range(4))
def test_points_move_to_the_mean_of_their_window(seed):
    rng = np.random.default_rng(seed)
    points, heatmaps = rng.uniform(-0.1, 1.1, (12, 2)), rng.normal(-4, 3, (16, 20, 12)).astype(np.float32)
    heatmaps[..., :3] = -9.0
    assert np.allclose(refined(points, heatmaps), slow_refined(points, heatmaps), atol=1e-6)
    assert np.array_equal(refined(points, heatmaps)[:3], points[:3]), "maps that say nothing move nothing"


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"expected \(3, 2\)"):
        refined(np.zeros((2, 2)), np.zeros((4, 4, 3)))
