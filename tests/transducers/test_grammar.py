import pynini
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.ngram import from_arpa, to_arpa, train_ngram
from tests.automata import cost_of

TEXTS = st.lists(st.lists(st.sampled_from("ABCDE"), max_size=6), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 4), st.lists(st.sampled_from("ABCDX"), max_size=5))
def test_a_sentence_costs_what_the_model_says(sentences, order, read):
    words = tuple("ABCDX")
    model = train_ngram(sentences, order, words)
    fst = grammar(model, words)
    labels = [words.index(word) + 1 for word in read]
    assert cost_of(fst, labels, len(words) + 1) == pytest.approx(-model.score(read), abs=1e-4)
    again = grammar(from_arpa(to_arpa(model)), words)
    assert again.num_states() == fst.num_states()


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.integers(1, 3), st.lists(st.sampled_from("ABCDX"), max_size=4))
def test_the_best_path_never_costs_more(sentences, order, read):
    """With backoff as ε a path may back off where it need not: cheaper at times, never dearer."""
    words = tuple("ABCDX")
    model = train_ngram(sentences, order, words)
    fst = grammar(model, words).copy().relabel_pairs(ipairs=[(6, 0)], opairs=[(6, 0)])
    line = pynini.Fst()
    line.add_states(len(read) + 1)
    line.set_start(0)
    for at, word in enumerate(read):
        line.add_arc(at, pynini.Arc(words.index(word) + 1, words.index(word) + 1, 0.0, at + 1))
    line.set_final(len(read), 0.0)
    best = pynini.shortestdistance(line @ fst, reverse=True)
    assert float(best[0]) <= -model.score(read) + 1e-3


def test_words_outside_the_lexicon_are_left_out_and_unknown_ones_named():
    model = train_ngram([["A", "B", "C"], ["A", "C"]], 3)
    fst = grammar(model, ("A", "C"))
    assert {arc.ilabel for state in fst.states() for arc in fst.arcs(state)} <= {1, 2, 3}
    with pytest.raises(ValueError, match=r"1 glosses have no probability, e\.g\. Q"):
        grammar(model, ("A", "Q"))
