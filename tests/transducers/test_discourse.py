from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.discourse import ReferenceSymbols, discourse
from tests.automata import outputs

UNITS = 6
#: Labels 1 and 2 are plain units, 3 and 4 points at loci 1 and 2. 5 moves between these, 6 from locus 1 to the signer.
SYMBOLS = ReferenceSymbols(UNITS, 2, {3: 1, 4: 2}, {5: (1, 2), 6: (1,)})


def expected_outputs(symbols: ReferenceSymbols, labels, rest: int = 0) -> set[tuple[int, ...]]:
    """All ways to read points as references to bound loci, or as introductions of the next locus after a noun and rests."""
    readings = {(0, ())}
    for position, label in enumerate(labels):
        loci, extended = symbols.referents(label), set()
        for count, written in readings:
            if all(locus <= count for locus in loci):
                extended.add((count, (*written, label)))
            if label in symbols.points and loci == (count + 1,):
                for rests in range(position + 1):  # between noun and point
                    if any(previous != rest for previous in labels[position - rests : position]):
                        break
                    before, between = written[: len(written) - rests], written[len(written) - rests :]
                    extended.add((count + 1, (*before, symbols.noun, *between, symbols.introduction(label))))
        readings = extended
    return {written for _, written in readings}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, UNITS), max_size=6), st.sampled_from([0, 1]))
def test_exactly_the_paths_with_bound_references_are_accepted(labels, rest):
    assert set(outputs(discourse(SYMBOLS, rest), labels)) == expected_outputs(SYMBOLS, labels, rest)


def test_all_short_strings():
    fst = discourse(SYMBOLS)
    for size in range(4):
        for labels in product(range(1, UNITS + 1), repeat=size):
            assert set(outputs(fst, labels)) == expected_outputs(SYMBOLS, labels)


def test_without_loci_units_are_copied():
    symbols = ReferenceSymbols(2, 0, {}, {})
    assert symbols.highest_label == 2
    assert set(outputs(discourse(symbols), (1, 2, 2))) == {(1, 2, 2)}


def test_labels_do_not_collide():
    written = [SYMBOLS.introduction(3), SYMBOLS.introduction(4), SYMBOLS.noun]
    assert len({*range(1, UNITS + 1), *written}) == UNITS + 3
    assert SYMBOLS.highest_label == max(written)


@pytest.mark.parametrize("wrong", [{"points": {9: 1}}, {"points": {1: 4}}, {"moves": {3: (1, 2)}}, {"moves": {1: (0, 1)}}])
def test_wrong_labels_and_loci_are_refused(wrong):
    arguments = {"points": {3: 1}, "moves": {}} | wrong
    with pytest.raises(ValueError, match=r"loci|labels"):
        ReferenceSymbols(UNITS, 2, **arguments)
