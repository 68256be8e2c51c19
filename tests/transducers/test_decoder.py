"""H∘L∘G and its search against every reading counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.decoder import Decoder, read_graph
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, lexicon_grammar
from asl.transducers.levels.ngram import train_ngram
from asl.transducers.levels.observation import compose_observation
from tests.automata import cost_of, with_free_backoff
from tests.small_cascades import DURATIONS, ENTRIES, TEXTS, UNITS, WIDE, WORDS, costs_of, every_reading, graph_of


@settings(max_examples=60, deadline=None)
@given(
    ENTRIES,
    TEXTS,
    DURATIONS,
    st.integers(2, 3),
    st.integers(0, 2**31),
)
def test_the_best_path_is_the_best_of_all_readings(tmp_path_factory, entries, text, durations, frames, seed):
    path = tmp_path_factory.mktemp("graph") / "g.fst"
    model, acceptor = graph_of(entries, text, durations, path)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, UNITS)).astype(np.float32)
    expected = every_reading(entries, costs_of(model, acceptor), durations, scores)
    got = Decoder(path, WIDE).decode(scores)
    assert got.complete
    assert got.cost == pytest.approx(min(expected.values()), abs=1e-2)
    assert expected[got.words] == pytest.approx(got.cost, abs=1e-2)
    assert len(got.frames) == frames
    stream = Decoder(path, WIDE)
    stream.start()
    for one in scores:
        stream.advance(one[None])
    assert stream.best().cost == pytest.approx(got.cost, abs=1e-2)


def test_words_begin_where_their_units_do(tmp_path):
    entries = [Pronunciation(1, (1, 2)), Pronunciation(2, (3,))]
    graph_of(entries, [["A", "B"]] * 3, [3.0] * UNITS, tmp_path / "g.fst")
    signed = [4, 1, 1, 2, 2, 2, 4, 3, 3]
    scores = np.full((len(signed), UNITS), -9.0)
    scores[np.arange(len(signed)), np.array(signed) - 1] = 0.0
    got = Decoder(tmp_path / "g.fst").decode(scores)
    assert (got.words, got.frames, got.starts) == ((1, 2), tuple(signed), (1, 7))


def test_no_whole_path_gives_the_best_so_far(tmp_path):
    small = lexicon_grammar([Pronunciation(1, (1, 2))], grammar(train_ngram([["A"]], 2, WORDS), WORDS), UNITS, len(WORDS))
    compose_observation(small, [3.0] * UNITS).write(str(tmp_path / "g.fst"))
    got = Decoder(tmp_path / "g.fst").decode(np.array([[0.0, -50.0, -50.0, -50.0]]))
    assert not got.complete
    assert got.words == (1,)


@pytest.mark.parametrize("scores", [np.zeros((0, 4)), np.zeros(4), np.full((2, 4), np.nan)])
def test_scores_must_be_frames_of_numbers(tmp_path, scores):
    graph_of([Pronunciation(1, (1, 2))], [["A"]], [3.0] * UNITS, tmp_path / "g.fst")
    with pytest.raises(ValueError, match="finite"):
        Decoder(tmp_path / "g.fst").decode(scores)


def test_costs_agree_with_the_acceptor():
    model = train_ngram([["A", "B"], ["C"]], 2, WORDS)
    fst = grammar(model, WORDS)
    assert with_free_backoff(fst, (1, 2), len(WORDS) + 1) <= cost_of(fst, (1, 2), 4) + 1e-6


def test_what_is_no_graph(tmp_path):
    (tmp_path / "g.fst").write_text("hello")
    with pytest.raises(ValueError, match="not an OpenFst file"):
        read_graph(tmp_path / "g.fst")
