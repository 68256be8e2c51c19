from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.discourse import ReferenceSymbols, discourse
from tests.automata import outputs

UNITS = 6
#: Labels 1 and 2 are plain; 3 and 4 point at loci 1 and 2; 5 moves between them, 6 from locus 1 to the signer.
SYMBOLS = ReferenceSymbols(UNITS, 2, {3: 1, 4: 2}, {5: (1, 2), 6: (1,)})


def by_rule(symbols: ReferenceSymbols, labels, rest: int = 0) -> set[tuple[int, ...]]:
    """What a person would say of it: refer back to who is there, or introduce the next one after a noun and rests."""
    found = {(0, ())}
    for place, label in enumerate(labels):
        about, new = symbols.referents(label), set()
        for count, said in found:
            if all(locus <= count for locus in about):
                new.add((count, (*said, label)))
            if label in symbols.points and about == (count + 1,):
                for rests in range(place + 1):  # between noun and point
                    if any(one != rest for one in labels[place - rests : place]):
                        break
                    before, between = said[: len(said) - rests], said[len(said) - rests :]
                    new.add((count + 1, (*before, symbols.noun, *between, symbols.introduction(label))))
        found = new
    return {said for _, said in found}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, UNITS), max_size=6), st.sampled_from([0, 1]))
def test_a_path_is_there_exactly_where_every_reference_is_bound(labels, rest):
    assert set(outputs(discourse(SYMBOLS, rest), labels)) == by_rule(SYMBOLS, labels, rest)


def test_all_short_strings():
    fst = discourse(SYMBOLS)
    for size in range(4):
        for labels in product(range(1, UNITS + 1), repeat=size):
            assert set(outputs(fst, labels)) == by_rule(SYMBOLS, labels)


def test_without_loci_everything_passes_but_points():
    none = ReferenceSymbols(2, 0, {}, {})
    assert none.highest_label == 2
    assert set(outputs(discourse(none), (1, 2, 2))) == {(1, 2, 2)}


def test_labels_do_not_collide():
    written = [SYMBOLS.introduction(3), SYMBOLS.introduction(4), SYMBOLS.noun]
    assert len({*range(1, UNITS + 1), *written}) == UNITS + 3
    assert SYMBOLS.highest_label == max(written)


@pytest.mark.parametrize("wrong", [{"points": {9: 1}}, {"points": {1: 4}}, {"moves": {3: (1, 2)}}, {"moves": {1: (0, 1)}}])
def test_wrong_labels_and_loci(wrong):
    given_ = {"points": {3: 1}, "moves": {}} | wrong
    with pytest.raises(ValueError, match=r"loci|labels"):
        ReferenceSymbols(UNITS, 2, **given_)
