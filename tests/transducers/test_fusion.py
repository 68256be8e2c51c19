import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.pipelines.synthetic.lexicon import MOVEMENTS, handshapes
from asl.pipelines.synthetic.sentences import fused_handshapes
from asl.transducers import fusion
from asl.transducers.fusion import (
    ABSTRACT,
    HANDLING,
    PLACEMENT,
    POSSESSION,
    SignParts,
    alignments,
    fuse,
    gated_log_prob,
    reads_as_fused,
    rotate_palm,
)

GIVE = SignParts("flat-O", "neutral", (0, -1.0, 0), "straight", kind=HANDLING)
CUP = SignParts("C", "palm", (0, 0, 1.0), "tap", object_class="cylindrical")
BOOK = SignParts("open-B", "neutral", (-1.0, 0, 0), "twist", object_class="flat")


def unit(vector) -> np.ndarray:
    return np.asarray(vector) / np.linalg.norm(vector)


DIRECTIONS = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: math.hypot(*v) > 0.1).map(lambda v: tuple(unit(v).tolist()))


def test_the_tables_are_complete_and_consistent():
    classes = fusion.object_classes()
    assert set(fusion._table("select")) == set(product(fusion.handling_handshapes(), classes))
    assert set(fusion._table("movement")) == set(product(MOVEMENTS, classes))
    assert set(fusion._table("select").values()) | set(fusion.handling_handshapes()) <= set(handshapes())
    assert set(fusion._table("movement").values()) <= set(MOVEMENTS)
    # An allowed movement does not change: taking the nearest allowed one twice is the same as once.
    assert all(fusion._table("movement")[result, c] == result for (_, c), result in fusion._table("movement").items())


def test_the_examples_of_the_specification():
    handling, index = replace(GIVE, handshape="5"), replace(GIVE, handshape="1")
    vehicle = SignParts("3", "neutral", (0, 1.0, 0), "straight", object_class="vehicle")
    person = SignParts("1", "neutral", (0, 1.0, 0), "tap", object_class="person")
    assert fuse(handling, vehicle).handshape == "S"
    assert fuse(index, person).handshape == "1"


def test_synthetic_signers_fuse_by_the_same_table():
    for kind, (shape, _, _) in fused_handshapes().items():
        assert {fusion._table("select")[handshape, kind] for handshape in fusion.handling_handshapes()} == {shape}


def test_each_kind_of_verb_takes_its_parts_from_the_right_sign():
    assert fuse(GIVE, CUP).handshape == "C"
    assert fuse(replace(GIVE, kind=PLACEMENT), BOOK).handshape == "open-B"
    assert fuse(replace(GIVE, kind=POSSESSION), BOOK).handshape == "open-B"
    assert fuse(replace(GIVE, kind=""), BOOK).handshape == "flat-O"
    assert fuse(GIVE, replace(CUP, locus="a")).location == "a"
    assert fuse(replace(GIVE, anchored=True, location="mouth"), replace(CUP, locus="a")).location == "mouth"
    assert fuse(replace(GIVE, location="chest"), replace(CUP, object_class=ABSTRACT)).location == "neutral"
    assert fuse(GIVE, replace(CUP, face="sad")).face == "sad"
    assert fuse(replace(GIVE, face="smile"), CUP).face == "smile"


SIGNS = st.builds(
    SignParts,
    handshape=st.sampled_from(["flat-O", "1", "ILY", "5"]),
    location=st.sampled_from(["neutral", "chest"]),
    palm=DIRECTIONS,
    movement=st.sampled_from(["twist", "straight", "wiggle"]),
    kind=st.sampled_from([HANDLING, PLACEMENT, POSSESSION, ""]),
    object_class=st.sampled_from(sorted(alignments())),
    locus=st.sampled_from(["", "a"]),
    anchored=st.booleans(),
)


@given(SIGNS, SIGNS)
def test_fusion_is_defined_for_all_signs_and_repeating_it_changes_at_most_the_handshape(verb, noun):
    once = fuse(verb, noun)
    assert np.linalg.norm(once.palm) == pytest.approx(1)
    twice = fuse(once, noun)
    assert twice.palm == pytest.approx(once.palm)
    assert twice == replace(once, handshape=twice.handshape, palm=twice.palm)


def test_fusion_is_not_associative():
    put = replace(GIVE, kind=PLACEMENT)
    assert fuse(fuse(put, CUP), BOOK).handshape == "open-B"
    assert fuse(put, fuse(CUP, BOOK)).handshape == "C"


@given(DIRECTIONS, st.sampled_from(sorted(alignments())), st.integers(0, 2**31))
def test_the_palm_takes_the_smallest_rotation(palm, kind, seed):
    relation, axis = alignments()[kind]
    rotated = np.array(rotate_palm(palm, kind))
    axis = np.array(axis)
    if relation == "parallel":
        allowed = [axis, -axis]
    elif relation == "tangent":
        allowed = [axis]
    elif relation == "perpendicular":
        drawn = np.random.default_rng(seed).normal(size=(30, 3))
        allowed = [unit(vector - (vector @ axis) * axis) for vector in drawn]
        assert abs(rotated @ axis) < 1e-9
    else:
        allowed = [np.array(palm)]
    assert all(rotated @ palm >= np.asarray(direction) @ palm - 1e-9 for direction in allowed)


def test_the_gate():
    assert gated_log_prob(np.log(0.2), np.log(0.6), np.array(0.25)) == pytest.approx(math.log(0.25 * 0.2 + 0.75 * 0.6))
    assert gated_log_prob(-1.0, -9.0, np.array(1.0)) == pytest.approx(-1.0)
    assert reads_as_fused(-10.0, -7.0, 2.0)
    assert not reads_as_fused(-10.0, -9.0, 2.0)
