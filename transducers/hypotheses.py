"""N-best search: the best distinct gloss sequences of a clip, each with its best path through the cascade (SPEC §11).

Scores are (T, N) natural log-likelihoods, as for `Decoder`.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import kaldifst
import numpy as np
from kaldi_decoder import DecodableCtc, FasterDecoder, FasterDecoderOptions, LatticeSimpleDecoder, LatticeSimpleDecoderConfig

from asl.transducers.decoder import checked_scores, path_arcs, read_graph

#: A beam that prunes nothing: the graph of one gloss sequence is small.
UNLIMITED_BEAM = 1e9


@dataclass(frozen=True)
class Hypothesis:
    """words: gloss labels. frames: (T,) input label of each frame on the best path. graph_cost: nats, of this path alone."""

    words: tuple[int, ...]
    frames: tuple[int, ...]
    graph_cost: float


class NBestSearch:
    """N-best search and forced alignment on a cascade's graph.

    graph: its file. beam: of the search, nats. lattice_beam: nats by which a path in the lattice may be worse than the best.
    Raises ValueError if the file is too large or not an OpenFst file.
    """

    def __init__(self, graph: Path, beam: float = 12.0, lattice_beam: float = 8.0):
        self.graph = read_graph(graph)
        self.sorted_by_word = self.graph.copy()
        kaldifst.arcsort(self.sorted_by_word, "olabel")
        self.config = LatticeSimpleDecoderConfig(beam=beam, lattice_beam=lattice_beam)

    def n_best(self, scores: np.ndarray, count: int) -> list[Hypothesis]:
        """The `count` best distinct gloss sequences, best first; [] if no path ends in a final state. scores: (T, N)."""
        search = LatticeSimpleDecoder(self.graph, self.config)
        search.decode(DecodableCtc(checked_scores(scores)))
        if not math.isfinite(search.final_relative_cost()):
            return []
        success, lattice = search.get_raw_lattice()
        return n_best(*lattice_arcs(lattice), count) if success else []

    def align(self, scores: np.ndarray, words: Sequence[int]) -> Hypothesis | None:
        """The best path of exactly these words; None if the graph has none of that many frames. scores: (T, N)."""
        graph = self._restricted(self.sorted_by_word, words)
        if not graph.num_states:
            return None
        search = FasterDecoder(graph, FasterDecoderOptions(beam=UNLIMITED_BEAM, max_active=2**31 - 1))
        search.decode(DecodableCtc(checked_scores(scores)))
        success, lattice = search.get_best_path(use_final_probs=True) if search.reached_final() else (False, None)
        if not success:
            return None
        arcs = list(path_arcs(lattice))
        frames = tuple(input_label for input_label, *_ in arcs if input_label)
        return Hypothesis(tuple(words), frames, sum(graph_cost for _, _, graph_cost, _ in arcs))

    def readable_words(self, words: Sequence[int]) -> int:
        """The length of the longest prefix of the words that some path reads, whether or not it ends in a final state."""
        open_end = self.sorted_by_word.copy()
        for state in range(open_end.num_states):
            open_end.set_final(state, kaldifst.TropicalWeight.one)
        for count in range(1, len(words) + 1):
            if not self._restricted(open_end, words[:count]).num_states:
                return count - 1
        return len(words)

    @staticmethod
    def _restricted(graph: "kaldifst.StdVectorFst", words: Sequence[int]) -> "kaldifst.StdVectorFst":
        """The graph of the paths of exactly these words; without states if there are none."""
        return kaldifst.compose(graph, kaldifst.make_linear_acceptor(list(words)))


# Lattices ------------------------------------------------------------------------------------------------------------
#: The end of every lattice.
END = -1
#: State → its arcs: next state, input label, output label, graph cost, score cost.
Arcs = dict[int, list[tuple[int, int, int, float, float]]]


@dataclass(slots=True)
class ArcChain:
    """Arcs between which no path branches. frames, words: the labels. graph_cost, cost: of the graph alone, and in total."""

    next_state: int
    frames: list[int]
    words: tuple[int, ...]
    graph_cost: float
    cost: float


class PartialPath(NamedTuple):
    """The best path to a state with some words: its cost, its last chain, and the state and words before that chain."""

    cost: float
    chain: ArcChain | None
    state: int
    words: tuple[int, ...]


#: State → words of a path to it → the best such path.
PartialPaths = dict[int, dict[tuple[int, ...], PartialPath]]


def lattice_arcs(lattice: "kaldifst.Lattice") -> tuple[int, Arcs]:
    """The first state of a lattice, and its arcs, parsed from its text form: there is no other access to them."""
    arcs: Arcs = defaultdict(list)
    for line in lattice.to_str(show_weight_one=True).splitlines():
        *labels, weight = line.split()
        graph_cost, _, score_cost = weight.partition(",")
        next_state, input_label, output_label = map(int, labels[1:]) if len(labels) == 4 else (END, 0, 0)
        arcs[int(labels[0])].append((next_state, input_label, output_label, float(graph_cost), float(score_cost)))
    return next(iter(arcs)), arcs


def n_best(start: int, arcs: Arcs, count: int) -> list[Hypothesis]:
    """The `count` cheapest distinct word sequences of an acyclic lattice, each with its cheapest path.

    Every prefix of one of the best sequences is among the best of its state, so `count` are kept per state.
    """
    chains = _chains(start, arcs)
    best: PartialPaths = defaultdict(dict)
    best[start][()] = PartialPath(0.0, None, start, ())
    for state in _topological_order(start, chains):
        paths = list(best[state].items())
        if len(paths) > count:
            paths = sorted(paths, key=lambda item: item[1].cost)[:count]
        for arc_chain in chains[state]:
            next_paths, chain_words, chain_cost = best[arc_chain.next_state], arc_chain.words, arc_chain.cost
            for words, path in paths:
                next_words, cost = words + chain_words, path.cost + chain_cost
                if next_words not in next_paths or cost < next_paths[next_words].cost:
                    next_paths[next_words] = PartialPath(cost, arc_chain, state, words)
    ranked = sorted(best[END], key=lambda words: best[END][words].cost)[:count]
    return [_trace_back(words, best) for words in ranked]


def _trace_back(words: tuple[int, ...], best: PartialPaths) -> Hypothesis:
    """The best complete path of these words."""
    frames: list[list[int]] = []
    graph_cost = 0.0
    path = best[END][words]
    while path.chain is not None:
        graph_cost += path.chain.graph_cost
        frames.append(path.chain.frames)
        path = best[path.state][path.words]
    return Hypothesis(words, tuple(chain.from_iterable(reversed(frames))), graph_cost)


def _chains(start: int, arcs: Arcs) -> dict[int, list[ArcChain]]:
    """State → the chains that leave it. Inner states are left out; most only stay in a unit for one more frame."""
    incoming = Counter(next_state for outgoing in arcs.values() for next_state, *_ in outgoing)
    inner = {state for state, outgoing in arcs.items() if len(outgoing) == 1 and incoming[state] == 1 and state != start}
    chains: dict[int, list[ArcChain]] = defaultdict(list)
    for state, outgoing in arcs.items():
        if state not in inner:
            chains[state] = [_follow_chain(arc, arcs, inner) for arc in outgoing]
    return chains


def _follow_chain(arc: tuple[int, int, int, float, float], arcs: Arcs, inner: set[int]) -> ArcChain:
    """The chain that begins with an arc."""
    state, input_label, output_label, graph_cost, score_cost = arc
    frames, words = [input_label] if input_label else [], (output_label,) if output_label else ()
    cost = graph_cost + score_cost
    while state in inner:
        ((state, input_label, output_label, added_cost, score_cost),) = arcs[state]
        if input_label:
            frames.append(input_label)
        if output_label:
            words = (*words, output_label)
        graph_cost, cost = graph_cost + added_cost, cost + added_cost + score_cost
    return ArcChain(state, frames, words, graph_cost, cost)


def _topological_order(start: int, chains: dict[int, list[ArcChain]]) -> list[int]:
    """The states that can be reached, except END, each before those that its chains lead to."""
    order: list[int] = []
    visited, stack = {start, END}, [(start, iter(chains[start]))]
    while stack:
        state, outgoing = stack[-1]
        next_state = next((arc.next_state for arc in outgoing if arc.next_state not in visited), None)
        if next_state is None:
            order.append(state)
            stack.pop()
        else:
            visited.add(next_state)
            stack.append((next_state, iter(chains[next_state])))
    return order[::-1]
