import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.units import align_frames, cluster_variants, concatenate_units, learn_units, part_scores, tie_units

SIZES = {"H": 4, "L": 3}


def signed(rng, states, frames=(6, 12), noise=0.1):
    """Codes of a sign that goes through these (handshape, location) states, now and then misjudged or unseen."""
    length = int(rng.integers(*frames))
    codes = np.array([states[t * len(states) // length] for t in range(length)])
    wrong = rng.random(codes.shape) < noise
    return np.where(wrong, rng.integers(-1, 3, codes.shape), codes)


def test_stays_are_found_again_and_unlike_signs_are_told_apart():
    rng = np.random.default_rng(0)
    ways = [((0, 0), (1, 1)), ((2, 2), (3, 0)), ((1, 1), (0, 0))]
    units = learn_units([[signed(rng, way) for _ in range(30)] for way in ways], SIZES, max_states=2)
    assert units.unit_sequences == ((0, 1), (2, 3), (4, 5))
    for unit, (shape, place) in enumerate(itertools.chain(*ways)):
        assert units.tables["H"][unit].argmax() == shape
        assert units.tables["L"][unit].argmax() == place
    for table in units.tables.values():
        assert np.exp(table).sum(axis=1) == pytest.approx(1)
    assert units.durations == pytest.approx(np.full(6, 4.5), abs=1.0)


def test_alike_stays_share_a_unit_when_tied():
    rng = np.random.default_rng(1)
    signs = [[signed(rng, way, noise=0.02) for _ in range(20)] for way in (((0, 0), (1, 1)), ((1, 1), (0, 0)), ((0, 0), (0, 0)))]
    units = tie_units(learn_units(signs, SIZES, max_states=2), 2)
    assert len(units) == 2
    first, second, same = units.unit_sequences
    assert first == second[::-1]
    assert len(same) == 1  # neighbours that fall together become one
    assert learn_units(signs, SIZES, max_states=2, tie=2).unit_sequences == units.unit_sequences


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(0, 2**31))
def test_alignment_is_the_best_of_all(stays, frames, seed):
    rng = np.random.default_rng(seed)
    scores, durations = rng.normal(size=(frames, stays)), rng.uniform(1.5, 4, stays)
    found, best = align_frames(scores, durations)

    def worth(place) -> float:
        total = scores[np.arange(frames), place].sum()
        for a, b in itertools.pairwise(place):
            total += np.log(1 - 1 / durations[a]) if a == b else -np.log(durations[a])
        return total

    if frames >= stays:
        every = [p for p in itertools.product(range(stays), repeat=frames) if (p[0], p[-1]) == (0, stays - 1)]
        every = [p for p in every if set(np.diff(p)) <= {0, 1}]
        assert worth(found) == pytest.approx(max(map(worth, every)))
        assert best == pytest.approx(worth(found))
    assert (np.diff(found) >= 0).all()


def test_a_part_that_is_not_seen_has_a_column_of_its_own():
    table = np.log(np.array([[0.5, 0.3, 0.2]]))
    assert part_scores(np.array([0, 1, -1]), table)[:, 0] == pytest.approx(np.log([0.5, 0.3, 0.2]))


def test_variants_are_told_apart_where_there_are_enough_clips():
    rng = np.random.default_rng(2)
    clips = [signed(rng, ((0, 0),), noise=0.05) for _ in range(10)] + [signed(rng, ((3, 2),), noise=0.05) for _ in range(10)]
    found = cluster_variants(clips, SIZES, most=2, least=4)
    assert len(set(found[:10])) == len(set(found[10:])) == 1
    assert found[0] != found[-1]
    assert set(cluster_variants(clips[:6], SIZES, most=2, least=4)) == {0}


def test_units_side_by_side():
    rng = np.random.default_rng(3)
    one, other = (learn_units([[signed(rng, way) for _ in range(5)]], SIZES, max_states=1) for way in (((0, 0),), ((1, 1),)))
    both = concatenate_units([one, other])
    assert both.unit_sequences == ((0,), (1,))
    assert both.tables["H"][1] == pytest.approx(other.tables["H"][0])


def test_a_sign_without_frames_is_refused():
    with pytest.raises(ValueError, match="without frames"):
        learn_units([[np.zeros((0, 2), dtype=int)]], SIZES)
