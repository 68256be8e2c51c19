"""Detections against a decoder that goes box by box."""

import numpy as np
import pytest

from asl.models.tracking import detections
from asl.models.tracking.detections import FACE, PERSON, anchors, overlaps, strongest_detection


def test_anchors_lie_in_the_middle_of_their_cells():
    assert len(anchors(PERSON.size, PERSON.strides)) == 2254
    centres = anchors(FACE.size, FACE.strides)
    assert len(centres) == 896
    assert np.allclose(centres[[0, 1, 2]], [[4 / 128, 4 / 128], [4 / 128, 4 / 128], [12 / 128, 4 / 128]])
    assert np.allclose(centres[512:518], 8 / 128)
    assert np.allclose(centres[518], [24 / 128, 8 / 128])


def slow_strongest(boxes, scores, centres, detector, threshold):
    kept = []
    for box, score, (x, y) in zip(boxes, scores, centres, strict=True):
        chance = 1 / (1 + np.exp(-min(100, max(-100, float(score)))))
        if chance < threshold:
            continue
        values = [value / detector.size for value in box]
        middle, sides = (values[0] + x, values[1] + y), values[2:4]
        points = [(values[i] + x, values[i + 1] + y) for i in range(4, len(values), 2)]
        corners = [[m + sign * s / 2 for m, s in zip(middle, sides, strict=True)] for sign in (-1, 1)]
        kept.append((chance, corners, points))
    if not kept:
        return None
    kept.sort(key=lambda one: -one[0])
    total, result = 0.0, np.zeros((detector.keypoints, 2))
    for chance, corners, points in kept:
        if overlaps(np.array(kept[0][1]), np.array([corners]))[0] > detections.OVERLAP:
            total += chance
            result += chance * np.array(points)
    return result / total


@pytest.mark.parametrize("seed", range(5))
def test_the_strongest_detection_is_the_mean_of_those_that_overlap_with_it(seed):
    rng = np.random.default_rng(seed)
    centres = anchors(FACE.size, FACE.strides)
    boxes = rng.normal(0, 3, (len(centres), 16)) + [0, 0, 40, 40, *[0] * 12]
    scores = rng.normal(-3, 2, len(centres))
    fast, slow = (find(boxes, scores, centres, FACE, 0.5) for find in (strongest_detection, slow_strongest))
    assert np.allclose(fast, slow)
    assert strongest_detection(boxes, np.full(len(centres), -9.0), centres, FACE, 0.5) is None


def test_overlap_is_shared_area_by_whole_area():
    box = np.array([[0.0, 0.0], [2.0, 2.0]])
    others = np.array([box, box + 1, box + 3])
    assert np.allclose(overlaps(box, others), [1, 1 / 7, 0])
