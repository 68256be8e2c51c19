"""Posteriors of words in lattices and cascades, against an enumeration of all paths."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.decoder import Decoder, read_graph, single_word_graph
from asl.transducers.hypotheses import END
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.word_posteriors import costs_in_frames, costs_of_last_words, search_lattice, word_posteriors
from tests.small_cascades import (
    DURATIONS,
    ENTRIES,
    TEXTS,
    UNITS,
    WIDE,
    WORDS,
    enumerate_costs,
    sentence_costs,
    write_graph,
)

FRAMES, STATES_PER_FRAME, REST = 3, 3, 4
COSTS = st.floats(-9, 9).map(lambda cost: round(cost, 2))
#: (frame, state, next state, frame label or 0, word or 0, graph cost, score cost)
ARCS = st.lists(
    st.tuples(
        st.integers(0, FRAMES - 1), st.integers(0, STATES_PER_FRAME - 1), st.integers(0, STATES_PER_FRAME - 1),
        st.sampled_from([0, 1, 2, REST]), st.sampled_from([0, 0, 1, 2, 3]), COSTS, COSTS,
    ).filter(lambda arc: arc[3] or arc[2] > arc[1]),
    min_size=4, max_size=16,
)  # fmt: skip


def lattice(rows):
    """State → its arcs. An arc without a frame label stays in its frame; the states after the last frame lead to the end."""
    arcs = {0: []}
    for frame, state, target, label, *rest in rows:
        target += STATES_PER_FRAME * (frame + bool(label))
        arcs.setdefault(STATES_PER_FRAME * frame + state, []).append((target, label, *rest))
    for state in range(STATES_PER_FRAME * FRAMES, STATES_PER_FRAME * (FRAMES + 1)):
        arcs.setdefault(state, []).append((END, 0, 0, 0.5 * state, 0.0))
    return arcs


def all_paths(arcs, state=0):
    """(arcs of the path, its cost) of every path from a state to the end."""
    if state == END:
        yield (), 0.0
    for arc in arcs.get(state, ()):
        for following, cost in all_paths(arcs, arc[0]):
            yield (arc, *following), arc[3] + arc[4] + cost


def read_in(path, frame):
    """The words that began last before the end of a frame, all that began in the same frame; () if the path rests there."""
    starts, labels = [], []
    for _, label, word, *_ in path:
        starts += [(len(labels), word)] if word else []
        labels += [label] if label else []
    begun = [start for start, _ in starts if start <= frame]
    return () if labels[frame] == REST or not begun else tuple(word for start, word in starts if start == max(begun))


@settings(max_examples=300, deadline=None)
@given(ARCS)
def test_the_best_path_of_each_reading_of_a_frame(rows):
    arcs = lattice(rows)
    expected = [{} for _ in range(FRAMES)]
    for path, cost in all_paths(arcs):
        for frame in range(FRAMES):
            words = read_in(path, frame)
            expected[frame][words] = min(expected[frame].get(words, math.inf), cost)
    computed = costs_in_frames(0, arcs, range(FRAMES), REST)
    assert [frame.keys() for frame in computed] == [frame.keys() for frame in expected]
    for ours, theirs in zip(computed, expected, strict=True):
        assert [ours[words] for words in theirs] == pytest.approx(list(theirs.values()))


@settings(max_examples=40, deadline=None)
@given(ENTRIES, TEXTS, DURATIONS, st.integers(2, 3), st.integers(0, 2**31))
def test_one_sign_is_compared_with_every_other_sign_alone(tmp_path_factory, entries, text, durations, frames, seed):
    path = tmp_path_factory.mktemp("graph") / "g.fst"
    model, acceptor = write_graph(entries, text, durations, path)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, UNITS)).astype(np.float32)
    sequences = enumerate_costs(entries, sentence_costs(model, acceptor), durations, scores)
    expected = {words[0]: cost for words, cost in sequences.items() if len(words) == 1 and math.isfinite(cost)}
    best = min(expected, key=expected.get)
    graph = single_word_graph(read_graph(path), len(WORDS))
    read = Decoder(graph, WIDE).decode(scores)
    assert read.complete
    assert read.cost == pytest.approx(expected[best], abs=1e-2)
    costs = costs_of_last_words(*search_lattice(graph, scores, WIDE))
    confidence, others = word_posteriors(costs, read.words[0], 0, read.cost)
    total = sum(math.exp(expected[best] - cost) for cost in expected.values())
    assert confidence == pytest.approx(1 / total, abs=2e-3)
    posteriors = {word: math.exp(expected[best] - cost) / total for word, cost in expected.items()}
    assert dict(others) == pytest.approx({word: posteriors[word] for word, _ in others}, abs=2e-3)
    assert all(posteriors[word] < 1e-3 for word in expected.keys() - {word for word, _ in others} - {read.words[0]})


def test_the_word_that_was_read_is_the_likeliest_in_its_place(tmp_path):
    entries = [Pronunciation(1, (1,)), Pronunciation(2, (2,)), Pronunciation(3, (3,))]
    write_graph(entries, [["A", "B"], ["A", "C"], ["B", "B"]] * 3, [3.0] * UNITS, tmp_path / "g.fst")
    units = [1, 1, 1, 2, 2, 2]
    scores = np.full((len(units), UNITS), -1.0)
    scores[np.arange(len(units)), np.array(units) - 1] = 0.0
    scores[3:, 2] = -0.2
    graph = read_graph(tmp_path / "g.fst")
    path = Decoder(graph).decode(scores)
    assert path.words == (1, 2)
    first, second = costs_in_frames(*search_lattice(graph, scores, WIDE), [1, 4], REST)
    assert min(second.values()) == second[2,] == pytest.approx(path.cost, abs=1e-3)
    assert min(first.values()) == first[1,] == pytest.approx(path.cost, abs=1e-3)
    confidence, others = word_posteriors(second, 2, 0, path.cost)
    assert [word for word, _ in others][:1] == [3]
    assert confidence > others[0][1] > 0.1
    assert confidence + sum(share for _, share in others) <= 1 + 1e-9


def test_each_word_of_a_fused_sign_is_compared_in_its_own_place():
    costs = {(1, 2): 0.0, (1, 3): 1.0, (4,): 2.0, (): 3.0}
    verb, other_verbs = word_posteriors(costs, 1, 0, 0.0)
    noun, other_nouns = word_posteriors(costs, 2, 1, 0.0)
    assert [word for word, _ in other_verbs] == [4]
    assert [word for word, _ in other_nouns] == [3, 4]
    assert verb == pytest.approx(1 / (1 + math.exp(-2) + math.exp(-3)))
    assert noun == pytest.approx(1 / (1 + math.exp(-1) + math.exp(-2) + math.exp(-3)))


def test_a_word_that_a_narrower_search_read_is_never_behind():
    confidence, others = word_posteriors({(2,): -5.0, (1,): 0.0}, 1, 0, 0.0)
    assert confidence == others[0][1] == 0.5
