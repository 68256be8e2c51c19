import pynini
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.cascade import linear_acceptor
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.ngram import from_arpa, to_arpa, train_ngram
from tests.automata import cost_with_failure_arcs
from tests.transducers.test_ngram import WITHOUT_BACKOFF

TEXTS = st.lists(st.lists(st.sampled_from("ABCDE"), max_size=6), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 4), st.lists(st.sampled_from("ABCDX"), max_size=5))
def test_a_sentence_costs_its_probability_in_the_model(sentences, order, read):
    words = tuple("ABCDX")
    model = train_ngram(sentences, order, words)
    fst = grammar(model, words)
    labels = [words.index(word) + 1 for word in read]
    assert cost_with_failure_arcs(fst, labels, len(words) + 1) == pytest.approx(-model.score(read), abs=1e-4)
    again = grammar(from_arpa(to_arpa(model)), words)
    assert again.num_states() == fst.num_states()


@pytest.mark.parametrize("read", ["AB", "BAC", "AC", "B", "CAB", ""])
def test_ngrams_after_a_history_without_a_backoff_weight_are_kept(read):
    words = tuple("ABC")
    model = from_arpa(WITHOUT_BACKOFF)
    labels = [words.index(word) + 1 for word in read]
    assert cost_with_failure_arcs(grammar(model, words), labels, 4) == pytest.approx(-model.score(read), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(TEXTS, st.integers(1, 3), st.lists(st.sampled_from("ABCDX"), max_size=4))
def test_with_epsilon_backoff_the_best_path_never_costs_more(sentences, order, read):
    """A path may then back off although the word has an arc, which is sometimes cheaper."""
    words = tuple("ABCDX")
    model = train_ngram(sentences, order, words)
    fst = grammar(model, words).copy().relabel_pairs(ipairs=[(6, 0)], opairs=[(6, 0)])
    line = linear_acceptor([words.index(word) + 1 for word in read])
    best = pynini.shortestdistance(line @ fst, reverse=True)
    assert float(best[0]) <= -model.score(read) + 1e-3


def test_words_outside_the_lexicon_are_left_out_and_words_without_probability_are_refused():
    model = train_ngram([["A", "B", "C"], ["A", "C"]], 3)
    fst = grammar(model, ("A", "C"))
    assert {arc.ilabel for state in fst.states() for arc in fst.arcs(state)} <= {1, 2, 3}
    with pytest.raises(ValueError, match=r"1 glosses have no probability, e\.g\. Q"):
        grammar(model, ("A", "Q"))
