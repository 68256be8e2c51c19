"""H∘L∘G of a few words, and every reading of some frames counted by hand."""

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from asl.transducers.decoder import SearchOptions
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, lexicon_grammar
from asl.transducers.levels.ngram import train_ngram
from asl.transducers.levels.observation import compose_observation
from tests.automata import with_free_backoff

UNITS, WORDS = 4, ("A", "B", "C")
REST = UNITS
WIDE = SearchOptions(beam=1e4, most_active=10**9)
ENTRIES = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.integers(1, UNITS - 1), min_size=1, max_size=2)), min_size=2, max_size=4
).map(lambda rows: [Pronunciation(g, u, 0.3 * g) for g, u in dict.fromkeys((g, tuple(u)) for g, u in rows)])

TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=1, max_size=5)
DURATIONS = st.lists(st.floats(1.2, 6), min_size=UNITS, max_size=UNITS)


def costs_of(model, acceptor):
    """What G says of a gloss string: backing off is free to choose, as in a decoder."""
    return lambda glosses: min(
        -model.score([WORDS[g - 1] for g in glosses]), with_free_backoff(acceptor, glosses, len(WORDS) + 1)
    )


def graph_of(entries, text, durations, path):
    model = train_ngram(text, 2, WORDS)
    acceptor = grammar(model, WORDS)
    fst = compose_observation(lexicon_grammar(entries, acceptor, UNITS, len(WORDS), REST), durations)
    fst.write(str(path))
    return model, acceptor


def every_reading(entries, costs, durations, scores):
    """Gloss string → least cost, over all unit strings, with rests between signs, and all ways to stretch them."""
    frames = len(scores)
    stay = [1 - 1 / d for d in durations]

    def stretched(units) -> float:
        best = np.full(len(units) + 1, math.inf)
        best[0] = 0.0
        now = np.full(len(units), math.inf)
        for t in range(frames):
            new = np.full(len(units), math.inf)
            for i, unit in enumerate(units):
                come = (0.0 if t == 0 else math.inf) if i == 0 else now[i - 1] - math.log(1 - stay[units[i - 1] - 1])
                if i > 0 and t == 0:
                    come = math.inf
                go_on = now[i] - math.log(stay[unit - 1]) if t else math.inf
                new[i] = min(come, go_on) - scores[t, unit - 1]
            now = new
        return now[-1] - math.log(1 - stay[units[-1] - 1]) if units else math.inf

    found = {}
    for count in range(4):
        for chosen in itertools.product(entries, repeat=count):
            if sum(len(one.units) for one in chosen) > frames:
                continue
            for rests in itertools.product((False, True), repeat=count + 1):
                units = [REST] if rests[0] else []
                for one, rest in zip(chosen, rests[1:], strict=True):
                    units += [*one.units, *([REST] if rest else [])]
                if 0 < len(units) <= frames:
                    glosses = tuple(one.gloss for one in chosen)
                    cost = stretched(units) + sum(one.cost for one in chosen) + costs(glosses)
                    found[glosses] = min(found.get(glosses, math.inf), cost)
    return found
