"""What competes: N-best lists of lattices and cascades against every path counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.hypotheses import END, NBestSearch, n_best
from asl.transducers.levels.lexicon import Pronunciation
from tests.small_cascades import DURATIONS, ENTRIES, TEXTS, UNITS, costs_of, every_reading, graph_of

STATES = 6
ARCS = st.lists(
    st.tuples(
        st.integers(0, STATES - 1), st.integers(1, STATES), st.integers(0, 3), st.sampled_from([0, 0, 1, 2]),
        st.floats(0, 9).map(lambda one: round(one, 2)), st.floats(-9, 9).map(lambda one: round(one, 2)),
    ).filter(lambda one: one[1] > one[0]),
    min_size=1, max_size=14,
)  # fmt: skip


def lattice(rows):
    """Arcs by state; what leads to STATES leads to the end."""
    found = {0: []}
    for state, after, *rest in rows:
        found.setdefault(state, []).append((END if after == STATES else after, *rest))
    return found


def every_path(arcs, state=0):
    """(frames, words, graph cost, whole cost) of every path from a state to the end."""
    if state == END:
        yield (), (), 0.0, 0.0
    for after, reads, says, graph, score in arcs.get(state, ()):
        for frames, words, more, cost in every_path(arcs, after):
            yield (reads, *frames) if reads else frames, (says, *words) if says else words, graph + more, graph + score + cost


@settings(max_examples=300, deadline=None)
@given(ARCS, st.integers(1, 4))
def test_the_n_best_strings_of_a_lattice(rows, most):
    arcs = lattice(rows)
    cheapest = {}
    for path in every_path(arcs):
        if path[1] not in cheapest or path[3] < cheapest[path[1]][3]:
            cheapest[path[1]] = path
    expected = sorted(one[3] for one in cheapest.values())[:most]
    got = n_best(0, arcs, most)
    assert len({one.words for one in got}) == len(got)
    assert [cheapest[one.words][3] for one in got] == pytest.approx(expected)
    for one in got:
        same = [path for path in every_path(arcs) if path[:2] == (one.frames, one.words)]
        assert any(path[2] == pytest.approx(one.graph_cost) for path in same)


@settings(max_examples=40, deadline=None)
@given(
    ENTRIES,
    TEXTS,
    DURATIONS,
    st.integers(2, 3),
    st.integers(0, 2**31),
)
def test_what_competes_is_every_reading_in_order(tmp_path_factory, entries, text, durations, frames, seed):
    path = tmp_path_factory.mktemp("graph") / "g.fst"
    model, acceptor = graph_of(entries, text, durations, path)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, UNITS)).astype(np.float32)
    expected = every_reading(entries, costs_of(model, acceptor), durations, scores)
    competition = NBestSearch(path, beam=1e4, lattice_beam=1e4)
    got = competition.n_best(scores, 4)
    ranked = sorted(cost for cost in expected.values() if math.isfinite(cost))

    def cost(one):
        return one.graph_cost - float(scores[np.arange(frames), np.array(one.frames) - 1].sum())

    assert [cost(one) for one in got] == pytest.approx(ranked[:4], abs=1e-2)
    for one in got:
        again = competition.align(scores, one.words)
        assert cost(again) == pytest.approx(expected[one.words], abs=1e-2)
        assert competition.readable_words(one.words) == len(one.words)


def test_words_that_the_graph_cannot_say(tmp_path):
    entries = [Pronunciation(1, (1, 2)), Pronunciation(2, (3,))]
    graph_of(entries, [["A", "B"]] * 3, [3.0] * UNITS, tmp_path / "g.fst")
    competition = NBestSearch(tmp_path / "g.fst")
    scores = np.zeros((2, UNITS), dtype=np.float32)
    assert competition.align(scores, (1,)).words == (1,)
    assert competition.align(scores, (1, 2)) is None  # three units in two frames
    assert competition.align(scores, (2, 3)) is None
    assert competition.readable_words((2, 3)) == 1  # nothing pronounces the second


def test_nothing_competes_where_no_sentence_ends(tmp_path):
    graph_of([Pronunciation(1, (1, 2))], [["A"]], [3.0] * UNITS, tmp_path / "g.fst")
    assert NBestSearch(tmp_path / "g.fst").n_best(np.full((1, UNITS), -1.0), 3)[0].words in {(), (1,)}
