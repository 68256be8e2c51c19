"""Regions: geometry that turns, moves and grows with the picture, and the rules for carrying one on."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.models.tracking import regions
from asl.models.tracking.regions import Region, tracked_region

ANGLES = st.floats(-3.0, 3.0)
COORDINATES = st.floats(50, 400)


@given(ANGLES, st.floats(10, 100))
def test_the_edge_of_a_body_gives_size_and_rotation(angle, radius):
    centre = np.array([200.0, 150.0])
    edge = centre + radius * np.array([math.cos(angle), -math.sin(angle)])
    region = regions.body_region(np.stack([centre, edge]))
    assert (region.x, region.y) == pytest.approx(tuple(centre))
    assert region.width == pytest.approx(2.5 * radius)
    assert math.cos(region.rotation - (math.pi / 2 - angle)) == pytest.approx(1, abs=1e-6)


@given(ANGLES, st.integers(0, 9999))
def test_the_region_of_a_hand_turns_with_the_hand(angle, seed):
    points = np.random.default_rng(seed).uniform(-40, 40, (21, 2)) + 300
    turned = regions.rotated(points - 300, angle) + 300
    one, other = regions.hand_region_from_points(points), regions.hand_region_from_points(turned)
    assert other.width == pytest.approx(one.width, rel=1e-6)
    centre = regions.rotated(np.array([one.x, one.y]) - 300, angle) + 300
    assert (other.x, other.y) == pytest.approx(tuple(centre), abs=1e-4)
    assert math.cos(other.rotation - one.rotation - angle) == pytest.approx(1, abs=1e-6)


def test_fingertips_do_not_count_in_the_region_of_a_hand():
    points = np.random.default_rng(0).uniform(100, 200, (21, 2))
    moved = points.copy()
    moved[[4, 8, 12, 16, 20]] += 50
    assert regions.hand_region_from_points(points) == regions.hand_region_from_points(moved)


def test_an_upright_hand_of_the_pose_is_looked_for_around_its_knuckles():
    region = regions.hand_region_from_pose(np.array([100.0, 200.0]), np.array([100.0, 170.0]), np.array([100.0, 170.0]))
    assert region.rotation == pytest.approx(0)
    assert region.width == region.height == pytest.approx(2 * 30 * 2.7)
    assert (region.x, region.y) == pytest.approx((100, 170 - 0.1 * 60))


def test_a_region_is_carried_on_while_it_stays_near():
    found = Region(100, 100, 80, 80)
    points = np.array([[90.0, 90.0], [110.0, 110.0]])
    near = Region(105, 100, 90, 90, 0.3)
    assert tracked_region(points, lambda _: near, found, regions.HAND_LIMITS) is near
    assert tracked_region(None, regions.hand_region_from_points, found, regions.HAND_LIMITS) is found
    for far in (Region(120, 100, 80, 80), Region(100, 100, 120, 120), Region(100, 100, 80, 80, 1.0), Region(100, 118, 80, 80)):
        assert tracked_region(points, lambda _, far=far: far, found, regions.HAND_LIMITS) is found
    assert tracked_region(points + 30, lambda _: near, found, regions.HAND_LIMITS) is found


def test_limits_are_measured_along_the_axes_of_the_new_region():
    found = Region(100, 100, 100, 100, math.pi / 4)
    points = np.full((1, 2), 100.0)
    along = 100 + 21 / math.sqrt(2)
    shifted = Region(along, along, 100, 100, math.pi / 4)  # by 21 along one axis, by 0 along the other
    assert tracked_region(points, lambda _: shifted, found, regions.HAND_LIMITS) is found
    diagonal = Region(100 + 25, 100, 100, 100, math.pi / 4)  # 17.7 along both
    assert tracked_region(points, lambda _: diagonal, found, regions.HAND_LIMITS) is diagonal


@given(st.floats(-20, 20))
def test_angles_are_wrapped(angle):
    assert -math.pi <= regions.wrapped(angle) < math.pi + 1e-9
    assert math.cos(regions.wrapped(angle)) == pytest.approx(math.cos(angle), abs=1e-9)


def test_regions_outside_the_picture():
    assert Region(-11, 50, 100, 100).is_outside(400, 300, 0.1)
    assert Region(200, 311, 100, 100).is_outside(400, 300, 0.1)
    assert not Region(-9, 309, 100, 100).is_outside(400, 300, 0.1)
    assert not Region(200, 150, 10, 10).is_outside(400, 300, 0.0)
    nan = float("nan")
    for place in ((nan, 150), (200, nan), (nan, nan)):
        assert Region(*place, 10, 10).is_outside(400, 300, 0.1), "no net is shown what lies nowhere"
