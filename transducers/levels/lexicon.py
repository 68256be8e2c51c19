"""L: phonological units → glosses, with the symbols that keep L∘G determinisable (SPEC §10)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pynini


@dataclass(frozen=True)
class Pronunciation:
    """One way to sign a gloss. gloss: its label 1…V; units: labels 1…U; cost: −log p(variant | gloss)."""

    gloss: int
    units: tuple[int, ...]
    cost: float = 0.0


def disambiguate(entries: Sequence[Pronunciation], units: int) -> tuple[list[tuple[int, ...]], int]:
    """The units of each entry, followed by a symbol above `units` where another entry has the same or begins with it; and how
    many such symbols there are. Homonyms (DAD and FATHER signed alike) get one each, so that a path says which it was.

    Raises ValueError: an entry without units, or with units out of range.
    """
    for one in entries:
        if not one.units or not all(1 <= unit <= units for unit in one.units):
            raise ValueError(f"gloss {one.gloss}: units {one.units} are not in 1…{units}")
    spelled = Counter(one.units for one in entries)
    prefixes = {one.units[:size] for one in entries for size in range(1, len(one.units))}
    seen: Counter[tuple[int, ...]] = Counter()
    out = []
    for one in entries:
        ambiguous = spelled[one.units] > 1 or one.units in prefixes
        seen[one.units] += ambiguous
        out.append((*one.units, units + seen[one.units]) if ambiguous else one.units)
    return out, max(seen.values(), default=0)


def lexicon(entries: Sequence[Pronunciation], units: int, glosses: int, rest: int = 0) -> tuple[pynini.Fst, int]:
    """L, closed under sequences, and the label that its BACKOFF loop reads.

    Input labels: 1…U units, then the symbols of `disambiguate`, then BACKOFF's; output 1…V glosses, V + 1 for BACKOFF. The gloss
    stands on the first arc: what a hypothesis means is then known, and weighed by G, as soon as it begins. rest: the unit that
    may stand once between signs, before and after them, if there is one; no gloss has it.
    """
    spelled, symbols = disambiguate(entries, units)
    backoff = units + symbols + 1
    fst = pynini.Fst()
    start = fst.add_state()
    fst.set_start(start)
    hubs = [start, fst.add_state()] if rest else [start]
    for hub in hubs:
        fst.set_final(hub)
        fst.add_arc(hub, pynini.Arc(backoff, glosses + 1, 0.0, hub))
    if rest:
        fst.add_arc(start, pynini.Arc(rest, 0, 0.0, hubs[1]))
    for one, labels in zip(entries, spelled, strict=True):
        first, *others = labels
        state = fst.add_state() if others else start
        for hub in hubs:
            fst.add_arc(hub, pynini.Arc(first, one.gloss, one.cost, state))
        for place, label in enumerate(others):
            target = start if place == len(others) - 1 else fst.add_state()
            fst.add_arc(state, pynini.Arc(label, 0, 0.0, target))
            state = target
    return fst.arcsort("olabel"), backoff


def lexicon_grammar(entries: Sequence[Pronunciation], grammar: pynini.Fst, units: int, glosses: int, rest: int = 0) -> pynini.Fst:
    """L∘G, determinised and minimised, its disambiguation symbols made ε: units 1…U → glosses 1…V.

    This goes first in the order of work: determinised before H multiplies the states, the whole stays small.
    """
    fst, backoff = lexicon(entries, units, glosses, rest)
    composed = pynini.compose(fst, grammar, connect=True)
    determined = pynini.determinize(composed)
    small = determined.minimize()
    pairs = [(label, 0) for label in range(units + 1, backoff + 1)]
    small.relabel_pairs(ipairs=pairs, opairs=[(glosses + 1, 0)])
    return pynini.connect(small).arcsort("ilabel")
