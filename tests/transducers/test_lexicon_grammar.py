import itertools

import pynini
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.cascade import linear_acceptor
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, disambiguate, lexicon_grammar
from asl.transducers.levels.ngram import train_ngram

UNITS = 4
ENTRIES = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.integers(1, UNITS), min_size=1, max_size=3), st.sampled_from([0.0, 0.7, 1.4])),
    min_size=1,
    max_size=6,
).map(lambda rows: list({(g, tuple(u)): Pronunciation(g, tuple(u), c) for g, u, c in rows}.values()))


def readings(fst: pynini.Fst, units) -> dict[tuple[int, ...], float]:
    """Every gloss string that a unit string is read as, with its least cost."""
    found: dict[tuple[int, ...], float] = {}
    composed = pynini.rmepsilon(pynini.compose(linear_acceptor(units), fst).project("output"))

    def walk(state, labels, cost):
        final = float(composed.final(state))
        if final != float("inf"):
            found[labels] = min(found.get(labels, float("inf")), cost + final)
        for arc in composed.arcs(state):
            walk(arc.nextstate, (*labels, arc.olabel), cost + float(arc.weight))

    if composed.num_states():
        walk(composed.start(), (), 0.0)
    return found


def by_hand(entries, costs, units) -> dict[tuple[int, ...], float]:
    """Every way to cut the units into pronunciations."""
    found: dict[tuple[int, ...], float] = {}

    def cut(rest, glosses, cost):
        if not rest:
            total = cost + costs(glosses)
            found[glosses] = min(found.get(glosses, float("inf")), total)
        for one in entries:
            if rest[: len(one.units)] == one.units:
                cut(rest[len(one.units) :], (*glosses, one.gloss), cost + one.cost)

    cut(tuple(units), (), 0.0)
    return found


@settings(max_examples=150, deadline=None)
@given(ENTRIES, st.lists(st.lists(st.sampled_from("ABC"), max_size=4), min_size=1, max_size=6), st.integers(1, 3), st.data())
def test_what_is_read_is_what_can_be_cut(entries, text, order, data):
    """Sound and complete: exactly the gloss strings whose pronunciations the units are, at the cost of L and G."""
    words = ("A", "B", "C")
    model = train_ngram(text, order, words)
    acceptor = grammar(model, words)
    plain = acceptor.copy().relabel_pairs(ipairs=[(4, 0)], opairs=[(4, 0)])

    def costs(glosses):
        best = pynini.shortestdistance(pynini.compose(linear_acceptor(glosses), plain), reverse=True)
        return float(best[0])

    fst = lexicon_grammar(entries, acceptor, UNITS, 3)
    units = data.draw(st.lists(st.integers(1, UNITS), max_size=4))
    expected = by_hand(entries, costs, units)
    found = readings(fst, units)
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-3) for key in expected)


@given(ENTRIES)
def test_no_entry_is_another_or_its_beginning(entries):
    spelled, _ = disambiguate(entries, UNITS)
    for one, other in itertools.permutations(spelled, 2):
        assert other[: len(one)] != one


def test_units_must_be_units():
    with pytest.raises(ValueError, match="gloss 2"):
        disambiguate([Pronunciation(2, (5,))], UNITS)
