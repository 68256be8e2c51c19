"""L: phonological units → glosses, with the symbols that make L∘G determinisable (SPEC §10)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pynini
from pywrapfst import Arc


@dataclass(frozen=True)
class Pronunciation:
    """One way of signing a gloss. gloss: its label 1…V; units: labels 1…U; cost: −log p(variant | gloss)."""

    gloss: int
    units: tuple[int, ...]
    cost: float = 0.0


def disambiguate(entries: Sequence[Pronunciation], units: int) -> tuple[list[tuple[int, ...]], int]:
    """The units of each entry, with a disambiguation symbol above `units` if another entry equals or extends them.

    Homonyms (DAD and FATHER signed alike) get different symbols, so that a path determines the gloss. Also returns the number of
    symbols. Raises ValueError if an entry has no units, or units out of range.
    """
    for entry in entries:
        if not entry.units or not all(1 <= unit <= units for unit in entry.units):
            raise ValueError(f"gloss {entry.gloss}: units {entry.units} are not in 1…{units}")
    counts = Counter(entry.units for entry in entries)
    prefixes = {entry.units[:size] for entry in entries for size in range(1, len(entry.units))}
    used: Counter[tuple[int, ...]] = Counter()
    labels = []
    for entry in entries:
        ambiguous = counts[entry.units] > 1 or entry.units in prefixes
        used[entry.units] += ambiguous
        labels.append((*entry.units, units + used[entry.units]) if ambiguous else entry.units)
    return labels, max(used.values(), default=0)


def lexicon(entries: Sequence[Pronunciation], units: int, glosses: int, rest: int = 0) -> tuple[pynini.Fst, int]:
    """L for sequences of glosses, and the input label of its BACKOFF loop.

    Input labels: 1…U units, then the symbols of `disambiguate`, then BACKOFF's. Output labels: 1…V glosses, V + 1 for BACKOFF.
    The gloss is on the first arc of an entry, so that G weighs it as soon as the entry begins. rest: the unit that may occur
    once before, between and after signs, or 0; no gloss contains it.
    """
    input_labels, symbols = disambiguate(entries, units)
    backoff = units + symbols + 1
    fst = pynini.Fst()
    start = fst.add_state()
    fst.set_start(start)
    # States in which an entry may begin: without and after a rest.
    hubs = [start, fst.add_state()] if rest else [start]
    for hub in hubs:
        fst.set_final(hub)
        fst.add_arc(hub, Arc(backoff, glosses + 1, 0.0, hub))
    if rest:
        fst.add_arc(start, Arc(rest, 0, 0.0, hubs[1]))
    for entry, labels in zip(entries, input_labels, strict=True):
        _add_entry(fst, entry, labels, hubs)
    return fst.arcsort("olabel"), backoff


def _add_entry(fst: pynini.Fst, entry: Pronunciation, labels: Sequence[int], hubs: Sequence[int]) -> None:
    """A path of an entry's input labels from every hub back to the first."""
    first, *following = labels
    state = fst.add_state() if following else hubs[0]
    for hub in hubs:
        fst.add_arc(hub, Arc(first, entry.gloss, entry.cost, state))
    for position, label in enumerate(following):
        target = hubs[0] if position == len(following) - 1 else fst.add_state()
        fst.add_arc(state, Arc(label, 0, 0.0, target))
        state = target


def lexicon_grammar(entries: Sequence[Pronunciation], grammar: pynini.Fst, units: int, glosses: int, rest: int = 0) -> pynini.Fst:
    """L∘G, determinised and minimised, with ε for disambiguation symbols: units 1…U → glosses 1…V.

    This is the first step of the construction. Determinised before H multiplies the states, the cascade stays small.
    """
    fst, backoff = lexicon(entries, units, glosses, rest)
    minimal = pynini.determinize(pynini.compose(fst, grammar, connect=True)).minimize()
    symbols = [(label, 0) for label in range(units + 1, backoff + 1)]
    minimal.relabel_pairs(ipairs=symbols, opairs=[(glosses + 1, 0)])
    return pynini.connect(minimal).arcsort("ilabel")
