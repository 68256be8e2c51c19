import math
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.ngram import END, START, UNKNOWN, from_arpa, interpolate, to_arpa, train_ngram

TEXTS = st.lists(st.lists(st.sampled_from("ABCDE"), max_size=6), min_size=1, max_size=12)


@settings(max_examples=60)
@given(TEXTS, st.integers(1, 4))
def test_every_history_has_a_distribution(sentences, order):
    model = train_ngram(sentences, order, vocabulary="XYZ")
    vocabulary = [*model.words, END, UNKNOWN]
    histories = {(), (START,), ("A",), ("B", "A"), ("Q", "C", "A"), (START, "E", "D", "A")}
    for history in histories:
        assert sum(math.exp(model.log_prob(word, history)) for word in vocabulary) == pytest.approx(1, abs=1e-9)


def kneser_ney(sentences, order, vocabulary):
    """p(word, history) by the formula, without backoff tables."""
    lines = [(START, *words, END) for words in sentences]

    def grams(size):
        return Counter(line[i - size + 1 : i + 1] for line in lines for i in range(1, len(line)) if i - size + 1 >= 0)

    raw = {size: grams(size) for size in range(1, order + 1)}

    def count(gram, size):
        if size == order or gram[0] == START:
            return raw[size][gram]
        return len({longer[0] for longer in raw[size + 1] if longer[1:] == gram})

    def p(word, history):
        size = len(history) + 1
        counts = {gram: count(gram, size) for gram in raw[size]}
        kinds = Counter(counts.values())
        d = kinds[1] / (kinds[1] + 2 * kinds[2]) if kinds[1] else 0.0
        d = min(0.95, max(0.1, d))
        same = {gram: c for gram, c in counts.items() if gram[:-1] == history}
        lower = p(word, history[1:]) if history else 1 / (len(vocabulary) + 2)
        if not same:
            return lower
        total = sum(same.values())
        return max(same.get((*history, word), 0) - d, 0) / total + d * len(same) / total * lower

    return p


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.integers(1, 3), st.lists(st.sampled_from("ABCDE"), min_size=2, max_size=2), st.sampled_from([*"ABCDE", END]))
def test_probabilities_are_those_of_the_formula(sentences, order, history, word):
    model = train_ngram(sentences, order, vocabulary="ABCDE")
    history = tuple(history[-(order - 1) :]) if order > 1 else ()
    assert math.exp(model.log_prob(word, history)) == pytest.approx(
        kneser_ney(sentences, order, model.words)(word, history), abs=1e-9
    )


@settings(max_examples=30)
@given(TEXTS, st.integers(1, 4))
def test_an_arpa_file_has_the_same_probabilities(sentences, order):
    model = train_ngram(sentences, order, vocabulary="XY")
    again = from_arpa(to_arpa(model))
    assert (again.order, again.words) == (model.order, model.words)
    for words in (["A", "B"], ["X", "Q", "C"], []):
        assert again.score(words) == pytest.approx(model.score(words), abs=1e-4)


WITHOUT_BACKOFF = """
\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-99 <s>
-0.6 A
-0.6 B
-0.9 C
-0.7 </s>

\\2-grams:
-0.3 <s> A
-0.1 A B
-0.2 B </s>

\\3-grams:
-0.05 B A C

\\end\\
"""


def test_a_history_without_a_backoff_weight_has_log_weight_0():
    model = from_arpa(WITHOUT_BACKOFF)
    assert model.backoffs[("A",)] == 0
    assert model.log_prob("B", ["A"]) == pytest.approx(-0.1 * math.log(10))
    assert model.score(["A", "B"]) == pytest.approx(-(0.3 + 0.1 + 0.2) * math.log(10))
    assert model.log_prob("C", ["B", "A"]) == pytest.approx(-0.05 * math.log(10))
    assert model.log_prob("A", ["B"]) == pytest.approx(-0.6 * math.log(10)), "as before it was added as a history"


