"""What tests of automata share."""

from collections.abc import Sequence

import pynini


def line(labels: Sequence[int]) -> pynini.Fst:
    """The acceptor of one string."""
    fst = pynini.Fst()
    fst.add_states(len(labels) + 1)
    fst.set_start(0)
    for at, label in enumerate(labels):
        fst.add_arc(at, pynini.Arc(label, label, 0.0, at + 1))
    fst.set_final(len(labels))
    return fst


def cost_of(fst: pynini.Fst, labels: Sequence[int], backoff: int) -> float:
    """What a label sequence costs, backing off only where there is no arc: the n-gram's own −log p."""
    state, cost = fst.start(), 0.0
    for label in labels:
        while (arc := _arc(fst, state, label)) is None:
            back = _arc(fst, state, backoff)
            if back is None:
                return float("inf")
            state, cost = back.nextstate, cost + float(back.weight)
        state, cost = arc.nextstate, cost + float(arc.weight)
    while float(fst.final(state)) == float("inf"):
        back = _arc(fst, state, backoff)
        if back is None:
            return float("inf")
        state, cost = back.nextstate, cost + float(back.weight)
    return cost + float(fst.final(state))


def _arc(fst: pynini.Fst, state: int, label: int):
    return next((arc for arc in fst.arcs(state) if arc.ilabel == label), None)
