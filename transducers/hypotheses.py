"""Readings of a clip that compete: the N best distinct gloss strings of the cascade, each on its best path (SPEC §11).

Scores are (T, N) natural log-likelihoods, as `Decoder` reads them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import kaldifst
import numpy as np
from kaldi_decoder import DecodableCtc, FasterDecoder, FasterDecoderOptions, LatticeSimpleDecoder, LatticeSimpleDecoderConfig

from asl.transducers.decoder import checked_scores, path_arcs, read_graph

#: A beam that nothing falls out of: the graph of one gloss string is small.
UNLIMITED_BEAM = 1e9


@dataclass(frozen=True)
class Hypothesis:
    """words: gloss labels. frames: (T,) the input label of each frame on the best path. graph_cost: of that path alone."""

    words: tuple[int, ...]
    frames: tuple[int, ...]
    graph_cost: float


class NBestSearch:
    """A cascade's graph, searched for what competes with what. beam: of the search; lattice_beam: how much worse than the best
    a path may be, nats."""

    def __init__(self, graph: Path, beam: float = 12.0, lattice_beam: float = 8.0):
        self.graph = read_graph(graph)
        self.by_word = self.graph.copy()
        kaldifst.arcsort(self.by_word, "olabel")
        self.config = LatticeSimpleDecoderConfig(beam=beam, lattice_beam=lattice_beam)

    def n_best(self, scores: np.ndarray, most: int) -> list[Hypothesis]:
        """The best distinct gloss strings, best first; none where no path reaches an end of the grammar."""
        search = LatticeSimpleDecoder(self.graph, self.config)
        search.decode(DecodableCtc(checked_scores(scores)))
        if not math.isfinite(search.final_relative_cost()):
            return []
        found, lattice = search.get_raw_lattice()
        return n_best(*lattice_arcs(lattice), most) if found else []

    def align(self, scores: np.ndarray, words: Sequence[int]) -> Hypothesis | None:
        """The best path that says just these words; None where the graph has none of so many frames."""
        only = self._only(self.by_word, words)
        if not only.num_states:
            return None
        search = FasterDecoder(only, FasterDecoderOptions(beam=UNLIMITED_BEAM, max_active=2**31 - 1))
        search.decode(DecodableCtc(checked_scores(scores)))
        found, lattice = search.get_best_path(use_final_probs=True) if search.reached_final() else (False, None)
        if not found:
            return None
        arcs = list(path_arcs(lattice))
        return Hypothesis(tuple(words), tuple(reads for reads, *_ in arcs if reads), sum(graph for _, _, graph, _ in arcs))

    def readable_words(self, words: Sequence[int]) -> int:
        """How many of the words a path can say before there is none: their number where only the end is missing."""
        open_end = self.by_word.copy()
        for state in range(open_end.num_states):
            open_end.set_final(state, kaldifst.TropicalWeight.one)
        said = range(1, len(words) + 1)
        return next((count - 1 for count in said if not self._only(open_end, words[:count]).num_states), len(words))

    @staticmethod
    def _only(graph: "kaldifst.StdVectorFst", words: Sequence[int]) -> "kaldifst.StdVectorFst":
        """The graph of the paths that say just these words; without states if there are none."""
        return kaldifst.compose(graph, kaldifst.make_linear_acceptor(list(words)))


# Lattices --------------------------------------------------------------------------------------------------------------
#: Where a path through a lattice ends.
END = -1
#: state → (state after, label read, label said, graph cost, cost of the scores) of each arc; 0 for no label.
Arcs = dict[int, list[tuple[int, int, int, float, float]]]


@dataclass(slots=True)
class ArcChain:
    """Arcs of a lattice that follow one another without a choice."""

    after: int
    reads: list[int]
    says: tuple[int, ...]
    graph: float
    cost: float


def lattice_arcs(lattice) -> tuple[int, Arcs]:
    """The first state of a kaldifst Lattice, and its arcs. Read from its printed form: there is no other way."""
    arcs: Arcs = defaultdict(list)
    for line in lattice.to_str(show_weight_one=True).splitlines():
        *labels, weight = line.split()
        graph, _, score = weight.partition(",")
        after, reads, says = map(int, labels[1:]) if len(labels) == 4 else (END, 0, 0)
        arcs[int(labels[0])].append((after, reads, says, float(graph), float(score)))
    return next(iter(arcs)), arcs


def n_best(start: int, arcs: Arcs, most: int) -> list[Hypothesis]:
    """The `most` cheapest distinct word strings of an acyclic lattice, each on its cheapest path.

    A string among the best has only prefixes that are among the best of their state, so that many are kept of each.
    """
    leaving = _stretches(start, arcs)
    # Of each state: words so far → (cost, the stretch that came last, the state and the words before it).
    best: dict[int, dict] = defaultdict(dict)
    best[start][()] = (0.0, None, start, ())
    for state in _in_order(start, leaving):
        kept = best[state].items()
        if len(kept) > most:
            kept = sorted(kept, key=lambda item: item[1][0])[:most]
        for one in leaving[state]:
            onwards, cost, says = best[one.after], one.cost, one.says
            for words, (before, *_) in kept:
                said, total = words + says, before + cost
                if said not in onwards or total < onwards[said][0]:
                    onwards[said] = (total, one, state, words)
    ranked = sorted(best[END], key=lambda words: best[END][words][0])[:most]
    return [_hypothesis(words, best) for words in ranked]


def _hypothesis(words: tuple[int, ...], best: dict[int, dict]) -> Hypothesis:
    parts, graph, state, said = [], 0.0, END, words
    while (found := best[state][said])[1] is not None:
        _, one, state, said = found
        graph += one.graph
        parts.append(one.reads)
    return Hypothesis(words, tuple(chain.from_iterable(reversed(parts))), graph)


def _stretches(start: int, arcs: Arcs) -> dict[int, list[ArcChain]]:
    """A lattice with the states left out that only pass on: most only hold a unit for a frame more."""
    entering = Counter(after for own in arcs.values() for after, *_ in own)
    passing = {state for state, own in arcs.items() if len(own) == 1 and entering[state] == 1 and state != start}
    found: dict[int, list[ArcChain]] = defaultdict(list)
    for state, own in arcs.items():
        for arc in own if state not in passing else ():
            after, reads, says, graph, score = arc
            frames, words, cost = [reads] if reads else [], (says,) if says else (), graph + score
            while after in passing:
                ((after, reads, says, more, score),) = arcs[after]
                if reads:
                    frames.append(reads)
                if says:
                    words = (*words, says)
                graph, cost = graph + more, cost + more + score
            found[state].append(ArcChain(after, frames, words, graph, cost))
    return found


def _in_order(start: int, leaving: dict[int, list[ArcChain]]) -> list[int]:
    """States that can be reached, each before those that its stretches lead to."""
    order, seen, stack = [], {start, END}, [(start, iter(leaving[start]))]
    while stack:
        state, onwards = stack[-1]
        after = next((one.after for one in onwards if one.after not in seen), None)
        if after is None:
            order.append(state)
            stack.pop()
        else:
            seen.add(after)
            stack.append((after, iter(leaving[after])))
    return order[::-1]
