"""N-best lists of lattices and cascades, against an enumeration of all paths."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.hypotheses import END, NBestSearch, n_best
from asl.transducers.levels.lexicon import Pronunciation
from tests.small_cascades import DURATIONS, ENTRIES, TEXTS, UNITS, enumerate_costs, sentence_costs, write_graph

STATES = 6
ARCS = st.lists(
    st.tuples(
        st.integers(0, STATES - 1), st.integers(1, STATES), st.integers(0, 3), st.sampled_from([0, 0, 1, 2]),
        st.floats(0, 9).map(lambda cost: round(cost, 2)), st.floats(-9, 9).map(lambda cost: round(cost, 2)),
    ).filter(lambda arc: arc[1] > arc[0]),
    min_size=1, max_size=14,
)  # fmt: skip


def lattice(rows):
    """State → its arcs. Those to STATES lead to the end."""
    arcs = {0: []}
    for state, target, *labels_and_costs in rows:
        arcs.setdefault(state, []).append((END if target == STATES else target, *labels_and_costs))
    return arcs


def all_paths(arcs, state=0):
    """(frames, words, graph cost, total cost) of every path from a state to the end."""
    if state == END:
        yield (), (), 0.0, 0.0
    for target, unit, word, graph_cost, score_cost in arcs.get(state, ()):
        for frames, words, rest_graph, rest_total in all_paths(arcs, target):
            path = (unit, *frames) if unit else frames, (word, *words) if word else words
            yield *path, graph_cost + rest_graph, graph_cost + score_cost + rest_total


@settings(max_examples=300, deadline=None)
@given(ARCS, st.integers(1, 4))
def test_the_n_best_sequences_of_a_lattice(rows, count):
    arcs = lattice(rows)
    cheapest = {}
    for path in all_paths(arcs):
        if path[1] not in cheapest or path[3] < cheapest[path[1]][3]:
            cheapest[path[1]] = path
    expected = sorted(path[3] for path in cheapest.values())[:count]
    hypotheses = n_best(0, arcs, count)
    assert len({hypothesis.words for hypothesis in hypotheses}) == len(hypotheses)
    assert [cheapest[hypothesis.words][3] for hypothesis in hypotheses] == pytest.approx(expected)
    for hypothesis in hypotheses:
        same = [path for path in all_paths(arcs) if path[:2] == (hypothesis.frames, hypothesis.words)]
        assert any(path[2] == pytest.approx(hypothesis.graph_cost) for path in same)


@settings(max_examples=40, deadline=None)
@given(
    ENTRIES,
    TEXTS,
    DURATIONS,
    st.integers(2, 3),
    st.integers(0, 2**31),
)
def test_the_competitors_are_all_sequences_in_order_of_cost(tmp_path_factory, entries, text, durations, frames, seed):
    path = tmp_path_factory.mktemp("graph") / "g.fst"
    model, acceptor = write_graph(entries, text, durations, path)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, UNITS)).astype(np.float32)
    expected = enumerate_costs(entries, sentence_costs(model, acceptor), durations, scores)
    search = NBestSearch(path, beam=1e4, lattice_beam=1e4)
    hypotheses = search.n_best(scores, 4)
    ranked = sorted(cost for cost in expected.values() if math.isfinite(cost))

    def cost(hypothesis):
        return hypothesis.graph_cost - float(scores[np.arange(frames), np.array(hypothesis.frames) - 1].sum())

    assert [cost(hypothesis) for hypothesis in hypotheses] == pytest.approx(ranked[:4], abs=1e-2)
    for hypothesis in hypotheses:
        aligned = search.align(scores, hypothesis.words)
        assert cost(aligned) == pytest.approx(expected[hypothesis.words], abs=1e-2)
        assert search.readable_words(hypothesis.words) == len(hypothesis.words)


def test_words_that_the_graph_cannot_read(tmp_path):
    entries = [Pronunciation(1, (1, 2)), Pronunciation(2, (3,))]
    write_graph(entries, [["A", "B"]] * 3, [3.0] * UNITS, tmp_path / "g.fst")
    search = NBestSearch(tmp_path / "g.fst")
    scores = np.zeros((2, UNITS), dtype=np.float32)
    assert search.align(scores, (1,)).words == (1,)
    assert search.align(scores, (1, 2)) is None  # three units in two frames
    assert search.align(scores, (2, 3)) is None
    assert search.readable_words((2, 3)) == 1  # the second word has no pronunciation


def test_one_frame_has_no_path_of_two_units(tmp_path):
    write_graph([Pronunciation(1, (1, 2))], [["A"]], [3.0] * UNITS, tmp_path / "g.fst")
    hypotheses = NBestSearch(tmp_path / "g.fst").n_best(np.full((1, UNITS), -1.0), 3)
    assert [hypothesis.words for hypothesis in hypotheses] == [()]
