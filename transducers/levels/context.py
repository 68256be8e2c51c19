"""C: coarticulation (SPEC §10): handshape assimilation, movement reduction, and location anticipation.

C reads frame labels and writes the units that were intended. A unit is always possible unchanged. Every input has at most one
path: each state has at most one arc per label.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pynini
from pywrapfst import Arc


@dataclass(frozen=True)
class Change:
    """A contextual form of a unit. reads: label of the form; writes: label of the unit; cost: −log of its probability.

    handshape: for assimilation, the handshape of the form, which is that of the previous unit, at the same location.
    location: for anticipation, the location of the form, which is that of the next unit. Both None: possible in every context
    (reduction).
    """

    reads: int
    writes: int
    cost: float
    handshape: int | None = None
    location: int | None = None


@dataclass(frozen=True)
class ContextClass:
    """What a unit's neighbours may take from it: its handshape and its location, as codes."""

    handshape: int
    location: int


@dataclass(frozen=True)
class _State:
    """previous: class of the previous unit, if a change depends on it. promised: location that the next unit must have."""

    previous: ContextClass | None = None
    promised: int | None = None


@dataclass
class _ContextBuilder:
    """C while it is built. Only states that can be reached are added."""

    units: Sequence[ContextClass]
    changes: Sequence[Change]
    fst: pynini.Fst = field(default_factory=pynini.Fst)
    numbers: dict[_State, int] = field(default_factory=dict)
    unfinished: list[_State] = field(default_factory=list)

    def __post_init__(self) -> None:
        changes = (change for change in self.changes if change.handshape is not None)
        self._relevant = {(change.handshape, self.units[change.writes - 1].location) for change in changes}

    def number(self, state: _State) -> int:
        """The number of a state, which is added if it is new."""
        if state not in self.numbers:
            self.numbers[state] = self.fst.add_state()
            self.unfinished.append(state)
            if state.promised is None:
                self.fst.set_final(self.numbers[state])
        return self.numbers[state]

    def after(self, unit: int, promised: int | None = None) -> int:
        """The number of the state after a unit."""
        unit_class = self.units[unit - 1]
        relevant = (unit_class.handshape, unit_class.location) in self._relevant
        return self.number(_State(unit_class if relevant else None, promised))

    def applies(self, change: Change, state: _State) -> bool:
        """Whether a contextual form may be read in a state."""
        location = self.units[change.writes - 1].location
        if change.handshape is not None and state.previous != ContextClass(change.handshape, location):
            return False
        return state.promised in (None, location)

    def arcs(self, state: _State, passing: Iterable[int]) -> list[Arc]:
        """All arcs that leave a state."""
        arcs = []
        for label, unit_class in enumerate(self.units, 1):
            if state.promised in (None, unit_class.location):
                arcs.append(Arc(label, label, 0.0, self.after(label)))
        if state.promised is None:
            arcs += [Arc(label, label, 0.0, self.number(_State())) for label in passing]
        for change in self.changes:
            if self.applies(change, state):
                target = self.after(change.writes, change.location)
                arcs.append(Arc(change.reads, change.writes, change.cost, target))
        return arcs


def context(units: Sequence[ContextClass], changes: Iterable[Change], passing: Iterable[int] = ()) -> pynini.Fst:
    """C over units 1…U.

    units: (U,) the class of each. passing: further labels, which are copied and have no effect as neighbours. Raises
    ValueError if a label can be read as two units in one context.
    """
    builder, passing = _ContextBuilder(units, tuple(changes)), tuple(passing)
    builder.fst.set_start(builder.number(_State()))
    while builder.unfinished:
        state = builder.unfinished.pop()
        labels: set[int] = set()
        for arc in builder.arcs(state, passing):
            if arc.ilabel in labels:
                raise ValueError(f"label {arc.ilabel} is read as two units in one context")
            labels.add(arc.ilabel)
            builder.fst.add_arc(builder.numbers[state], arc)
    return builder.fst.arcsort("olabel")
