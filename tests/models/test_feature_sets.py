import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features import landmark_features
from asl.models.features.augmentation import Augmentation, augment_features, augmented_input
from asl.models.features.feature_sets import FEATURE_SETS, LANDMARKS, PHON36, clip_features, encoder_input, standardisation
from asl.models.features.holistic import FACE, LEFT_HAND, RIGHT_HAND, Landmarks
from tests.made_up_signing import signing

SETS = list(FEATURE_SETS.values())
BODY_PAIRS = ((7, 8), (11, 12), (13, 14), (15, 16))
FACE_PAIRS = (
    (61, 291), (40, 270), (37, 267), (91, 321), (84, 314), (78, 308), (33, 263), (159, 386), (133, 362), (145, 374),
    (70, 300), (105, 334), (107, 336),
)  # fmt: skip


def features_of(kind: int, seed: int, feature_set=LANDMARKS) -> np.ndarray:
    return clip_features(signing(kind, seed), feature_set, 25.0)[0]


def mirrored(landmarks: Landmarks) -> Landmarks:
    flipped = landmarks.points * np.array([-1, 1, 1], dtype=np.float32)
    swapped = flipped.copy()
    swapped[:, LEFT_HAND], swapped[:, RIGHT_HAND] = flipped[:, RIGHT_HAND], flipped[:, LEFT_HAND]
    for first, pairs in ((0, BODY_PAIRS), (FACE.start, FACE_PAIRS)):
        for left, right in pairs:
            swapped[:, first + left], swapped[:, first + right] = flipped[:, first + right], flipped[:, first + left]
    return Landmarks(swapped, landmarks.fps)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 8), st.integers(0, 5), st.sampled_from(SETS))
def test_mirrored_features_are_the_features_of_the_mirrored_points(kind, seed, feature_set):
    expected, _ = clip_features(mirrored(signing(kind, seed)), feature_set, 25.0)
    np.testing.assert_allclose(feature_set.mirror(features_of(kind, seed, feature_set)), expected, rtol=1e-3, atol=2e-3)
    twice = feature_set.mirror(feature_set.mirror(expected))
    np.testing.assert_array_equal(twice, expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 8), st.floats(0.3, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_landmark_features_do_not_depend_on_scale_and_position(kind, scale, dx, dy):
    clip = signing(kind)
    moved = Landmarks((clip.points * scale + [dx, dy, 0]).astype(np.float32), clip.fps)
    original, _ = clip_features(clip, LANDMARKS, 25.0)
    transformed, _ = clip_features(moved, LANDMARKS, 25.0)
    np.testing.assert_allclose(original, transformed, atol=2e-4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 8), st.floats(-0.3, 0.3), st.floats(0.8, 1.2), st.floats(-0.3, 0.3))
def test_affine_features_are_the_features_of_points_transformed_in_the_signer_frame(kind, angle, scale, dx):
    """The signer frame removes a rotation of all points, so they are rotated within it."""
    features = features_of(kind, 0)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = LANDMARKS.affine(features, matrix, np.array([dx, 0.1]))
    body = features[:, landmark_features.BODY].reshape(len(features), -1, 2)
    np.testing.assert_allclose(
        moved[:, landmark_features.BODY].reshape(body.shape), body @ matrix.T + [dx, 0.1], rtol=1e-4, atol=1e-4
    )
    hand = features[:, landmark_features.LEFT].reshape(len(features), 21, 2)
    rotated = moved[:, landmark_features.LEFT].reshape(hand.shape)
    np.testing.assert_allclose(rotated[:, 1:], hand[:, 1:] @ matrix.T, rtol=1e-4, atol=1e-4)
    identity = PHON36.affine(features_of(kind, 0, PHON36), np.eye(2), np.zeros(2))
    np.testing.assert_array_equal(identity, features_of(kind, 0, PHON36))


