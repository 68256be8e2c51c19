import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.feature_sets import PHON36, clip_features, encoder_input, standardisation
from asl.models.features.holistic import LEFT_HAND, RIGHT_HAND, Landmarks
from asl.models.features.phon36 import POINTS, change_speed, handshape, mirror, phon36
from asl.models.features.signer_frame import signer_frame
from tests.made_up_signing import hand, signing

FPS = 25.0
TOLERANCE = 1e-4
angles = st.floats(-0.6, 0.6)


def in_space(points: np.ndarray) -> np.ndarray:
    """Moves each hand to the wrist of the pose, so that all points are in one space (float64) and can be rotated together."""
    scene = points.astype(np.float64).copy()
    for part, wrist in ((LEFT_HAND, 15), (RIGHT_HAND, 16)):
        scene[:, part] += scene[:, wrist : wrist + 1] - scene[:, part.start : part.start + 1]
    return scene


def as_detected(scene: np.ndarray) -> np.ndarray:
    """The inverse: hand depths relative to the wrist."""
    points = scene.copy()
    for part in (LEFT_HAND, RIGHT_HAND):
        points[:, part, 2] -= scene[:, part.start : part.start + 1, 2]
    return points


def rotated(scene: np.ndarray, yaw: float, roll: float) -> np.ndarray:
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return scene @ (about_z @ about_y).T


def levelled(scene: np.ndarray) -> np.ndarray:
    """Shoulders at one height and depth: a signer who stands straight before the camera is rotated."""
    scene[:, 11, 1:] = scene[:, 12, 1:]
    return scene


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 8), angles, angles, st.floats(0.3, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_features_do_not_depend_on_the_camera(kind, yaw, roll, scale, dx, dy):
    scene = levelled(in_space(signing(kind).points))
    moved = scale * rotated(scene, yaw, roll) + [dx, dy, 0.3]
    original = phon36(as_detected(scene)[:, POINTS], FPS, depth=True)
    transformed = phon36(as_detected(moved)[:, POINTS], FPS, depth=True)
    relative = np.maximum(1, np.abs(original))
    assert np.nanmax(np.abs(original - transformed) / relative) < TOLERANCE


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 8), angles, st.floats(0.3, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_roll_has_no_effect_on_any_signer(kind, roll, scale, dx, dy):
    scene = in_space(signing(kind).points)
    moved = scale * rotated(scene, 0.0, roll) + [dx, dy, 0.0]
    original = phon36(as_detected(scene)[:, POINTS], FPS)
    transformed = phon36(as_detected(moved)[:, POINTS], FPS)
    assert np.nanmax(np.abs(original - transformed) / np.maximum(1, np.abs(original))) < TOLERANCE


def test_without_depth_yaw_changes_the_features():
    scene = levelled(in_space(signing(1).points))
    original = phon36(as_detected(scene)[:, POINTS], FPS)
    transformed = phon36(as_detected(rotated(scene, 0.5, 0.0))[:, POINTS], FPS)
    assert np.nanmax(np.abs(original - transformed)) > 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 8), st.integers(5, 30), st.booleans())
def test_causal_features_use_no_later_frames(kind, cut, depth):
    points = signing(kind).points[:, POINTS]
    features = phon36(points, FPS, depth=depth, causal=True)
    beginning = phon36(points[:cut], FPS, depth=depth, causal=True)
    np.testing.assert_allclose(features[:cut], beginning, rtol=1e-5, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 8), st.integers(0, 5))