def test_a_higher_order_helps_on_ordered_text():
    text = [["IX", "WANT", "FOOD"], ["IX", "WANT", "WATER"], ["MOM", "LIKE", "FOOD"], ["MOM", "WANT", "WATER"]] * 3
    perplexities = [train_ngram(text, order).perplexity(text) for order in (1, 2, 3)]
    assert perplexities == sorted(perplexities, reverse=True)
    assert train_ngram(text, 3).perplexity([["IX", "WANT", "FOOD"]]) < train_ngram(text, 3).perplexity([["FOOD", "WANT", "IX"]])
    with pytest.raises(ValueError, match="no sentences"):
        train_ngram(text, 2).perplexity([])


@pytest.mark.parametrize(("sentences", "order", "message"), [([], 2, "empty"), ([["A"]], 0, "order 0"), ([["A"]], 6, "order 6")])
def test_an_empty_text_and_impossible_orders_are_refused(sentences, order, message):
    with pytest.raises(ValueError, match=message):
        train_ngram(sentences, order)


GOOD = to_arpa(train_ngram([["A", "B"], ["B"]], 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\\\data"),
        ("hello", "no \\\\data"),
        (GOOD.replace("\\end\\", ""), "cut off"),
        (GOOD.replace("ngram 2=", "ngram 2=1"), "announces"),
        (GOOD.replace("\\1-grams:", "\\1-grams:\nx A"), "is no 1-gram"),
        (GOOD.replace("\\1-grams:", "\\1-grams:\n0.5 A"), "is no 1-gram"),
        (GOOD.replace("\\1-grams:", "\\1-grams:\nnan A"), "is no 1-gram"),
        ("\\data\\\nngram 9=1\n\\9-grams:\n-1 a b c d e f g h i\n\\end\\", "orders"),
        ("\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n\\end\\", "</s> has no probability"),
        ("\\data\\\n" + "x" * 20_000, "characters long"),
        ("\\data\\\nwhat is this", "neither a count"),
    ],
)
def test_malformed_arpa_files_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        from_arpa(text)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.0, 0.3, 1.0]))
def test_an_interpolation_is_a_distribution_and_the_mean_for_counted_ngrams(first_text, second_text, a, b, share):
    first, second = train_ngram(first_text, a, "ABCDE"), train_ngram(second_text, b, "ABCDE")
    model = interpolate(first, second, share)
    vocabulary = [*model.words, END, UNKNOWN]
    for history in [(), (START,), ("A",), ("B", "A")]:
        assert sum(math.exp(model.log_prob(word, history)) for word in vocabulary) == pytest.approx(1, abs=1e-6)
    for gram in {*first.log_probs, *second.log_probs}:
        mean = sum(w * math.exp(m.log_prob(gram[-1], gram[:-1])) for w, m in ((share, first), (1 - share, second)))
        assert math.exp(model.log_prob(gram[-1], gram[:-1])) == pytest.approx(mean, abs=1e-9)


INTERPOLATED = """
from asl.transducers.levels.ngram import interpolate, to_arpa, train_ngram
texts = [[list("ABCDE"), list("BAD"), list("CAB")], [list("EDCBA"), list("DAB"), list("ACE")]]
model = interpolate(*(train_ngram(text, 3, "ABCDEFGH") for text in texts), 0.3)
print([(gram, value.hex()) for values in (model.log_probs, model.backoffs) for gram, value in values.items()])
"""


def test_an_interpolation_does_not_depend_on_the_hash_seed():
    models = [
        subprocess.run(
            [sys.executable, "-c", INTERPOLATED], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert models[0]
    assert len(set(models)) == 1


def test_models_of_different_words_cannot_be_interpolated():
    with pytest.raises(ValueError, match="different words"):
        interpolate(train_ngram([["A"]], 1), train_ngram([["B"]], 1), 0.5)
