import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from asl.transducers.loci import (
    SMALLEST_TAU,
    DiscourseState,
    agreement,
    angle,
    calibrated_alpha,
    calibrated_tau,
    candidate_loci,
    fuse_cues,
    locus_test,
    pointing_directions,
    retrieval,
    uniqueness_bound,
    unit_vector,
)

LEFT, RIGHT, AHEAD = np.array([-1.0, 0, 0.5]), np.array([1.0, 0, 0.5]), np.array([0, 0, 1.0])


def uniform(rng, *shape):
    return unit_vector(rng.normal(size=(*shape, 3)))


def test_small_and_large_angles_are_accurate():
    a = np.array([1.0, 0, 0])
    for size in (1e-9, 0.04, 1.0, math.pi - 1e-9, math.pi):
        assert angle(a, np.array([math.cos(size), math.sin(size), 0])) == pytest.approx(size, rel=1e-6)


def test_assignment_retrieval_and_the_locus_test():
    state = DiscourseState().assign("JOHN", LEFT).assign("MARY", RIGHT)
    assert state.referents == ("JOHN", "MARY")
    assert locus_test(LEFT + 0.05, state, 0.3) == 0
    assert locus_test(AHEAD, state, 0.3) is None
    assert locus_test(AHEAD, DiscourseState(), 9.0) is None
    assert retrieval(LEFT, state, 8.0)[0] > 0.99
    # The context can decide about a point between the two.
    assert retrieval(AHEAD, state, 8.0, np.log([0.1, 0.9])).argmax() == 1
    moved = state.assign("JOHN", AHEAD)
    assert moved.referents == state.referents
    assert locus_test(AHEAD, moved, 0.1) == 0
    with pytest.raises(ValueError, match="no locus is bound"):
        retrieval(LEFT, DiscourseState(), 8.0)


@given(st.integers(1, 6), st.floats(0.5, 30), st.integers(0, 2**31))
def test_retrieval_is_a_distribution_whose_best_is_the_nearest(count, alpha, seed):
    rng = np.random.default_rng(seed)
    state = DiscourseState(tuple(map(str, range(count))), tuple(map(tuple, uniform(rng, count).tolist())))
    direction = uniform(rng)
    p = retrieval(direction, state, alpha)
    assert p.sum() == pytest.approx(1)
    assert p.argmax() == state.angles(direction).argmin()


def test_agreement_needs_two_bound_loci():
    state = DiscourseState().assign("JOHN", LEFT).assign("MARY", RIGHT)
    assert agreement(LEFT, RIGHT, state, 0.3) == (0, 1)
    assert agreement(RIGHT, LEFT, state, 0.3) == (1, 0)
    assert agreement(LEFT, LEFT, state, 0.3) is None
    assert agreement(LEFT, AHEAD, state, 0.3) is None


def test_cues_are_combined_and_absent_ones_have_no_effect():
    pointing, eyes = np.log([0.6, 0.4]), np.log([0.2, 0.8])
    even = np.log([0.5, 0.5])
    assert fuse_cues(np.stack([pointing, eyes]), even) == pytest.approx(np.array([0.12, 0.32]) / 0.44)
    assert fuse_cues(np.stack([pointing, np.full(2, np.nan)]), even) == pytest.approx([0.6, 0.4])
    flattened = fuse_cues(np.stack([pointing, eyes]), even, np.array([1.0, 1e9]))
    assert flattened == pytest.approx([0.6, 0.4])


