from itertools import product

import pynini
import pytest
from automata import line
from hypothesis import given, settings
from hypothesis import strategies as st

from transducers.discourse import ReferenceSymbols, discourse


def outputs(fst: pynini.Fst, labels) -> set[tuple[int, ...]]:
    composed = pynini.compose(line(labels), fst)
    found = set()

    def walk(state, said):
        if float(composed.final(state)) != float("inf"):
            found.add(said)
        for arc in composed.arcs(state):
            walk(arc.nextstate, (*said, arc.olabel) if arc.olabel else said)

    if composed.num_states():
        walk(composed.start(), ())
    return found


def by_rule(symbols: ReferenceSymbols, labels) -> set[tuple[int, ...]]:
    """What a person would say of it: refer back to who is there, or introduce the next one."""
    found = {(0, ())}
    for label in labels:
        new = set()
        for count, said in found:
            about = symbols.referents(label)
            if all(locus <= count for locus in about):
                new.add((count, (*said, label)))
            if about == (count + 1,) and count < symbols.loci:
                new.add((count + 1, (*said, symbols.noun, symbols.introduction(count + 1))))
        found = new
    return {said for _, said in found}


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), st.data())
def test_a_path_is_there_exactly_where_every_reference_is_bound(units, loci, data):
    symbols = ReferenceSymbols(units, loci)
    labels = data.draw(st.lists(st.sampled_from(list(symbols.read)), max_size=6))
    assert outputs(discourse(symbols), labels) == by_rule(symbols, labels)


def test_all_short_strings():
    symbols = ReferenceSymbols(1, 2)
    fst = discourse(symbols)
    for size in range(5):
        for labels in product(symbols.read, repeat=size):
            assert outputs(fst, labels) == by_rule(symbols, labels)


@pytest.mark.parametrize("loci", [0, 1, 2, 4])
def test_labels_do_not_collide(loci):
    symbols = ReferenceSymbols(5, loci)
    read = [*range(1, 6), *(symbols.point(j + 1) for j in range(loci)), *(label for _, _, label in symbols.moves)]
    written = [*(symbols.introduction(j + 1) for j in range(loci)), symbols.noun]
    assert len({*read, *written}) == len(read) + len(written)
    assert list(symbols.read) == sorted(read)
    assert [symbols.referents(label) for label in range(1, 6)] == [()] * 5
    assert all(symbols.referents(label) == (source, goal) for source, goal, label in symbols.moves)
