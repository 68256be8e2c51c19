"""C: units as their neighbours change them (SPEC §10): handshape assimilation, movement reduction, location anticipation.

C reads what is seen, writes the unit that was meant. Identity is always possible. A reading has exactly one path: one state
and label have at most one arc.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pynini


@dataclass(frozen=True)
class Change:
    """A unit in another form. reads: label of the form; writes: of the unit; cost: −log of how often it happens.

    handshape: of the unit before, at the same location, whose handshape this form has (assimilation), or None. location: of
    the unit after, which this form is at already (anticipation), or None. Neither: it happens anywhere (reduction).
    """

    reads: int
    writes: int
    cost: float
    handshape: int | None = None
    location: int | None = None


@dataclass(frozen=True)
class ContextClass:
    """The classes by which a unit is a neighbour: its handshape and its location."""

    handshape: int
    location: int


def context(units: Sequence[ContextClass], changes: Iterable[Change], passing: Iterable[int] = ()) -> pynini.Fst:
    """C over units 1…U, `units[u − 1]` of each; passing: labels beside them, which are no neighbours of anything.

    A state is what the unit before was, as far as a change depends on it, and the location promised for the unit to come.
    Raises ValueError: a form that is read as two things in one context.
    """
    changes = tuple(changes)
    wanted = {(one.handshape, units[one.writes - 1].location) for one in changes if one.handshape is not None}
    fst = pynini.Fst()
    numbers: dict[tuple[tuple[int, int] | None, int | None], int] = {}
    queue: list[tuple[tuple[int, int] | None, int | None]] = []

    def number(before: tuple[int, int] | None, promised: int | None) -> int:
        key = (before, promised)
        if key not in numbers:
            numbers[key] = fst.add_state()
            queue.append(key)
            if promised is None:
                fst.set_final(numbers[key])
        return numbers[key]

    def seen_as(label: int) -> tuple[int, int] | None:
        key = (units[label - 1].handshape, units[label - 1].location)
        return key if key in wanted else None

    fst.set_start(number(None, None))
    passing = tuple(passing)
    while queue:
        before, promised = queue.pop()
        state = numbers[before, promised]
        read: set[int] = set()

        def arc(reads: int, writes: int, cost: float, target: int, state: int = state, read: set[int] = read) -> None:
            if reads in read:
                raise ValueError(f"label {reads} is read as two units in one context")
            read.add(reads)
            fst.add_arc(state, pynini.Arc(reads, writes, cost, target))

        for label, unit in enumerate(units, 1):
            if promised in (None, unit.location):
                arc(label, label, 0.0, number(seen_as(label), None))
        if promised is None:
            for label in passing:
                arc(label, label, 0.0, number(None, None))
        for one in changes:
            unit = units[one.writes - 1]
            here = one.handshape is None or before == (one.handshape, unit.location)
            if here and promised in (None, unit.location):
                arc(one.reads, one.writes, one.cost, number(seen_as(one.writes), one.location))
    return fst.arcsort("olabel")
