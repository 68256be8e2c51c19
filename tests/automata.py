"""What tests of automata share."""

import math
from collections.abc import Sequence

import pynini

from asl.transducers.cascade import linear_acceptor


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


def outputs(fst: pynini.Fst, labels: Sequence[int]) -> dict[tuple[int, ...], float]:
    """What is written for a string, with its least cost."""
    composed = pynini.compose(linear_acceptor(labels), fst)
    found: dict[tuple[int, ...], float] = {}

    def walk(state, said, cost):
        if float(composed.final(state)) != math.inf:
            found[said] = min(found.get(said, math.inf), cost)
        for arc in composed.arcs(state):
            walk(arc.nextstate, (*said, arc.olabel) if arc.olabel else said, cost + float(arc.weight))

    if composed.num_states():
        walk(composed.start(), (), 0.0)
    return found


def with_free_backoff(fst: pynini.Fst, labels: Sequence[int], backoff: int) -> float:
    """What a label sequence costs where backing off is free to choose, as in a decoder: ε arcs."""
    best = {fst.start(): 0.0}

    def closed(costs: dict[int, float]) -> dict[int, float]:
        queue = list(costs)
        while queue:
            state = queue.pop()
            for arc in fst.arcs(state):
                cost = costs[state] + float(arc.weight)
                if arc.ilabel == backoff and cost < costs.get(arc.nextstate, math.inf) - 1e-9:
                    costs[arc.nextstate] = cost
                    queue.append(arc.nextstate)
        return costs

    for label in labels:
        new: dict[int, float] = {}
        for state, cost in closed(best).items():
            for arc in fst.arcs(state):
                if arc.ilabel == label:
                    new[arc.nextstate] = min(new.get(arc.nextstate, math.inf), cost + float(arc.weight))
        best = new
    return min((cost + float(fst.final(state)) for state, cost in closed(best).items()), default=math.inf)
