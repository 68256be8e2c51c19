"""G: the gloss n-gram as a weighted acceptor (SPEC §10).

A state is a history. The arc of a word leads to the longest history of the model after it, a BACKOFF arc to the next shorter
history. Weights are −log probabilities, natural.
"""

from collections.abc import Iterable, Iterator, Sequence

import pynini
from pywrapfst import Arc

from asl.transducers.levels.ngram import END, START, Gram, NGram

#: The symbol of backoff arcs. It becomes ε after L∘G is determinised.
BACKOFF = "#0"


def grammar(model: NGram, words: Sequence[str]) -> pynini.Fst:
    """G over labels 1…V of `words`, and V + 1 for BACKOFF. Other words of the model are left out.

    Raises ValueError if the model has no probability for a word.
    """
    labels = {word: label for label, word in enumerate(words, 1)}
    missing = [word for word in words if (word,) not in model.log_probs]
    if missing:
        raise ValueError(f"{len(missing)} glosses have no probability, e.g. {missing[0]}")
    states = {history: number for number, history in enumerate(_histories(model, labels))}
    fst = pynini.Fst()
    fst.add_states(len(states))
    fst.set_start(states[(START,) if (START,) in states else ()])
    for gram, log_prob in model.log_probs.items():
        source = states.get(gram[:-1])
        if source is None:
            continue
        if gram[-1] == END:
            fst.set_final(source, -log_prob)
        elif gram[-1] in labels:
            label = labels[gram[-1]]
            fst.add_arc(source, Arc(label, label, -log_prob, states[_longest_suffix(gram, states, model.order)]))
    backoff = len(words) + 1
    for history, state in states.items():
        if history:
            shorter = states[_longest_suffix(history[1:], states, model.order)]
            fst.add_arc(state, Arc(backoff, backoff, -model.backoffs.get(history, 0.0), shorter))
    return pynini.connect(fst).arcsort("ilabel")


def _histories(model: NGram, labels: Iterable[str]) -> Iterator[Gram]:
    """The histories that sentences of these words can reach, () first."""
    readable = {START, *labels}
    yield ()
    for history in model.backoffs:
        if history and len(history) < model.order and readable.issuperset(history):
            yield history


def _longest_suffix(history: Gram, states: dict[Gram, int], order: int) -> Gram:
    """The longest suffix of a history that is a state."""
    history = history[-(order - 1) :] if order > 1 else ()
    while history not in states:
        history = history[1:]
    return history