def test_mirrored_features_are_the_features_of_the_mirrored_points(kind, seed):
    points = signing(kind, seed).points
    flipped = points * np.array([-1, 1, 1], dtype=np.float32)
    swapped = flipped.copy()
    swapped[:, LEFT_HAND], swapped[:, RIGHT_HAND] = flipped[:, RIGHT_HAND], flipped[:, LEFT_HAND]
    for left, right in ((11, 12), (15, 16)):
        swapped[:, left], swapped[:, right] = flipped[:, right], flipped[:, left]
    for right, left in ((33, 263), (133, 362), (61, 291), (105, 334), (159, 386)):
        swapped[:, 33 + right], swapped[:, 33 + left] = flipped[:, 33 + left], flipped[:, 33 + right]
    expected = phon36(swapped[:, POINTS], FPS)
    np.testing.assert_allclose(mirror(phon36(points[:, POINTS], FPS)), expected, rtol=1e-3, atol=2e-3)


def test_a_straight_finger_has_no_flexion_and_a_bent_one_has_its_angle():
    for flexion in (0.0, 0.4, 1.2):
        flexions = handshape(np.stack([[hand(flexion), hand(flexion)]]))[0, 0]
        np.testing.assert_allclose(flexions[1:], flexion, atol=1e-6)


def test_velocities_do_not_depend_on_the_frame_rate():
    times = np.arange(50) / 25.0
    points = np.repeat(signing(0).points[:1], 50, axis=0)
    points[:, 501:543, 0] += times[:, None].astype(np.float32) * 0.1
    clips = Landmarks(points, 25.0), Landmarks(points[::2], 12.5)
    fast, slow = (clip_features(clip, PHON36, 25.0)[0] for clip in clips)
    np.testing.assert_allclose(np.nanmedian(fast[:, 22], axis=0), np.nanmedian(slow[:, 22], axis=0), rtol=0.02)
    shoulders = np.linalg.norm(points[0, 11, :2] - points[0, 12, :2])
    assert np.nanmedian(fast[:, 22]) == pytest.approx(0.1 / shoulders, rel=0.02)


def test_features_of_unseen_points_are_absent_and_become_zero_after_standardisation():
    points = signing(2).points.copy()
    points[5:9, LEFT_HAND] = np.nan
    points[20, 11] = np.nan
    features = phon36(points[:, POINTS], FPS)
    assert np.isnan(features[5:9, :5]).all()
    assert np.isfinite(features[5:9, 5:10]).all()
    assert np.isnan(features[20, 10:16]).all()
    values = encoder_input(features, *standardisation([features]), PHON36)
    assert values.shape == (len(points), 38)
    assert np.isfinite(values).all()
    assert (values[5:9, :5] == 0).all()
    assert (values[5:9, 36] == 0).all()
    assert (values[5:9, 37] == 1).all()


def test_coincident_shoulders_make_the_frame_absent():
    points = signing(2).points.copy()
    points[7, 12] = points[7, 11]
    frame = signer_frame(points[:, 11], points[:, 12], FPS)
    assert np.isnan(frame.scale[7])
    assert np.isfinite(frame.scale[6])


def test_a_clip_without_shoulders_has_no_signer_frame():
    absent = np.full((6, 3), np.nan, dtype=np.float32)
    for causal in (False, True):
        assert np.isnan(signer_frame(absent, absent, FPS, causal=causal).origin).all()


def test_the_message_for_a_wrong_shape_gives_the_expected_one():
    with pytest.raises(ValueError, match=r"\(T, 56, 3\)"):
        phon36(np.zeros((4, 543, 3)), FPS)
    with pytest.raises(ValueError, match="543"):
        Landmarks(np.zeros((4, 21, 3)), FPS)


@given(st.floats(0.5, 2.0))
@settings(max_examples=20, deadline=None)
def test_at_a_higher_speed_the_hands_move_faster(factor):
    features = phon36(signing(1).points[:, POINTS], FPS)
    faster = change_speed(features, factor)
    assert len(faster) == max(2, round(len(features) / factor))
    np.testing.assert_allclose(np.nanmean(np.abs(faster[:, 22:28])), factor * np.nanmean(np.abs(features[:, 22:28])), rtol=0.15)
    np.testing.assert_allclose(faster[0, :22], features[0, :22])
