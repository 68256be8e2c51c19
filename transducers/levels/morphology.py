"""M: fused forms are read as verb and object (SPEC §9, §10). All other labels are copied."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pynini
from pywrapfst import Arc

#: (Units still to be written, units then still to be read) → state.
_Remainders = dict[tuple[tuple[int, ...], tuple[int, ...]], int]


@dataclass(frozen=True)
class FusedForm:
    """A sign that stands for a verb and its object. units: of the fused sign; verb, noun: units of the two signs.

    cost: −log of the probability that the two are fused, or the margin by which the fused reading must win (δ of the gate).
    """

    units: tuple[int, ...]
    verb: tuple[int, ...]
    noun: tuple[int, ...]
    cost: float = 0.0


def morphology(forms: Sequence[FusedForm], passing: Iterable[int]) -> pynini.Fst:
    """M for sequences. passing: labels that are copied: units, rests, points, letters.

    Verb and object are written as soon as a form begins, so that G weighs them then: at the end of the form they would come too
    late for the beam of a search. Forms with the same remainder share states. Raises ValueError if a form, its verb or its noun
    has no units.
    """
    if any(not (form.units and form.verb and form.noun) for form in forms):
        raise ValueError("a fused form, its verb and its noun need units")
    fst = pynini.Fst()
    start = fst.add_state()
    fst.set_start(start)
    fst.set_final(start)
    for label in passing:
        fst.add_arc(start, Arc(label, label, 0.0, start))
    remainders: _Remainders = {((), ()): start}
    for form in forms:
        first, *following = (*form.verb, *form.noun)
        target = _remainder_state(fst, remainders, tuple(following), form.units[1:])
        fst.add_arc(start, Arc(form.units[0], first, form.cost, target))
    return fst.arcsort("olabel")


def _remainder_state(fst: pynini.Fst, remainders: _Remainders, writes: tuple[int, ...], reads: tuple[int, ...]) -> int:
    """The state from which these units are still written, and then these are read."""
    if (writes, reads) not in remainders:
        following = (writes[1:], reads) if writes else ((), reads[1:])
        target = _remainder_state(fst, remainders, *following)
        remainders[writes, reads] = fst.add_state()
        labels = (0, writes[0]) if writes else (reads[0], 0)
        fst.add_arc(remainders[writes, reads], Arc(*labels, 0.0, target))
    return remainders[writes, reads]
