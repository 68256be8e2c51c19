"""H∘L∘G and its search, against an enumeration of all paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.decoder import Decoder, read_graph
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, lexicon_grammar
from asl.transducers.levels.ngram import train_ngram
from asl.transducers.levels.observation import compose_observation
from tests.automata import cost_with_epsilon_backoff, cost_with_failure_arcs
from tests.small_cascades import DURATIONS, ENTRIES, TEXTS, UNITS, WIDE, WORDS, enumerate_costs, sentence_costs, write_graph


@settings(max_examples=60, deadline=None)
@given(
    ENTRIES,
    TEXTS,
    DURATIONS,
    st.integers(2, 3),
    st.integers(0, 2**31),
)
def test_the_best_path_is_the_best_of_all_paths(tmp_path_factory, entries, text, durations, frames, seed):
    path = tmp_path_factory.mktemp("graph") / "g.fst"
    model, acceptor = write_graph(entries, text, durations, path)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, UNITS)).astype(np.float32)
    expected = enumerate_costs(entries, sentence_costs(model, acceptor), durations, scores)
    best = Decoder(path, WIDE).decode(scores)
    assert best.complete
    assert best.cost == pytest.approx(min(expected.values()), abs=1e-2)
    assert expected[best.words] == pytest.approx(best.cost, abs=1e-2)
    assert len(best.frames) == frames
    stream = Decoder(path, WIDE)
    stream.start()
    for frame in scores:
        stream.advance(frame[None])
    assert stream.best().cost == pytest.approx(best.cost, abs=1e-2)


def test_words_begin_where_their_units_do(tmp_path):
    entries = [Pronunciation(1, (1, 2)), Pronunciation(2, (3,))]
    write_graph(entries, [["A", "B"]] * 3, [3.0] * UNITS, tmp_path / "g.fst")
    units = [4, 1, 1, 2, 2, 2, 4, 3, 3]
    scores = np.full((len(units), UNITS), -9.0)
    scores[np.arange(len(units)), np.array(units) - 1] = 0.0
    best = Decoder(tmp_path / "g.fst").decode(scores)
    assert (best.words, best.frames, best.starts) == ((1, 2), tuple(units), (1, 7))


def test_without_a_complete_path_the_best_partial_one_is_returned(tmp_path):
    small = lexicon_grammar([Pronunciation(1, (1, 2))], grammar(train_ngram([["A"]], 2, WORDS), WORDS), UNITS, len(WORDS))
    compose_observation(small, [3.0] * UNITS).write(str(tmp_path / "g.fst"))
    best = Decoder(tmp_path / "g.fst").decode(np.array([[0.0, -50.0, -50.0, -50.0]]))
    assert not best.complete
    assert best.words == (1,)


@pytest.mark.parametrize("scores", [np.zeros((0, 4)), np.zeros(4), np.full((2, 4), np.nan)])
def test_scores_must_be_finite_and_of_the_right_shape(tmp_path, scores):
    write_graph([Pronunciation(1, (1, 2))], [["A"]], [3.0] * UNITS, tmp_path / "g.fst")
    with pytest.raises(ValueError, match="finite"):
        Decoder(tmp_path / "g.fst").decode(scores)


def test_epsilon_backoff_never_costs_more_than_failure_arcs():
    model = train_ngram([["A", "B"], ["C"]], 2, WORDS)
    fst = grammar(model, WORDS)
    assert cost_with_epsilon_backoff(fst, (1, 2), len(WORDS) + 1) <= cost_with_failure_arcs(fst, (1, 2), 4) + 1e-6


def test_a_file_that_is_not_a_graph_is_refused(tmp_path):
    (tmp_path / "g.fst").write_text("hello")
    with pytest.raises(ValueError, match="not an OpenFst file"):
        read_graph(tmp_path / "g.fst")
