import itertools
import math

import pynini
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.cascade import linear_acceptor
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, disambiguate, lexicon_grammar
from asl.transducers.levels.ngram import train_ngram
from tests.automata import all_outputs

UNITS = 4
ENTRIES = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.integers(1, UNITS), min_size=1, max_size=3), st.sampled_from([0.0, 0.7, 1.4])),
    min_size=1,
    max_size=6,
).map(lambda rows: list({(g, tuple(u)): Pronunciation(g, tuple(u), c) for g, u, c in rows}.values()))


def readings(fst: pynini.Fst, units) -> dict[tuple[int, ...], float]:
    """Every gloss sequence that a unit sequence is read as, with its least cost."""
    return all_outputs(pynini.rmepsilon(pynini.compose(linear_acceptor(units), fst).project("output")))


def expected_readings(entries, sentence_cost, units) -> dict[tuple[int, ...], float]:
    """All ways to divide the units into pronunciations."""
    costs: dict[tuple[int, ...], float] = {}

    def divide(remaining, glosses, cost):
        if not remaining:
            costs[glosses] = min(costs.get(glosses, math.inf), cost + sentence_cost(glosses))
        for entry in entries:
            if remaining[: len(entry.units)] == entry.units:
                divide(remaining[len(entry.units) :], (*glosses, entry.gloss), cost + entry.cost)

    divide(tuple(units), (), 0.0)
    return costs


@settings(max_examples=150, deadline=None)
@given(ENTRIES, st.lists(st.lists(st.sampled_from("ABC"), max_size=4), min_size=1, max_size=6), st.integers(1, 3), st.data())
def test_readings_are_all_divisions_into_pronunciations(entries, text, order, data):
    """Soundness and completeness: exactly the gloss sequences that the units pronounce, at the cost of L and G."""
    words = ("A", "B", "C")
    model = train_ngram(text, order, words)
    acceptor = grammar(model, words)
    plain = acceptor.copy().relabel_pairs(ipairs=[(4, 0)], opairs=[(4, 0)])

    def sentence_cost(glosses):
        best = pynini.shortestdistance(pynini.compose(linear_acceptor(glosses), plain), reverse=True)
        return float(best[0])

    fst = lexicon_grammar(entries, acceptor, UNITS, 3)
    units = data.draw(st.lists(st.integers(1, UNITS), max_size=4))
    expected = expected_readings(entries, sentence_cost, units)
    costs = readings(fst, units)
    assert costs.keys() == expected.keys()
    assert all(costs[key] == pytest.approx(expected[key], abs=1e-3) for key in expected)


@given(ENTRIES)
def test_no_entry_is_a_prefix_of_another(entries):
    labels, _ = disambiguate(entries, UNITS)
    for first, second in itertools.permutations(labels, 2):
        assert second[: len(first)] != first


def test_units_must_be_in_range():
    with pytest.raises(ValueError, match="gloss 2"):
        disambiguate([Pronunciation(2, (5,))], UNITS)
