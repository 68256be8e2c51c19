import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from asl.models.gaussians import OFFSETS, Gaussians, fit_gaussians, windows


def clips_of(rng: np.random.Generator, units: int = 4, clips: int = 12, size: int = 3):
    """Clips whose frames are drawn around the mean of their unit, which changes every few frames, and their labels."""
    centres = rng.normal(0, 3, (units, size))
    labels = [np.repeat(rng.permutation(units), 6) for _ in range(clips)]
    return [centres[label] + rng.normal(0, 1, (len(label), size)) for label in labels], labels


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 9))
def test_a_window_has_the_neighbours_and_repeats_the_first_and_last_frame(seed, frames):
    values = np.random.default_rng(seed).normal(size=(frames, 2))
    for t, window in enumerate(windows(values)):
        expected = [values[min(max(t + offset, 0), frames - 1)] for offset in OFFSETS]
        assert np.array_equal(window.reshape(len(OFFSETS), 2), expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_likelihoods_are_those_of_the_gaussians(seed):
    rng = np.random.default_rng(seed)
    clips, labels = clips_of(rng)
    gaussians = fit_gaussians(clips, labels, 5)
    scores = gaussians.log_likelihoods(clips[0])
    points = (windows(clips[0]) - gaussians.middle) @ gaussians.projection
    constant = len(gaussians.means[0]) / 2 * np.log(2 * np.pi)
    for unit in range(5):
        normal = multivariate_normal(gaussians.means[unit], np.diag(gaussians.variances[unit]))
        assert np.allclose(scores[:, unit], normal.logpdf(points) + constant, atol=1e-2)


def accuracy(gaussians: Gaussians, clips, labels) -> float:
    return np.concatenate([gaussians.log_likelihoods(c).argmax(axis=1) == y for c, y in zip(clips, labels, strict=True)]).mean()


def test_different_units_are_distinguished_in_unseen_clips():
    rng = np.random.default_rng(0)
    clips, labels = clips_of(rng, clips=40)
    assert accuracy(fit_gaussians(clips[:30], labels[:30], 4), clips[30:], labels[30:]) > 0.85
    shuffled = fit_gaussians(clips[:30], [rng.permutation(label) for label in labels[:30]], 4)
    assert accuracy(shuffled, clips[30:], labels[30:]) < 0.5


def test_unlabelled_frames_are_ignored_and_units_without_frames_are_like_the_average():
    rng = np.random.default_rng(1)
    clips, labels = clips_of(rng)
    extended = [np.concatenate([values, 100 + rng.normal(size=(9, 3))]) for values in clips]
    padded = [np.concatenate([label, np.full(9, -1)]) for label in labels]
    gaussians = fit_gaussians(extended, padded, 6)
    # Windows at the border contain unlabelled frames, but windows beyond it are not used.
    assert np.abs(gaussians.middle).max() < 60
    assert np.isfinite(gaussians.variances).all()
    assert np.array_equal(gaussians.variances[4], gaussians.variances[5])
    assert np.allclose(gaussians.means[4], 0)
    with pytest.raises(ValueError, match="no frame has a unit"):
        fit_gaussians(clips, [np.full(len(values), -1) for values in clips], 2)


def test_clips_of_one_frame_and_constant_features_are_accepted():
    gaussians = fit_gaussians([np.zeros((1, 4)), np.ones((2, 4))], [np.array([0]), np.array([1, 1])], 2)
    assert isinstance(gaussians, Gaussians)
    assert np.isfinite(gaussians.log_likelihoods(np.zeros((3, 4)))).all()
