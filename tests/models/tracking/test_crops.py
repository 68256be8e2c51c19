"""Crops: what a net sees, and where its points lie in the picture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asl.models.tracking.crops import crop_matrix, in_picture
from asl.models.tracking.regions import Region

REGIONS = st.builds(
    Region, st.floats(-50, 450), st.floats(-50, 350), st.floats(20, 500), st.floats(20, 500), st.floats(-3.1, 3.1)
)


@given(REGIONS, st.integers(0, 999))
def test_points_of_a_crop_return_to_the_picture(region, seed):
    points = np.random.default_rng(seed).uniform(-0.2, 1.2, (5, 2))
    picture = in_picture(points, region)
    matrix = crop_matrix(region, 256)
    assert np.allclose(picture @ matrix[:, :2].T + matrix[:, 2], points * 256, atol=1e-6)


def test_depth_keeps_the_scale_of_the_region():
    placed = in_picture(np.array([[0.5, 0.5, 0.1]]), Region(10, 20, 200, 200, 1.0))
    assert np.allclose(placed, [[10, 20, 20]])
