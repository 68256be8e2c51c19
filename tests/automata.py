"""Helpers for tests of transducers: costs and outputs by exhaustive search."""

import math
from collections.abc import Sequence

import pynini
from pywrapfst import Arc

from asl.transducers.cascade import linear_acceptor

Outputs = dict[tuple[int, ...], float]


def cost_with_failure_arcs(fst: pynini.Fst, labels: Sequence[int], backoff: int) -> float:
    """The cost of a label sequence, where backoff is taken only if there is no other arc: the n-gram's own −log p."""
    state, cost = fst.start(), 0.0
    for label in labels:
        while (arc := _arc(fst, state, label)) is None:
            back = _arc(fst, state, backoff)
            if back is None:
                return math.inf
            state, cost = back.nextstate, cost + float(back.weight)
        state, cost = arc.nextstate, cost + float(arc.weight)
    while float(fst.final(state)) == math.inf:
        back = _arc(fst, state, backoff)
        if back is None:
            return math.inf
        state, cost = back.nextstate, cost + float(back.weight)
    return cost + float(fst.final(state))


def _arc(fst: pynini.Fst, state: int, label: int) -> Arc | None:
    return next((arc for arc in fst.arcs(state) if arc.ilabel == label), None)


def cost_with_epsilon_backoff(fst: pynini.Fst, labels: Sequence[int], backoff: int) -> float:
    """The cost of a label sequence, where backoff may be taken in every state, as in a decoder."""
    best = {fst.start(): 0.0}

    def closure(costs: dict[int, float]) -> dict[int, float]:
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
        next_best: dict[int, float] = {}
        for state, cost in closure(best).items():
            for arc in fst.arcs(state):
                if arc.ilabel == label:
                    next_best[arc.nextstate] = min(next_best.get(arc.nextstate, math.inf), cost + float(arc.weight))
        best = next_best
    return min((cost + float(fst.final(state)) for state, cost in closure(best).items()), default=math.inf)


def outputs(fst: pynini.Fst, labels: Sequence[int]) -> Outputs:
    """The outputs for an input string, with the least cost of each."""
    return all_outputs(pynini.compose(linear_acceptor(labels), fst))


def all_outputs(fst: pynini.Fst) -> Outputs:
    """The outputs of an acyclic transducer, with the least cost of each."""
    costs: Outputs = {}

    def walk(state, written, cost):
        final = float(fst.final(state))
        if final != math.inf:
            costs[written] = min(costs.get(written, math.inf), cost + final)
        for arc in fst.arcs(state):
            walk(arc.nextstate, (*written, arc.olabel) if arc.olabel else written, cost + float(arc.weight))

    if fst.num_states():
        walk(fst.start(), (), 0.0)
    return costs
