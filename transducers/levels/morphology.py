"""M: fused surface forms read back as verb and object (SPEC §9, §10). Everything else passes as it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pynini


@dataclass(frozen=True)
class FusedForm:
    """units: of the one sign that is seen; verb, thing: the units of the two signs that it stands for.

    cost: −log of how often the two are signed as one, or what a fused reading has to win by (the gate's δ).
    """

    units: tuple[int, ...]
    verb: tuple[int, ...]
    noun: tuple[int, ...]
    cost: float = 0.0


def morphology(forms: Sequence[FusedForm], passing: Iterable[int]) -> pynini.Fst:
    """M, closed under sequences. passing: labels that go through: units, rests, points, letters.

    Verb and object are written as soon as a form begins, so that G weighs it then and not when it ends: a search could not wait
    so long. Forms that go on alike share their states. Raises ValueError: a form without units.
    """
    if any(not (one.units and one.verb and one.noun) for one in forms):
        raise ValueError("a fused form needs units of its own, of the verb and of the object")
    fst = pynini.Fst()
    start = fst.add_state()
    fst.set_start(start)
    fst.set_final(start)
    for label in passing:
        fst.add_arc(start, pynini.Arc(label, label, 0.0, start))
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {((), ()): start}
    for one in forms:
        first, *others = (*one.verb, *one.noun)
        target = _remainder(fst, known, tuple(others), one.units[1:])
        fst.add_arc(start, pynini.Arc(one.units[0], first, one.cost, target))
    return fst.arcsort("olabel")


def _remainder(fst: pynini.Fst, known: dict, writes: tuple[int, ...], reads: tuple[int, ...]) -> int:
    """The state from which exactly these units are still to be written, and then these to be read."""
    if (writes, reads) not in known:
        after = _remainder(fst, known, writes[1:], reads) if writes else _remainder(fst, known, (), reads[1:])
        known[writes, reads] = fst.add_state()
        labels = (0, writes[0]) if writes else (reads[0], 0)
        fst.add_arc(known[writes, reads], pynini.Arc(*labels, 0.0, after))
    return known[writes, reads]
