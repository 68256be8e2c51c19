import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.units import align_frames, cluster_variants, concatenate_units, learn_units, part_scores, tie_units

SIZES = {"H": 4, "L": 3}


def segment(rng, states, frames=(6, 12), noise=0.1):
    """Codes of a sign that goes through these (handshape, location) states; some are wrong or absent."""
    length = int(rng.integers(*frames))
    codes = np.array([states[t * len(states) // length] for t in range(length)])
    wrong = rng.random(codes.shape) < noise
    return np.where(wrong, rng.integers(-1, 3, codes.shape), codes)


def test_states_are_recovered_and_different_signs_share_none():
    rng = np.random.default_rng(0)
    signs = [((0, 0), (1, 1)), ((2, 2), (3, 0)), ((1, 1), (0, 0))]
    units = learn_units([[segment(rng, states) for _ in range(30)] for states in signs], SIZES, max_states=2)
    assert units.unit_sequences == ((0, 1), (2, 3), (4, 5))
    for unit, (handshape, location) in enumerate(itertools.chain(*signs)):
        assert units.tables["H"][unit].argmax() == handshape
        assert units.tables["L"][unit].argmax() == location
    for table in units.tables.values():
        assert np.exp(table).sum(axis=1) == pytest.approx(1)
    assert units.durations == pytest.approx(np.full(6, 4.5), abs=1.0)


def test_similar_states_share_a_unit_when_tied():
    rng = np.random.default_rng(1)
    signs = [((0, 0), (1, 1)), ((1, 1), (0, 0)), ((0, 0), (0, 0))]
    codes = [[segment(rng, states, noise=0.02) for _ in range(20)] for states in signs]
    units = tie_units(learn_units(codes, SIZES, max_states=2), 2)
    assert len(units) == 2
    first, second, same = units.unit_sequences
    assert first == second[::-1]
    assert len(same) == 1  # adjacent units of one cluster become one
    assert learn_units(codes, SIZES, max_states=2, tie=2).unit_sequences == units.unit_sequences


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), st.integers(1, 7), st.integers(0, 2**31))
def test_the_alignment_is_the_best_of_all_paths(states, frames, seed):
    rng = np.random.default_rng(seed)
    scores, durations = rng.normal(size=(frames, states)), rng.uniform(1.5, 4, states)
    best_path, best_score = align_frames(scores, durations)

    def score(path) -> float:
        total = scores[np.arange(frames), path].sum()
        for a, b in itertools.pairwise(path):
            total += np.log(1 - 1 / durations[a]) if a == b else -np.log(durations[a])
        return total

    if frames >= states:
        paths = [p for p in itertools.product(range(states), repeat=frames) if (p[0], p[-1]) == (0, states - 1)]
        paths = [p for p in paths if set(np.diff(p)) <= {0, 1}]
        assert score(best_path) == pytest.approx(max(map(score, paths)))
        assert best_score == pytest.approx(score(best_path))
    assert (np.diff(best_path) >= 0).all()


def test_an_absent_part_has_a_column_of_its_own():
    table = np.log(np.array([[0.5, 0.3, 0.2]]))
    assert part_scores(np.array([0, 1, -1]), table)[:, 0] == pytest.approx(np.log([0.5, 0.3, 0.2]))


def test_variants_are_separated_if_there_are_enough_clips():
    rng = np.random.default_rng(2)
    clips = [segment(rng, (state,), noise=0.05) for state in ((0, 0), (3, 2)) for _ in range(10)]
    variants = cluster_variants(clips, SIZES, max_variants=2, min_segments=4)
    assert len(set(variants[:10])) == len(set(variants[10:])) == 1
    assert variants[0] != variants[-1]
    assert set(cluster_variants(clips[:6], SIZES, max_variants=2, min_segments=4)) == {0}


def test_concatenated_inventories_keep_their_units():
    rng = np.random.default_rng(3)
    first, second = (
        learn_units([[segment(rng, states) for _ in range(5)]], SIZES, max_states=1) for states in (((0, 0),), ((1, 1),))
    )
    both = concatenate_units([first, second])
    assert both.unit_sequences == ((0,), (1,))
    assert both.tables["H"][1] == pytest.approx(second.tables["H"][0])


def test_a_sign_without_frames_is_refused():
    with pytest.raises(ValueError, match="without frames"):
        learn_units([[np.zeros((0, 2), dtype=int)]], SIZES)
