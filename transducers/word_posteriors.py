"""How sure a cascade is of a word: its posterior against what other paths of the lattice read in its place (SPEC §7, Confidence).

What a path reads in a frame is the word that it is in, or nothing while it rests. Every alternative is scored by its best path
through the whole clip, found by one pass forwards and one backwards, and the posterior is the softmax over these scores. The path
that was read is the best of all, so no other word is ever likelier than the one that was read.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import kaldifst
import numpy as np
from kaldi_decoder import DecodableCtc, LatticeSimpleDecoder, LatticeSimpleDecoderConfig

from asl.transducers.decoder import SearchOptions, checked_scores
from asl.transducers.hypotheses import END, Arcs, lattice_arcs

#: Alternatives that are worse than the best path by more than this have posteriors below 0.0004, and are left out.
LATTICE_BEAM_NATS = 8.0
#: The words that begin together where a path is, such as the verb and the object of a fused sign; () while it rests.
Words = tuple[int, ...]
#: Words → the cost of the best path that reads them in some place, nats.
Costs = dict[Words, float]


def search_lattice(graph: "kaldifst.StdVectorFst", scores: np.ndarray, options: SearchOptions) -> tuple[int, Arcs] | None:
    """The first state and the arcs of a clip's lattice; None if no path reaches its end. scores: (T, N)."""
    search = LatticeSimpleDecoder(graph, LatticeSimpleDecoderConfig(beam=options.beam, lattice_beam=LATTICE_BEAM_NATS))
    search.decode(DecodableCtc(checked_scores(scores)))
    success, lattice = search.get_raw_lattice()
    return lattice_arcs(lattice) if success else None


def costs_in_frames(start: int, arcs: Arcs, frames: Sequence[int], rest: int) -> list[Costs]:
    """What the paths of a lattice read in each of these frames. rest: the frame label between signs, or 0 for none."""
    order = _topological_order(start, arcs)
    times, backward, forward = _times(order, arcs), _backward(order, arcs), _forward(order, arcs)
    by_frame: dict[int, Costs] = {frame: {} for frame in frames}
    for state in order:
        costs = by_frame.get(times[state])
        if costs is None:
            continue
        for next_state, label, word, graph_cost, score_cost in arcs.get(state, ()):
            if not label:
                continue
            onward = graph_cost + score_cost + backward[next_state]
            for (words, together), cost in forward[state].items():
                read = () if label == rest else _with_word(words, word, together)
                costs[read] = min(costs.get(read, math.inf), cost + onward)
    return [_possible(by_frame[frame]) for frame in frames]


def costs_of_last_words(start: int, arcs: Arcs) -> Costs:
    """The last words that the paths of a lattice read: all there is to read where every path has one word."""
    costs: Costs = {}
    for (words, _), cost in _forward(_topological_order(start, arcs), arcs)[END].items():
        costs[words] = min(costs.get(words, math.inf), cost)
    return costs


def word_posteriors(costs: Costs, word: int, place: int, cost: float) -> tuple[float, list[tuple[int, float]]]:
    """The posterior of the word that was read, and those of the others in its place, likeliest first.

    place: of the word among those that begin together. cost: of the path that was read, nats. Reading nothing has a share, too.
    """
    # A search with other bounds may know a better path than the one that was read. It then counts as equally good.
    best_costs = {word: cost}
    for words, other_cost in costs.items():
        other = words[min(place, len(words) - 1)] if words else 0
        if other != word:
            best_costs[other] = min(best_costs.get(other, math.inf), max(other_cost, cost))
    likelihoods = {other: math.exp(cost - other_cost) for other, other_cost in best_costs.items()}
    total = sum(likelihoods.values())
    others = sorted((other for other in likelihoods if other not in (0, word)), key=lambda other: (best_costs[other], other))
    return 1 / total, [(other, likelihoods[other] / total) for other in others]


#: (words, together): the words that began last, and whether they began in this frame, so that a next word joins them.
_Position = tuple[Words, bool]


def _with_word(words: Words, word: int, together: bool) -> Words:
    return words if not word else (*words, word) if together else (word,)


def _forward(order: Sequence[int], arcs: Arcs) -> dict[int, dict[_Position, float]]:
    """State → position in the words → the least cost from the first state."""
    forward: dict[int, dict[_Position, float]] = defaultdict(dict)
    forward[order[0]][(), False] = 0.0
    for state in order:
        for next_state, label, word, graph_cost, score_cost in arcs.get(state, ()):
            reached = forward[next_state]
            for (words, together), cost in forward[state].items():
                position = _with_word(words, word, together), not label and (together or bool(word))
                total = cost + graph_cost + score_cost
                if total < reached.get(position, math.inf):
                    reached[position] = total
    return forward


def _backward(order: Sequence[int], arcs: Arcs) -> dict[int, float]:
    """State → the least cost to the end."""
    backward = {END: 0.0}
    for state in reversed(order):
        if state != END:
            onward = (graph + score + backward[target] for target, _, _, graph, score in arcs.get(state, ()))
            backward[state] = min(onward, default=math.inf)
    return backward


def _times(order: Sequence[int], arcs: Arcs) -> dict[int, int]:
    """State → the number of frames read before it, which is the same on every path of a lattice."""
    times = {order[0]: 0}
    for state in order:
        for next_state, label, *_ in arcs.get(state, ()):
            times[next_state] = times[state] + bool(label)
    return times


def _topological_order(start: int, arcs: Arcs) -> list[int]:
    """The states that can be reached, each after those that lead to it."""
    reachable, stack = {start}, [start]
    while stack:
        for next_state, *_ in arcs.get(stack.pop(), ()):
            if next_state not in reachable:
                reachable.add(next_state)
                stack.append(next_state)
    incoming = Counter(next_state for state in reachable for next_state, *_ in arcs.get(state, ()))
    order = [start]
    for state in order:
        for next_state, *_ in arcs.get(state, ()):
            incoming[next_state] -= 1
            if not incoming[next_state]:
                order.append(next_state)
    return order


def _possible(costs: Costs) -> Costs:
    return {words: cost for words, cost in costs.items() if math.isfinite(cost)}
