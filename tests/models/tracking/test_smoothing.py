"""The filters against their definition, coordinate by coordinate."""

import math

import numpy as np
import pytest

from asl.models.tracking.smoothing import FRAME_SECONDS, LowPass, OneEuro


def slow_one_euro(series, size, min_cutoff, beta):
    def share(cutoff):
        return 1 / (1 + 1 / (2 * math.pi * cutoff * FRAME_SECONDS))

    smoothed, speed, last, out = None, 0.0, None, []
    for value in series:
        change = 0.0 if last is None else (value - last) / size / FRAME_SECONDS
        speed = share(1.0) * change + (1 - share(1.0)) * speed
        weight = share(min_cutoff + beta * abs(speed))
        smoothed = value if smoothed is None else weight * value + (1 - weight) * smoothed
        last = value
        out.append(smoothed)
    return out


def test_every_coordinate_is_filtered_alone():
    values = np.random.default_rng(0).normal(0, 5, (12, 4, 3)).cumsum(axis=0)
    smooth = OneEuro(0.05, 80.0)
    filtered = np.stack([smooth(frame, 300.0) for frame in values])
    for k, axis in np.ndindex(4, 3):
        assert np.allclose(filtered[:, k, axis], slow_one_euro(values[:, k, axis], 300.0, 0.05, 80.0))


def test_rest_is_smoothed_more_than_motion():
    still, moving = OneEuro(0.05, 80.0), OneEuro(0.05, 80.0)
    for smooth, step in ((still, 1.0), (moving, 100.0)):
        smooth(np.zeros((1, 3)), 200.0)
        smooth.result = smooth(np.full((1, 3), step), 200.0)[0, 0] / step
    assert still.result < 0.5 < moving.result
    assert np.array_equal(still(np.ones((1, 3)), 0.0), np.ones((1, 3))), "an object without a size is not smoothed"


def test_a_low_pass_starts_at_its_first_value():
    smooth = LowPass()
    assert smooth(np.array([4.0]), 0.1) == pytest.approx(4.0)
    assert smooth(np.array([0.0]), 0.1) == pytest.approx(3.6)