def test_a_cue_that_is_absent_for_a_referent_leaves_its_posterior_as_it_is():
    prior, pointing = np.log([0.5, 0.3, 0.2]), np.log([0.2, 0.5, 0.3])
    eyes = np.log([np.nan, 0.1, 0.4])
    assert fuse_cues(eyes[None], prior) == pytest.approx([0.5, 0.5 * 3 / 11, 0.5 * 8 / 11])
    for order in (np.stack([pointing, eyes]), np.stack([eyes, pointing])):
        without, fused = fuse_cues(pointing[None], prior), fuse_cues(order, prior)
        assert fused.sum() == pytest.approx(1)
        assert fused[0] == pytest.approx(without[0])
        assert fused[2] / fused[1] == pytest.approx(4 * without[2] / without[1])
    with np.errstate(divide="ignore"):
        impossible, excluded = np.log([[0.0, 0.0, np.nan]]), np.log([0.0, 0.0, 1.0])
    assert fuse_cues(impossible, prior) == pytest.approx([0.5, 0.3, 0.2]), "a cue that fits nobody says nothing"
    assert fuse_cues(np.log([[0.2, 0.8, np.nan]]), excluded) == pytest.approx([0, 0, 1])
    assert fuse_cues(np.log([[np.nan, np.nan, 0.01]]), prior) == pytest.approx([0.5, 0.3, 0.2])


@pytest.mark.parametrize(("loci", "tau"), [(2, 0.2), (3, 0.1), (5, 0.15), (8, SMALLEST_TAU)])
def test_the_uniqueness_bound_holds(loci, tau):
    rng = np.random.default_rng(0)
    directions, point = uniform(rng, 40_000, loci), uniform(rng, 40_000, 1)
    within = (angle(directions, point) <= tau).sum(axis=1)
    assert (within <= 1).mean() >= uniqueness_bound(loci, tau)


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.floats(0.05, 0.5))
def test_loci_more_than_two_tau_apart_leave_at_most_one_candidate(seed, tau):
    rng = np.random.default_rng(seed)
    loci = []
    for direction in uniform(rng, 60):
        if all(angle(direction, locus) > 2 * tau for locus in loci):
            loci.append(direction)
    points = uniform(rng, 500)
    within = (angle(np.array(loci)[None], points[:, None]) <= tau).sum(axis=1)
    assert within.max() <= 1


def test_tau_has_the_fewest_errors():
    rng = np.random.default_rng(0)
    same, other = np.abs(rng.normal(0, 0.1, 2000)), rng.uniform(0.3, 1.5, 2000)
    assert 0.2 < calibrated_tau(same, other) < 0.35
    assert calibrated_tau([1e-4], [1e-3]) == SMALLEST_TAU
    with pytest.raises(ValueError, match="calibrated"):
        calibrated_tau([], [1.0])


def test_alpha_is_recovered():
    rng = np.random.default_rng(0)
    angles = [rng.uniform(0, 1.5, 4) for _ in range(3000)]
    truth = [rng.choice(4, p=softmax(-6 * to_loci)) for to_loci in angles]
    assert calibrated_alpha(angles, truth) == pytest.approx(6, rel=0.08)


def test_pointing_follows_the_faster_hand_and_the_extended_finger():
    frames = 6
    neck = np.zeros((frames, 3))
    wrists = np.zeros((frames, 2, 3))
    wrists[:, 0] = [-1, 0, 0]
    wrists[:, 1] = np.linspace([0, 0, 1], [0.5, 0, 1], frames)
    knuckles, tips = wrists + [0, 0, 0.1], wrists + [0, 0.2, 0.1]
    arm = pointing_directions(neck, wrists, knuckles, tips, np.zeros((frames, 2), dtype=bool), 25.0)
    assert arm[0] == pytest.approx([0, 0, 1])
    finger = pointing_directions(neck, wrists, knuckles, tips, np.ones((frames, 2), dtype=bool), 25.0)
    assert finger == pytest.approx(np.tile([0, 1.0, 0], (frames, 1)))
    wrists[2] = np.nan
    assert np.isnan(pointing_directions(neck, wrists, knuckles, tips, np.zeros((frames, 2), dtype=bool), 25.0)[2]).all()


def test_a_palm_at_rest_is_a_candidate():
    rest, move = np.full((6, 3), 0.31), np.linspace(0.31, 1.31, 6)[:, None] * np.ones(3)
    palms = np.concatenate([rest, move, np.full((6, 3), 1.31), np.full((2, 3), np.nan)])
    loci = candidate_loci(palms, 5, 0.08)
    assert len(loci) == 2
    assert np.abs(loci[0] - 0.31).max() <= 0.04
    assert not len(candidate_loci(move, 5, 0.08))
