import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asl.models.features.resampling import fill_hand_gaps, resample, resample_at


@given(st.integers(2, 60), st.sampled_from([12.0, 15.0, 24.0, 29.97, 30.0, 50.0, 60.0]))
def test_a_uniform_movement_stays_uniform_at_any_frame_rate(frames, fps):
    times = np.arange(frames) / fps
    points = np.stack([times, 2 * times, np.zeros(frames)], axis=1)[:, None]
    out = resample(points, fps, 25.0)
    assert len(out) == max(1, round(frames * 25 / fps))
    inside = np.arange(len(out)) / 25 <= times[-1]
    np.testing.assert_allclose(out[inside, 0, 0], np.arange(len(out))[inside] / 25, atol=1e-6)


def test_uneven_frames_are_interpolated_by_their_times():
    times = np.array([0.0, 0.1, 0.2, 0.6, 0.7])
    out = resample_at(times[:, None, None].repeat(3, axis=2), times, np.arange(0, 0.7, 0.05))
    np.testing.assert_allclose(out[:, 0, 0], np.arange(0, 0.7, 0.05), atol=1e-9)


def test_next_to_a_gap_the_nearer_frame_counts():
    points = np.array([1.0, np.nan, 3.0])[:, None, None].repeat(3, axis=2)
    out = resample_at(points, np.array([0.0, 1.0, 2.0]), np.array([0.2, 0.8, 1.2, 1.8]))[:, 0, 0]
    np.testing.assert_array_equal(out, [1.0, np.nan, np.nan, 3.0])


def hand(seen: list[bool]) -> np.ndarray:
    points = np.arange(len(seen), dtype=float)[:, None, None].repeat(21, axis=1).repeat(3, axis=2)
    points[~np.array(seen)] = np.nan
    return points


def test_gaps_up_to_a_fifth_of_a_second_are_interpolated_and_counted():
    for gap, filled in ((1, 1), (5, 5), (6, 0)):
        seen = [True] * 3 + [False] * gap + [True] * 3
        points = hand(seen)
        out, count = fill_hand_gaps(points, [slice(0, 21)], 25.0)
        assert count == filled
        if filled:
            np.testing.assert_allclose(out[:, 0, 0], np.arange(len(seen)))
        assert np.isnan(points[3, 0, 0]), "the input must not change"


def test_missing_frames_at_the_ends_of_a_clip_are_not_filled():
    out, count = fill_hand_gaps(hand([False, True, True, False]), [slice(0, 21)], 25.0)
    assert count == 0
    assert np.isnan(out[[0, 3]]).all()
