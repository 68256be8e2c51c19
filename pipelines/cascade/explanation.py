"""Explains a reading of the cascade: its best path on all levels, by frame ranges (SPEC §10)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from asl.pipelines.cascade.graph_folder import Graph
from asl.transducers.decoder import BestPath
from asl.transducers.level_names import LEXICON_GRAMMAR

if TYPE_CHECKING:
    from asl.transducers.cascade import LevelStep


@dataclass(frozen=True)
class PathStep:
    """Frames first…last − 1 on one level. reads, writes: names of the labels. cost: nats, of this level alone."""

    level: str
    first: int
    last: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    cost: float


def explain_path(graph: Graph, path: BestPath) -> list[PathStep]:
    """The steps of a path from the frames up: every unit of H, every change by C, M or D, every gloss of L∘G."""
    runs, levels = _levels(graph, path)
    name_of = _label_names(graph)
    explanation = [PathStep("H", first, last, (name_of(label),), (), 0.0) for label, first, last in runs]
    spans = [(first, last) for _, first, last in runs]
    gloss_names = graph.alphabet.names
    for level, steps in levels.items():
        written: list[tuple[int, int]] = []
        for step in _merge_by_gloss(steps) if level == LEXICON_GRAMMAR else steps:
            read_spans = spans[step.first : step.last] or [written[-1] if written else (0, 0)]
            first, last = read_spans[0][0], read_spans[-1][1]
            written += [(first, last)] * len(step.writes)
            writes = tuple(gloss_names(step.writes)) if level == LEXICON_GRAMMAR else tuple(map(name_of, step.writes))
            if step.reads != step.writes and (writes or level != LEXICON_GRAMMAR):
                reads = tuple(map(name_of, step.reads))
                explanation.append(PathStep(level, first, last, reads, writes, round(step.cost, 3)))
        spans = written
    return explanation


def _levels(graph: Graph, path: BestPath) -> tuple[list[tuple[int, int, int]], dict[str, list["LevelStep"]]]:
    """The label runs and the path above them. A run is split at new words only if it must be, for two adjacent equal units."""
    from asl.transducers.cascade import explain_path  # Pynini is not needed to translate

    for split in (False, True):
        runs = label_runs(path, split=split)
        try:
            return runs, explain_path(graph.levels, [label for label, _, _ in runs], path.words, complete=path.complete)
        except ValueError:
            if split:
                raise
    raise AssertionError


def label_runs(path: BestPath, *, split: bool) -> list[tuple[int, int, int]]:
    """(label, first, last) of every run of equal frame labels. split: a new word also begins a new run."""
    starts = set(path.starts) if split else set()
    edges = [t for t in range(1, len(path.frames)) if path.frames[t] != path.frames[t - 1] or t in starts]
    cuts = [0, *edges, len(path.frames)]
    return [(path.frames[a], a, b) for a, b in pairwise(cuts) if b > a]


def _merge_by_gloss(steps: Sequence["LevelStep"]) -> list["LevelStep"]:
    """Steps of L∘G, merged into one per gloss with the units up to the next gloss. What precedes the first gloss stays apart."""
    merged: list[LevelStep] = []
    for step in steps:
        if step.writes or not merged:
            merged.append(step)
        else:
            last = merged[-1]
            merged[-1] = replace(last, reads=(*last.reads, *step.reads), cost=last.cost + step.cost, last=step.last)
    return merged


def _label_names(graph: Graph) -> Callable[[int], str]:
    """Label → name: of a unit or form, or of a label that only D writes."""
    names = graph.card["columns"]["names"]
    written_by_d = graph.card["written"]

    def name(label: int) -> str:
        return written_by_d.get(str(label)) or names[label - 1]

    return name
