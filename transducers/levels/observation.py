"""H: frames → units, with the duration of each unit (SPEC §10)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pynini
from pywrapfst import Arc

#: A unit of mean duration d frames continues with probability 1 − 1/d; a smaller d would give 0.
MIN_DURATION = 1.01


@dataclass
class _ObservationBuilder:
    """H ∘ the upper transducer while it is built. A state is (state of the upper transducer, unit that led to it or 0)."""

    fst: pynini.Fst = field(default_factory=pynini.Fst)
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    unfinished: list[tuple[int, int]] = field(default_factory=list)

    def number(self, state: int, unit: int) -> int:
        """The number of a state, which is added if it is new."""
        if (state, unit) not in self.numbers:
            self.numbers[state, unit] = self.fst.add_state()
            self.unfinished.append((state, unit))
        return self.numbers[state, unit]


def compose_observation(
    units_to_words: pynini.Fst, durations: Sequence[float], shortest: Sequence[int] = (), longest: Sequence[int] = ()
) -> pynini.Fst:
    """H ∘ `units_to_words`: every arc of a unit becomes states that read frames of that unit.

    units_to_words: reads units 1…U. durations: (U,) mean frames of each. shortest: (U,) the fewest frames of each, () for 1.
    longest: (U,) the most frames, 0 for no limit, () for no limits. The labels of frames are those of the units.

    It is expanded directly, not by composition, which would add ε arcs on the input side that the decoder has to follow in every
    frame. Only units with a longest duration have some: from each frame at which the unit may be left to its end.
    """
    least = shortest or [1] * len(durations)
    # After the shortest duration, the remaining one is geometric.
    stay = [1 - 1 / max(MIN_DURATION, mean - few + 1) for mean, few in zip(durations, least, strict=True)]
    builder = _ObservationBuilder()
    fst = builder.fst
    fst.set_start(builder.number(units_to_words.start(), 0))
    while builder.unfinished:
        state, unit = builder.unfinished.pop()
        source = builder.numbers[state, unit]
        leave = 0.0
        if unit:
            leave = -math.log(1 - stay[unit - 1])
            source = _add_duration(fst, source, unit, stay[unit - 1], least[unit - 1], longest[unit - 1] if longest else 0)
        final = float(units_to_words.final(state))
        if final != math.inf:
            fst.set_final(source, final + leave)
        for arc in units_to_words.arcs(state):
            # An ε arc leaves the unit as well, and leads to a state without a unit.
            target = builder.number(arc.nextstate, arc.ilabel)
            fst.add_arc(source, Arc(arc.ilabel, arc.olabel, float(arc.weight) + leave, target))
    return fst.arcsort("ilabel")


def _add_duration(fst: pynini.Fst, state: int, unit: int, stay: float, least: int, most: int) -> int:
    """Adds the arcs that read further frames of a unit, whose first frame leads to `state`.

    least, most: frames, including the first; most is 0 for no limit. Returns the state in which the unit may be left.
    """

    def read_frame(source: int, target: int, cost: float) -> int:
        fst.add_arc(source, Arc(unit, 0, cost, target))
        return target

    cost = -math.log(stay)
    for _ in range(least - 1):
        state = read_frame(state, fst.add_state(), 0.0)
    if not most:
        return read_frame(state, state, cost)
    end = fst.add_state()
    for _ in range(most - least):
        fst.add_arc(state, Arc(0, 0, 0.0, end))
        state = read_frame(state, fst.add_state(), cost)
    fst.add_arc(state, Arc(0, 0, 0.0, end))
    return end
