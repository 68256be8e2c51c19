"""H: frames → units. How long each unit lasts (SPEC §10)."""

import math
from collections.abc import Sequence

import pynini

#: A unit of mean duration d frames goes on with probability 1 − 1/d; below this many it could never go on at all.
LEAST_DURATION = 1.01


def compose_observation(
    units_to_words: pynini.Fst, durations: Sequence[float], shortest: Sequence[int] = (), longest: Sequence[int] = ()
) -> pynini.Fst:
    """H ∘ the rest: an arc of a unit becomes states that read frames of that unit.

    units_to_words: any part of the cascade that reads units 1…U. durations: mean frames of each, (U,); shortest, longest: the
    fewest and the most that it takes, (U,); one if shortest is not given, any number if longest is not or is 0. Frame labels are
    the units' own. Written out rather than composed: states are (state, unit that led there, frames of it so far up to its
    shortest), and no arc but the ε that was there before reads nothing, which the decoder would have to follow in every frame.
    Only a unit that has an end adds some, from each frame after which it may be left to where it is left.
    """
    least = shortest or [1] * len(durations)
    # Beyond the shortest, the time that is left is geometric.
    stay = [1 - 1 / max(LEAST_DURATION, one - few + 1) for one, few in zip(durations, least, strict=True)]
    out = pynini.Fst()
    numbers: dict[tuple[int, int], int] = {}
    queue: list[tuple[int, int]] = []

    def number(state: int, unit: int) -> int:
        if (state, unit) not in numbers:
            numbers[state, unit] = out.add_state()
            queue.append((state, unit))
        return numbers[state, unit]

    out.set_start(number(units_to_words.start(), 0))
    while queue:
        state, unit = queue.pop()
        own = numbers[state, unit]
        leave = 0.0
        if unit:
            leave = -math.log(1 - stay[unit - 1])
            own = _while(out, own, unit, stay[unit - 1], least[unit - 1], longest[unit - 1] if longest else 0)
        final = float(units_to_words.final(state))
        if final != math.inf:
            out.set_final(own, final + leave)
        for arc in units_to_words.arcs(state):
            # What reads nothing leaves the unit as well, and comes to a state of no unit.
            out.add_arc(own, pynini.Arc(arc.ilabel, arc.olabel, float(arc.weight) + leave, number(arc.nextstate, arc.ilabel)))
    return out.arcsort("ilabel")


def _while(out: pynini.Fst, state: int, unit: int, stay: float, least: int, most: int) -> int:
    """Reads on in a unit, of which one frame has been read in `state`; the state in which it may be left."""
    cost = -math.log(stay)

    def on(here: int, there: int, cost: float) -> int:
        out.add_arc(here, pynini.Arc(unit, 0, cost, there))
        return there

    for _ in range(least - 1):
        state = on(state, out.add_state(), 0.0)
    if not most:
        return on(state, state, cost)
    end = out.add_state()
    for _ in range(most - least):
        out.add_arc(state, pynini.Arc(0, 0, 0.0, end))
        state = on(state, out.add_state(), cost)
    out.add_arc(state, pynini.Arc(0, 0, 0.0, end))
    return end
