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
    thing: tuple[int, ...]
    cost: float = 0.0


def morphology(forms: Sequence[FusedForm], passing: Iterable[int]) -> pynini.Fst:
    """M, closed under sequences. passing: labels that go through: units, rests, points, letters.

    Forms that begin alike share their beginning, so that many objects of one verb cost little. Raises ValueError: a form
    without units.
    """
    if any(not (one.units and one.verb and one.thing) for one in forms):
        raise ValueError("a fused form needs units of its own, of the verb and of the object")
    fst = pynini.Fst()
    start = fst.add_state()
    fst.set_start(start)
    fst.set_final(start)
    for label in passing:
        fst.add_arc(start, pynini.Arc(label, label, 0.0, start))
    beginnings: dict[tuple[int, ...], int] = {(): start}
    endings: dict[tuple[int, ...], int] = {(): start}
    for one in forms:
        state = start
        # The last unit is read where the meaning is known: until then forms that begin alike are one path.
        for size in range(1, len(one.units)):
            state = _step(fst, beginnings, one.units[:size], state, (one.units[size - 1], 0))
        first, *others = (*one.verb, *one.thing)
        fst.add_arc(state, pynini.Arc(one.units[-1], first, one.cost, _said(fst, endings, tuple(others))))
    return fst.arcsort("olabel")


def _step(fst: pynini.Fst, known: dict[tuple[int, ...], int], key: tuple[int, ...], source: int, labels: tuple[int, int]) -> int:
    if key not in known:
        known[key] = fst.add_state()
        fst.add_arc(source, pynini.Arc(*labels, 0.0, known[key]))
    return known[key]


def _said(fst: pynini.Fst, known: dict[tuple[int, ...], int], units: tuple[int, ...]) -> int:
    """The state from which exactly these units are still to be written; endings that are alike are shared."""
    if units not in known:
        after = _said(fst, known, units[1:])
        known[units] = fst.add_state()
        fst.add_arc(known[units], pynini.Arc(0, units[0], 0.0, after))
    return known[units]
