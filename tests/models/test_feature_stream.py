"""Features of a stream are those of the clip."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.feature_sets import FEATURE_SETS, clip_features
from asl.models.features.feature_stream import FeatureStream
from asl.models.features.holistic import Landmarks
from tests.made_up_signing import signing


def streamed(stream: FeatureStream, clip: Landmarks) -> np.ndarray:
    return np.concatenate([stream.push(points, t / clip.fps) for t, points in enumerate(clip.points)])


@pytest.mark.parametrize("name", list(FEATURE_SETS))
@pytest.mark.parametrize("depth", [False, True])
def test_a_stream_has_the_features_of_the_clip(name, depth):
    clip = signing(1, 5)
    expected, filled = clip_features(clip, FEATURE_SETS[name], 25.0, depth=depth, causal=True)
    features = streamed(FeatureStream(FEATURE_SETS[name], 25.0, depth=depth, source_fps=clip.fps), clip)
    assert filled == 0
    np.testing.assert_allclose(features, expected, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([12.0, 15.0, 24.0, 29.97, 30.0, 50.0, 60.0]), st.integers(3, 40), st.integers(0, 5), st.floats(0, 0.5))
def test_any_frame_rate_is_resampled(fps, frames, seed, hidden):
    rng = np.random.default_rng(seed)
    points = np.repeat(signing(0, seed).points[:1], frames, axis=0)
    points += rng.normal(0, 0.01, points.shape).astype(np.float32)
    points[rng.random(frames) < hidden] = np.nan
    clip = Landmarks(points, fps)
    expected, _ = clip_features(clip, FEATURE_SETS["phon36"], 25.0, causal=True)
    features = streamed(FeatureStream(FEATURE_SETS["phon36"], 25.0, source_fps=fps), clip)
    # A clip ends when its last frame does, a stream when that frame begins.
    assert abs(len(features) - len(expected)) <= np.ceil(25 / fps)
    common = min(len(features), len(expected))
    np.testing.assert_allclose(features[:common], expected[:common], atol=1e-3, rtol=1e-3)


def test_a_stream_continues_after_a_gap_and_refuses_decreasing_times():
    clip = signing(0, 1)
    stream = FeatureStream(FEATURE_SETS["phon36"], 25.0)
    stream.push(clip.points[0], 0.0)
    assert len(stream.push(clip.points[1], 3600.0)) == 50
    assert stream.time(50) == pytest.approx(3600.0)
    with pytest.raises(ValueError, match="after one"):
        stream.push(clip.points[2], 3599.0)
