import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl.pipelines.recogniser.measures import label_error_rate, ranks, top_k, word_errors


def test_ranks_count_ties_against_the_truth():
    scores = np.array([[3.0, 2.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    rank = ranks(scores, np.array([0, 0, 0]))
    assert rank.tolist() == [0, 1, 2]
    assert top_k(rank, 2).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "counts"),
    [
        ("A B C", "A B C", (0, 0, 0)),
        ("A B C", "A C", (0, 1, 0)),
        ("A B", "A X B", (0, 0, 1)),
        ("A B", "", (0, 2, 0)),
        ("A", "B", (1, 0, 0)),
    ],
)
def test_word_errors(reference, hypothesis, counts):
    errors = word_errors([reference.split()], [hypothesis.split()])
    assert (errors.substitutions[0], errors.deletions[0], errors.insertions[0]) == counts


@given(st.lists(st.lists(st.sampled_from("ABC"), min_size=1, max_size=6), min_size=1, max_size=4))
def test_the_rate_is_zero_for_the_reference_and_one_for_nothing(sentences):
    assert word_errors(sentences, sentences).rate().value == 0
    assert word_errors(sentences, [[] for _ in sentences]).rate().value == 1


def test_label_error_rate():
    assert label_error_rate([(1, 2)], [(1, 2)]) == 0
    assert label_error_rate([(1, 1), (12,)], [(1, 2), (12,)]) == pytest.approx(1 / 3)
    assert label_error_rate([(3,)], [()]) == 1
