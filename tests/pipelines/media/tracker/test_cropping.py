"""Crops of pictures, beside linear interpolation written out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.tracking.crops import crop_matrix, letterboxed
from asl.models.tracking.regions import Region
from asl.pipelines.media.tracker.cropping import crop

SIZE = 24
#: OpenCV rounds places to 1/32 of a pixel.
WEIGHT_ERROR = 255 / 32
PICTURE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
REGIONS = st.builds(Region, st.floats(-30, 70), st.floats(-30, 60), st.floats(8, 90), st.floats(8, 90), st.floats(-3.1, 3.1))


def cropped(picture: np.ndarray, region: Region, draws_edges_out: bool) -> np.ndarray:
    out = np.full((SIZE, SIZE, 3), 77, np.uint8)
    crop(picture, region, out, draws_edges_out=draws_edges_out)
    return out


def interpolated(picture: np.ndarray, region: Region) -> tuple[np.ndarray, np.ndarray]:
    """The crop by definition, its edge drawn out; and which of its pixels lie inside the picture."""
    matrix = crop_matrix(region, SIZE)
    places = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1) - matrix[:, 2]
    x, y = np.moveaxis(places @ np.linalg.inv(matrix[:, :2]).T, -1, 0)
    height, width = picture.shape[:2]
    column, row = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (column - left)[..., None], (row - top)[..., None]
    upper = (1 - across) * picture[top, left] + across * picture[top, right]
    lower = (1 - across) * picture[bottom, left] + across * picture[bottom, right]
    inside = (np.minimum(x, width - 1 - x) > 0.01) & (np.minimum(y, height - 1 - y) > 0.01)
    return (1 - down) * upper + down * lower, inside


@given(REGIONS)
@settings(deadline=None)
def test_a_crop_interpolates_and_draws_the_edge_out(region):
    expected, _ = interpolated(PICTURE, region)
    assert np.abs(cropped(PICTURE, region, draws_edges_out=True) - expected).max() <= WEIGHT_ERROR


@given(REGIONS)
@settings(deadline=None)
def test_without_drawn_out_edges_there_is_black_around_the_picture(region):
    expected, inside = interpolated(PICTURE, region)
    seen = cropped(PICTURE, region, draws_edges_out=False).astype(float)
    assert np.abs(seen - expected)[inside].max(initial=0) <= WEIGHT_ERROR
    far = ~inside & (np.abs(expected - seen).max(axis=-1) > WEIGHT_ERROR)
    assert (seen[far] <= expected[far] + WEIGHT_ERROR).all()  # black, or on its way to it within a pixel


def test_the_whole_picture_stands_in_the_middle_of_a_square():
    out = np.full((64, 64, 3), 77, np.uint8)
    crop(np.full((100, 200, 3), 255, np.uint8), letterboxed(200, 100), out, draws_edges_out=False)
    assert (out[:14] == 0).all()
    assert (out[18:46] == 255).all()
    assert (out[50:] == 0).all()
