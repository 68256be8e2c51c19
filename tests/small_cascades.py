"""H∘L∘G of a few words, and its paths by enumeration."""

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pynini
from hypothesis import strategies as st

from asl.transducers.decoder import SearchOptions
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, lexicon_grammar
from asl.transducers.levels.ngram import NGram, train_ngram
from asl.transducers.levels.observation import compose_observation
from tests.automata import cost_with_epsilon_backoff

UNITS, WORDS = 4, ("A", "B", "C")
REST = UNITS
WIDE = SearchOptions(beam=1e4, most_active=10**9)
ENTRIES = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.integers(1, UNITS - 1), min_size=1, max_size=2)), min_size=2, max_size=4
).map(lambda rows: [Pronunciation(g, u, 0.3 * g) for g, u in dict.fromkeys((g, tuple(u)) for g, u in rows)])

TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=1, max_size=5)
DURATIONS = st.lists(st.floats(1.2, 6), min_size=UNITS, max_size=UNITS)

SentenceCost = Callable[[Sequence[int]], float]


def sentence_costs(model: NGram, acceptor: pynini.Fst) -> SentenceCost:
    """The cost of a gloss sequence in G, where backoff may be taken in every state, as in a decoder."""
    return lambda glosses: min(
        -model.score([WORDS[g - 1] for g in glosses]), cost_with_epsilon_backoff(acceptor, glosses, len(WORDS) + 1)
    )


def write_graph(
    entries: Sequence[Pronunciation], text: Sequence[Sequence[str]], durations: Sequence[float], path: Path
) -> tuple[NGram, pynini.Fst]:
    """Writes H∘L∘G to a file; returns the n-gram and G."""
    model = train_ngram(text, 2, WORDS)
    acceptor = grammar(model, WORDS)
    fst = compose_observation(lexicon_grammar(entries, acceptor, UNITS, len(WORDS), REST), durations)
    fst.write(str(path))
    return model, acceptor


def enumerate_costs(
    entries: Sequence[Pronunciation], sentence_cost: SentenceCost, durations: Sequence[float], scores: np.ndarray
) -> dict[tuple[int, ...], float]:
    """Gloss sequence → least cost over all unit sequences, with and without rests, and all durations of the units."""
    costs: dict[tuple[int, ...], float] = {}
    for count in range(4):
        for signs in itertools.product(entries, repeat=count):
            if sum(len(sign.units) for sign in signs) > len(scores):
                continue
            glosses = tuple(sign.gloss for sign in signs)
            for units in _with_rests(signs):
                if 0 < len(units) <= len(scores):
                    cost = _alignment_cost(units, durations, scores) + sum(sign.cost for sign in signs) + sentence_cost(glosses)
                    costs[glosses] = min(costs.get(glosses, math.inf), cost)
    return costs


def _with_rests(signs: Sequence[Pronunciation]):
    """The units of the signs, with or without a rest before, between and after them."""
    for rests in itertools.product((False, True), repeat=len(signs) + 1):
        units = [REST] if rests[0] else []
        for sign, rest in zip(signs, rests[1:], strict=True):
            units += [*sign.units, *([REST] if rest else [])]
        yield units


def _alignment_cost(units: Sequence[int], durations: Sequence[float], scores: np.ndarray) -> float:
    """The least cost of reading all frames as these units, in order."""
    stay = [1 - 1 / d for d in durations]
    best = np.full(len(units), math.inf)
    for t in range(len(scores)):
        next_best = np.full(len(units), math.inf)
        for i, unit in enumerate(units):
            if i == 0:
                enter = 0.0 if t == 0 else math.inf
            else:
                enter = best[i - 1] - math.log(1 - stay[units[i - 1] - 1]) if t else math.inf
            remain = best[i] - math.log(stay[unit - 1]) if t else math.inf
            next_best[i] = min(enter, remain) - scores[t, unit - 1]
        best = next_best
    return best[-1] - math.log(1 - stay[units[-1] - 1])
