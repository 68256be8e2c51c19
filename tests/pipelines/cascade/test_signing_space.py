import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.phon36 import SIZE
from asl.pipelines.cascade.signing_space import Pointing, SigningSpace, degrees, pointing_direction, signing_space, top_view
from asl.transducers.loci import angle, unit

HANGING = np.array([0, 1.0, 0])


def moved_there(where) -> bool:
    """Whether a place is apart from the shoulders and from where the hand begins."""
    return min(np.linalg.norm(where), np.linalg.norm(where - HANGING)) > 0.3


def pointing(where, hand: int, frames: int = 12) -> np.ndarray:
    """A hand that goes out to a place and stays; the other one hangs still, or is not seen."""
    features = np.full((frames, SIZE), np.nan, dtype=np.float32)
    way = np.minimum(np.arange(frames) / 3, 1)[:, None]
    path = (1 - way) * HANGING + way * np.array(where)
    features[:, 10 + 3 * hand : 13 + 3 * hand] = path
    features[:, 22 + 3 * hand : 25 + 3 * hand] = np.diff(path, axis=0, prepend=path[:1]) * 25
    return features


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(moved_there), st.integers(0, 1))
def test_a_point_goes_where_the_hand_comes_to_rest(where, hand):
    features = pointing(where, hand)
    assert angle(np.array(pointing_direction(features)), unit(np.array(where))) < 0.02
    still = features.copy()
    other = 1 - hand
    still[:, 10 + 3 * other : 13 + 3 * other], still[:, 22 + 3 * other : 25 + 3 * other] = (0.1, 1.2, 0.0), 0.0
    assert pointing_direction(still) == pointing_direction(features)


def test_nobody_points_without_a_hand():
    assert pointing_direction(np.full((5, SIZE), np.nan, dtype=np.float32)) is None
    assert pointing_direction(pointing((1, 0, 0), 0, frames=1)) is not None


def talk(rng: np.random.Generator, spread: float, back: int = 2) -> list[Pointing]:
    """Both loci are introduced, then pointed back at."""
    centres = {"a": np.array([0.7, 0.0, -0.7]), "b": np.array([-0.7, 0.0, -0.7])}
    order = ["a", "b", *rng.choice(["a", "b"], back)]
    return [Pointing(locus, tuple(unit(centres[locus] + rng.normal(0, spread, 3)).tolist())) for locus in order]


def test_loci_tau_and_alpha_follow_the_points():
    rng = np.random.default_rng(0)
    near, far = (signing_space([talk(rng, spread) for _ in range(40)]) for spread in (0.05, 0.6))
    assert list(near.loci) == ["a", "b"]
    assert degrees(near.loci["a"])[0] == pytest.approx(45, abs=3)
    assert degrees(near.loci["b"])[0] == pytest.approx(-45, abs=3)
    assert near.points == 160
    # Between what points of one locus differ by, and the right angle between the loci.
    assert np.radians(5) < near.tau < np.radians(80)
    assert near.alpha > far.alpha
    assert 0 < near.surely_unique < 1
    assert near.figures["tau_degrees"] == pytest.approx(np.degrees(near.tau), abs=0.1)
    figure = top_view(near)
    assert len(figure.axes[0].patches) == 3  # a wedge a locus, and the signer


def test_too_few_points_calibrate_nothing():
    rng = np.random.default_rng(1)
    found = signing_space([talk(rng, 0.1, back=0) for _ in range(9)])
    assert (found.tau, found.alpha, found.surely_unique) == (None, None, None)
    assert found.figures == {"points": 18}
    assert len(top_view(found).axes[0].patches) == 1
    assert signing_space([]) == SigningSpace(shown=[])


def test_directions_in_degrees():
    assert degrees((0.0, 0.0, -1.0)) == pytest.approx((0, 0))
    assert degrees((1.0, 0.0, 0.0)) == pytest.approx((90, 0))
    assert degrees((0.0, -1.0, 0.0))[1] == pytest.approx(90)