@pytest.mark.parametrize("feature_set", SETS, ids=lambda feature_set: feature_set.name)
def test_inputs_are_features_differences_and_presence_bits(feature_set):
    features = features_of(2, 0, feature_set).copy()
    columns = feature_set.parts["left hand"]
    features[5:9, columns] = np.nan
    expanded = feature_set.expand(features)
    assert expanded.shape == (len(features), feature_set.expanded)
    values = encoder_input(features, *standardisation([expanded]), feature_set)
    assert values.shape == (len(features), feature_set.inputs)
    assert np.isfinite(values).all()
    assert (values[5:9, feature_set.expanded] == 0).all()
    assert (values[5:9, feature_set.expanded + 1] == 1).all()
    assert (values[5:9, columns] == 0).all()


def test_differences_are_to_the_two_previous_frames():
    features = features_of(1, 0)
    size = LANDMARKS.size
    expanded = LANDMARKS.expand(features)
    assert np.isnan(expanded[0, size:]).all()
    np.testing.assert_allclose(expanded[3, size : 2 * size], features[3] - features[2])
    np.testing.assert_allclose(expanded[3, 2 * size :], features[3] - features[1])


def test_combined_features_are_those_of_the_two_sets():
    combined = FEATURE_SETS["phon36+landmarks"]
    features = features_of(3, 1, combined)
    np.testing.assert_array_equal(features[:, :36], features_of(3, 1, PHON36))
    np.testing.assert_array_equal(features[:, 36:], features_of(3, 1, LANDMARKS))
    assert combined.phonological
    assert not LANDMARKS.phonological


def test_standardisation_ignores_absent_values():
    rng = np.random.default_rng(0)
    clips = [rng.normal(3, 2, (n, 4)).astype(np.float32) for n in (30, 50)]
    clips[0][:10, 1] = np.nan
    clips[0][:, 3] = clips[1][:, 3] = np.nan
    mean, deviation = standardisation(clips)
    frames = np.concatenate(clips)[:, :3]
    np.testing.assert_allclose(mean[:3], np.nanmean(frames, axis=0), rtol=1e-5)
    np.testing.assert_allclose(deviation[:3], np.nanstd(frames, axis=0), rtol=1e-4)
    assert (mean[3], deviation[3]) == (0, 1)


ALL_VARIATIONS = Augmentation(0.5, 0.4, 0.3, 15.0, 0.2, 0.2, 0.1, 0.2, 0.3, 0.5)


@pytest.mark.parametrize("feature_set", SETS, ids=lambda feature_set: feature_set.name)
def test_augmentation_depends_on_its_generator_only(feature_set):
    features = features_of(1, 0, feature_set)
    before = features.copy()
    statistics = standardisation([feature_set.expand(features)])

    def augmented(seed: int) -> np.ndarray:
        return augmented_input(features, *statistics, feature_set, ALL_VARIATIONS, np.random.default_rng(seed))[0]

    np.testing.assert_array_equal(augmented(3), augmented(3))
    assert augmented(3).shape[1] == feature_set.inputs
    assert all(np.isfinite(augmented(seed)).all() for seed in range(20))
    assert len({len(augmented(seed)) for seed in range(20)}) > 3
    np.testing.assert_array_equal(features, before)


def test_augmentation_returns_the_source_of_every_frame():
    marked = features_of(1, 0, PHON36)
    marked[:, 4] = np.arange(len(marked))  # an angle, which is neither rotated nor scaled
    augmentation = Augmentation(speed=0.4, crop=0.4)
    for seed in range(20):
        changed, source = augment_features(marked, PHON36, augmentation, np.random.default_rng(seed))
        assert np.abs(changed[:, 4] - source).max() <= 0.51
        assert source.min() >= 0
        assert source.max() < len(marked)


def test_no_augmentation_changes_nothing():
    features = features_of(1, 0, PHON36)
    statistics = standardisation([features])
    values, source = augmented_input(features, *statistics, PHON36, Augmentation(), np.random.default_rng(0))
    np.testing.assert_allclose(values, encoder_input(features, *statistics, PHON36), atol=1e-6)
    np.testing.assert_array_equal(source, np.arange(len(features)))


def test_the_message_for_a_wrong_shape_gives_the_expected_one():
    with pytest.raises(ValueError, match=r"\(T, 81, 3\)"):
        landmark_features.landmark_features(np.zeros((4, 543, 3)), 25.0)
