"""Why the cascade read what it read: its best path through all levels, frame range by frame range (SPEC §10)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from asl.pipelines.cascade.graph_folder import Graph
from asl.transducers.decoder import BestPath
from asl.transducers.level_names import LEXICON_GRAMMAR

if TYPE_CHECKING:
    from asl.transducers.cascade import Step


@dataclass(frozen=True)
class PathStep:
    """A stretch of frames first…last − 1 on one level. reads, writes: names of the labels; cost: nats, of this level alone."""

    level: str
    first: int
    last: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    cost: float


def explain_path(graph: Graph, path: BestPath) -> list[PathStep]:
    """H: every unit with its frames. C, M, D: what they change. L∘G: every gloss. From what is seen up to the glosses."""
    runs, levels = _levels(graph, path)
    names = _names(graph)
    found = [PathStep("H", first, last, (names(label),), (), 0.0) for label, first, last in runs]
    spans = [(first, last) for _, first, last in runs]
    words = graph.alphabet.names
    for level, steps in levels.items():
        written: list[tuple[int, int]] = []
        for one in _by_word(steps) if level == LEXICON_GRAMMAR else steps:
            own = spans[one.first : one.last] or [written[-1] if written else (0, 0)]
            first, last = own[0][0], own[-1][1]
            written += [(first, last)] * len(one.writes)
            says = tuple(words(one.writes)) if level == LEXICON_GRAMMAR else tuple(map(names, one.writes))
            if one.reads != one.writes and (says or level != LEXICON_GRAMMAR):
                found.append(PathStep(level, first, last, tuple(map(names, one.reads)), says, round(one.cost, 3)))
        spans = written
    return found


def _levels(graph: Graph, path: BestPath) -> tuple[list[tuple[int, int, int]], dict[str, list["Step"]]]:
    """The stays and the path above them. Frames of one unit are one stay, unless only two signs explain them."""
    from asl.transducers.cascade import explain  # Pynini is not needed to translate

    for parted in (False, True):
        runs = label_runs(path, parted=parted)
        try:
            return runs, explain(graph.levels, [label for label, _, _ in runs], path.words, whole=path.whole)
        except ValueError:
            if parted:
                raise
    raise AssertionError


def label_runs(path: BestPath, *, parted: bool) -> list[tuple[int, int, int]]:
    """(label, first, last) of every stay in a unit. parted: a new word begins a new stay even of the same unit."""
    starts = set(path.starts) if parted else set()
    edges = [t for t in range(1, len(path.frames)) if path.frames[t] != path.frames[t - 1] or t in starts]
    cuts = [0, *edges, len(path.frames)]
    return [(path.frames[a], a, b) for a, b in pairwise(cuts) if b > a]


def _by_word(steps: Sequence["Step"]) -> list["Step"]:
    """Steps of L∘G, a gloss with all units up to the next one as one step; what comes before the first gloss stands alone."""
    out: list[Step] = []
    for one in steps:
        if one.writes or not out:
            out.append(one)
        else:
            last = out[-1]
            out[-1] = replace(last, reads=(*last.reads, *one.reads), cost=last.cost + one.cost, last=one.last)
    return out


def _names(graph: Graph):
    """Label → name: a unit or form, else what D writes above them."""
    own = graph.card["columns"]["names"]
    above = graph.card["written"]

    def name(label: int) -> str:
        return above.get(str(label)) or own[label - 1]

    return name
