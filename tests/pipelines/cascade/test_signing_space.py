import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.phon36 import SIZE
from asl.pipelines.cascade.signing_space import Pointing, SigningSpace, degrees, pointing_direction, signing_space, top_view
from asl.transducers.loci import angle, unit_vector

HANGING = np.array([0, 1.0, 0])


def far_from_start(target) -> bool:
    """Whether a position is apart from the shoulders and from where the hand starts."""
    return min(np.linalg.norm(target), np.linalg.norm(target - HANGING)) > 0.3


def pointing(target, hand: int, frames: int = 12) -> np.ndarray:
    """Features of a hand that moves to a position and stays there; the other hand is not visible."""
    features = np.full((frames, SIZE), np.nan, dtype=np.float32)
    progress = np.minimum(np.arange(frames) / 3, 1)[:, None]
    path = (1 - progress) * HANGING + progress * np.array(target)
    features[:, 10 + 3 * hand : 13 + 3 * hand] = path
    features[:, 22 + 3 * hand : 25 + 3 * hand] = np.diff(path, axis=0, prepend=path[:1]) * 25
    return features


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(far_from_start), st.integers(0, 1))
def test_a_point_is_directed_where_the_hand_comes_to_rest(target, hand):
    features = pointing(target, hand)
    assert angle(np.array(pointing_direction(features)), unit_vector(np.array(target))) < 0.02
    both = features.copy()
    still = 1 - hand
    both[:, 10 + 3 * still : 13 + 3 * still], both[:, 22 + 3 * still : 25 + 3 * still] = (0.1, 1.2, 0.0), 0.0
    assert pointing_direction(both) == pointing_direction(features)


def test_there_is_no_direction_without_a_hand():
    assert pointing_direction(np.full((5, SIZE), np.nan, dtype=np.float32)) is None
    assert pointing_direction(pointing((1, 0, 0), 0, frames=1)) is not None


def pointings(rng: np.random.Generator, spread: float, back: int = 2) -> list[Pointing]:
    """Points that introduce both loci, then `back` points that refer back to them."""
    centres = {"a": np.array([0.7, 0.0, -0.7]), "b": np.array([-0.7, 0.0, -0.7])}
    order = ["a", "b", *rng.choice(["a", "b"], back)]
    return [Pointing(locus, tuple(unit_vector(centres[locus] + rng.normal(0, spread, 3)).tolist())) for locus in order]


def test_loci_tau_and_alpha_follow_the_points():
    rng = np.random.default_rng(0)
    near, far = (signing_space([pointings(rng, spread) for _ in range(40)]) for spread in (0.05, 0.6))
    assert list(near.loci) == ["a", "b"]
    assert degrees(near.loci["a"])[0] == pytest.approx(45, abs=3)
    assert degrees(near.loci["b"])[0] == pytest.approx(-45, abs=3)
    assert near.points == 160
    # Between the spread of the points at one locus and the right angle between the loci.
    assert np.radians(5) < near.tau < np.radians(80)
    assert near.alpha > far.alpha
    assert 0 < near.surely_unique < 1
    assert near.figures["tau_degrees"] == pytest.approx(np.degrees(near.tau), abs=0.1)
    figure = top_view(near)
    assert len(figure.axes[0].patches) == 3  # a wedge per locus, and the signer


def test_too_few_points_calibrate_nothing():
    rng = np.random.default_rng(1)
    space = signing_space([pointings(rng, 0.1, back=0) for _ in range(9)])
    assert (space.tau, space.alpha, space.surely_unique) == (None, None, None)
    assert space.figures == {"points": 18}
    assert len(top_view(space).axes[0].patches) == 1
    assert signing_space([]) == SigningSpace(pointings=[])


def test_directions_in_degrees():
    assert degrees((0.0, 0.0, -1.0)) == pytest.approx((0, 0))
    assert degrees((1.0, 0.0, 0.0)) == pytest.approx((90, 0))
    assert degrees((0.0, -1.0, 0.0))[1] == pytest.approx(90)
