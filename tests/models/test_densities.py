import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from asl.models.gaussians import OFFSETS, Gaussians, fit_gaussians, windows


def clips_of(rng: np.random.Generator, units: int = 4, clips: int = 12, size: int = 3):
    """Clips whose frames lie about the mean of their unit, which changes every few frames."""
    centres = rng.normal(0, 3, (units, size))
    labels = [np.repeat(rng.permutation(units), 6) for _ in range(clips)]
    return [centres[own] + rng.normal(0, 1, (len(own), size)) for own in labels], labels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 9))
def test_a_window_has_the_frames_around_and_stands_still_at_the_ends(seed, frames):
    values = np.random.default_rng(seed).normal(size=(frames, 2))
    for t, window in enumerate(windows(values)):
        expected = [values[min(max(t + offset, 0), frames - 1)] for offset in OFFSETS]
        assert np.array_equal(window.reshape(len(OFFSETS), 2), expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_likelihoods_are_those_of_the_gaussians(seed):
    rng = np.random.default_rng(seed)
    clips, labels = clips_of(rng)
    found = fit_gaussians(clips, labels, 5)
    got = found.log_likelihoods(clips[0])
    points = (windows(clips[0]) - found.middle) @ found.projection
    constant = len(found.means[0]) / 2 * np.log(2 * np.pi)
    for unit in range(5):
        expected = multivariate_normal(found.means[unit], np.diag(found.variances[unit])).logpdf(points) + constant
        assert np.allclose(got[:, unit], expected, atol=1e-2)


def test_units_that_differ_are_told_apart_in_other_clips():
    rng = np.random.default_rng(0)
    clips, labels = clips_of(rng, clips=40)
    found = fit_gaussians(clips[:30], labels[:30], 4)
    right = [found.log_likelihoods(values).argmax(axis=1) == own for values, own in zip(clips[30:], labels[30:], strict=True)]
    assert np.concatenate(right).mean() > 0.85
    shuffled = fit_gaussians(clips[:30], [rng.permutation(own) for own in labels[:30]], 4)
    wrong = [shuffled.log_likelihoods(values).argmax(axis=1) == own for values, own in zip(clips[30:], labels[30:], strict=True)]
    assert np.concatenate(wrong).mean() < 0.5


def test_unlabelled_frames_count_nothing_and_units_without_frames_are_like_all():
    rng = np.random.default_rng(1)
    clips, labels = clips_of(rng)
    far = [np.concatenate([values, 100 + rng.normal(size=(9, 3))]) for values in clips]
    none = [np.concatenate([own, np.full(9, -1)]) for own in labels]
    found = fit_gaussians(far, none, 6)
    assert np.abs(found.middle).max() < 60  # windows at the border look ahead, frames beyond it are not learned
    assert np.isfinite(found.variances).all()
    assert np.array_equal(found.variances[4], found.variances[5])
    assert np.allclose(found.means[4], 0)
    with pytest.raises(ValueError, match="no frame"):
        fit_gaussians(clips, [np.full(len(one), -1) for one in clips], 2)


def test_clips_of_one_frame_and_absent_features_are_no_trouble():
    values = [np.zeros((1, 4)), np.ones((2, 4))]
    found = fit_gaussians(values, [np.array([0]), np.array([1, 1])], 2)
    assert isinstance(found, Gaussians)
    assert np.isfinite(found.log_likelihoods(np.zeros((3, 4)))).all()
