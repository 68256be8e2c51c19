import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.alphabet import Alphabet
from asl.transducers.ctc_search import align, beam_search, greedy


def collapsed(path) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label)


def random_log_probs(frames: int, labels: int, seed: int) -> np.ndarray:
    raw = np.random.default_rng(seed).normal(0, 2, (frames, labels + 1))
    return raw - np.logaddexp.reduce(raw, axis=1, keepdims=True)


def all_sequences(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    scores: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        score = sum(log_probs[t, k] for t, k in enumerate(path))
        scores[collapsed(path)] = float(np.logaddexp(scores.get(collapsed(path), -np.inf), score))
    return scores


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000))
def test_a_wide_beam_finds_every_sequence_with_its_exact_probability(frames, labels, seed):
    log_probs = random_log_probs(frames, labels, seed)
    expected = all_sequences(log_probs)
    hypotheses = beam_search(log_probs, 10_000)
    assert hypotheses[0].labels == max(expected, key=lambda key: expected[key])
    for hypothesis in hypotheses:
        assert hypothesis.log_prob == pytest.approx(expected[hypothesis.labels], abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000), st.floats(0, 5))
def test_each_label_costs_the_insertion_penalty(frames, labels, seed, penalty):
    log_probs = random_log_probs(frames, labels, seed)
    expected = {key: score - penalty * len(key) for key, score in all_sequences(log_probs).items()}
    best = beam_search(log_probs, 10_000, penalty)[0]
    assert best.log_prob == pytest.approx(max(expected.values()), abs=1e-4)
    assert expected[best.labels] == pytest.approx(best.log_prob, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000))
def test_greedy_decoding_collapses_the_best_path(frames, labels, seed):
    log_probs = random_log_probs(frames, labels, seed)
    assert tuple(greedy(log_probs)) == collapsed(log_probs.argmax(axis=1))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(1, 2), min_size=1, max_size=3), st.integers(0, 10_000))
def test_the_alignment_is_the_best_path_of_its_labels(frames, labels, seed):
    log_probs = random_log_probs(frames, 2, seed)
    paths = [path for path in itertools.product(range(3), repeat=frames) if collapsed(path) == tuple(labels)]
    if not paths:
        with pytest.raises(ValueError, match="do not fit"):
            align(log_probs, labels)
        return
    best = max(paths, key=lambda path: sum(log_probs[t, k] for t, k in enumerate(path)))
    spans = align(log_probs, labels)
    rebuilt = np.zeros(frames, dtype=int)
    for label, (first, last) in zip(labels, spans, strict=True):
        rebuilt[first:last] = label
    assert tuple(rebuilt) == best


def test_an_empty_beam_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        beam_search(np.zeros((2, 3)), 0)


def test_the_alphabet_numbers_glosses_from_one():
    alphabet = Alphabet(("BOOK", "MILK"))
    assert alphabet.labels(["MILK", "BOOK"]) == [2, 1]
    assert alphabet.names([1]) == ["BOOK"]
    assert "TEA" not in alphabet
    with pytest.raises(ValueError, match="different"):
        Alphabet(("BOOK", "BOOK"))
