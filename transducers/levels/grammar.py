"""G: the gloss n-gram as a weighted acceptor (SPEC §10).

A state is a history; a word's arc leads to the longest history that the model knows; a BACKOFF arc leads to the next shorter one.
Weights are −log probabilities, natural.
"""

from collections.abc import Iterable, Iterator, Sequence

import pynini

from asl.transducers.levels.ngram import END, START, Gram, NGram

#: Written on backoff arcs. It stays a symbol until L∘G is determinised, then it becomes ε.
BACKOFF = "#0"


def grammar(model: NGram, words: Sequence[str]) -> pynini.Fst:
    """An acceptor over labels 1…V of `words`, V + 1 for BACKOFF; other words of the model can never be read and are left out.

    Raises ValueError: a word that the model has no probability for.
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
            fst.add_arc(source, pynini.Arc(label, label, -log_prob, states[_known(gram, states, model.order)]))
    for history, state in states.items():
        if history:
            weight = -model.backoffs.get(history, 0.0)
            fst.add_arc(
                state, pynini.Arc(len(words) + 1, len(words) + 1, weight, states[_known(history[1:], states, model.order)])
            )
    return pynini.connect(fst).arcsort("ilabel")


def _histories(model: NGram, labels: Iterable[str]) -> Iterator[Gram]:
    """Those that a sentence of these words can reach: () first."""
    readable = {START, *labels}
    yield ()
    for history in model.backoffs:
        if history and len(history) < model.order and readable.issuperset(history):
            yield history


def _known(history: Gram, states: dict[Gram, int], order: int) -> Gram:
    """The longest suffix that is a state."""
    history = history[-(order - 1) :] if order > 1 else ()
    while history not in states:
        history = history[1:]
    return history
