"""The cascade H ∘ C ∘ M ∘ D ∘ L ∘ G: six transducers, composed in the order that keeps the result small (SPEC §10).

L∘G is determinised and minimised first. Then D, M and C are composed before it, from the words towards the frames, and H is
expanded last. Every transducer reads what the next lower one writes, and is also kept by itself, so that it can be inspected.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pynini
from pywrapfst import Arc, FstIOError

from asl.transducers.level_names import EXPLAINED, FULL_CASCADE, LEXICON_GRAMMAR, file_name
from asl.transducers.levels.context import Change, ContextClass, context
from asl.transducers.levels.discourse import ReferenceSymbols, discourse
from asl.transducers.levels.grammar import grammar
from asl.transducers.levels.lexicon import Pronunciation, lexicon, lexicon_grammar
from asl.transducers.levels.morphology import FusedForm, morphology
from asl.transducers.levels.ngram import NGram
from asl.transducers.levels.observation import compose_observation


@dataclass(frozen=True)
class KnowledgeSources:
    """What the six transducers are built from.

    glosses: V, labels 1…V. durations: (N,) mean frames of every frame label: units 1…U, U = len(context_classes), then their
    contextual forms. context_classes: (U,) of each unit. pronunciations: of the glosses, over the labels that D writes.
    language: the n-gram. references: points and movements between loci among the units. forms: fused signs. changes: contextual
    forms. rest: the unit between signs, or 0. language_weight: power of the n-gram's probabilities. penalty: cost of every
    gloss, a reward if negative. shortest, longest: the fewest and the most frames of each frame label; () for 1 and for no limit.
    """

    glosses: tuple[str, ...]
    durations: tuple[float, ...]
    context_classes: tuple[ContextClass, ...]
    pronunciations: tuple[Pronunciation, ...]
    language: NGram
    references: ReferenceSymbols
    forms: tuple[FusedForm, ...] = ()
    changes: tuple[Change, ...] = ()
    rest: int = 0
    language_weight: float = 1.0
    penalty: float = 0.0
    shortest: tuple[int, ...] = ()
    longest: tuple[int, ...] = ()

    @property
    def units(self) -> int:
        """U, the number of units."""
        return len(self.context_classes)


@dataclass(frozen=True)
class TransducerSize:
    """Figures of a transducer: states, arcs, bytes of its file (0 if not written), seconds to build it."""

    name: str
    states: int
    arcs: int
    bytes: int
    seconds: float

    @property
    def out_degree(self) -> float:
        """Mean arcs per state."""
        return self.arcs / self.states if self.states else 0.0


@dataclass
class Cascade:
    """The transducers by name, C, M, D, L, G, L∘G and the full cascade, and the seconds to build each."""

    fsts: dict[str, pynini.Fst] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, build: Callable[[], pynini.Fst]) -> pynini.Fst:
        """Builds a transducer and measures the time."""
        started = time.perf_counter()
        self.fsts[name] = build()
        self.seconds[name] = time.perf_counter() - started
        return self.fsts[name]

    def write(self, folder: Path) -> list[TransducerSize]:
        """Writes each transducer as an OpenFst file, `file_name(name)`; returns their sizes."""
        sizes = []
        for name, fst in self.fsts.items():
            path = folder / file_name(name)
            _write_atomically(fst, path)
            arcs = sum(fst.num_arcs(state) for state in fst.states())
            sizes.append(TransducerSize(name, fst.num_states(), arcs, path.stat().st_size, round(self.seconds[name], 3)))
        return sizes


def build_cascade(knowledge: KnowledgeSources, prune: float = 0.0) -> Cascade:
    """Builds all transducers and the full cascade.

    prune: nats; drops arcs that are on no path within this of the best one; 0 keeps all. Raises ValueError if there are no
    pronunciations, labels do not fit, or nothing is left after pruning.
    """
    if not knowledge.pronunciations:
        raise ValueError("no gloss has a pronunciation")
    cascade = Cascade()
    entries, glosses, rest = knowledge.pronunciations, len(knowledge.glosses), knowledge.rest
    units = knowledge.references.highest_label
    g = cascade.add("G", lambda: scale_weights(grammar(knowledge.language, knowledge.glosses), knowledge.language_weight))
    cascade.add("L", lambda: lexicon(entries, units, glosses, rest)[0])
    lg = cascade.add(LEXICON_GRAMMAR, lambda: lexicon_grammar(entries, g, units, glosses, rest))
    d = cascade.add("D", lambda: discourse(knowledge.references, rest))
    m = cascade.add("M", lambda: morphology(knowledge.forms, range(1, knowledge.units + 1)))
    c = cascade.add("C", lambda: context(knowledge.context_classes, knowledge.changes))
    units_to_words = _add_penalty(_compose(c, _compose(m, _compose(d, lg)), prune), knowledge.penalty)
    full = cascade.add(
        FULL_CASCADE,
        lambda: compose_observation(units_to_words, knowledge.durations, knowledge.shortest, knowledge.longest),
    )
    if not full.num_states():
        raise ValueError("the cascade accepts nothing; prune less")
    return cascade


def _compose(lower: pynini.Fst, upper: pynini.Fst, prune: float = 0.0) -> pynini.Fst:
    """lower ∘ upper, pruned. A lower transducer that changes nothing is skipped."""
    composed = upper.copy() if _is_identity(lower) else pynini.compose(lower, upper.arcsort("ilabel"), connect=True)
    return (composed.prune(weight=prune) if prune else composed).arcsort("ilabel")


def _is_identity(fst: pynini.Fst) -> bool:
    """Whether it has one state, and copies every label at no cost."""
    if fst.num_states() != 1:
        return False
    return all(arc.ilabel == arc.olabel and not float(arc.weight) for arc in fst.arcs(fst.start()))


def prune_graph_file(path: Path, weight: float) -> None:
    """Drops from the graph in a file, in place, arcs that are on no path within `weight` nats of the best one.

    Raises ValueError if nothing is left.
    """
    fst = pynini.Fst.read(str(path)).prune(weight=weight).connect()
    if not fst.num_states():
        raise ValueError("nothing is left of the graph; prune less")
    _write_atomically(fst, path)


def _write_atomically(fst: pynini.Fst, path: Path) -> None:
    temporary = f"{path}.tmp"
    fst.write(temporary)
    os.replace(temporary, path)


def _add_penalty(fst: pynini.Fst, penalty: float) -> pynini.Fst:
    """Adds a cost to every gloss.

    This comes after all other operations, because a reward may create a cycle of negative cost, on which minimisation and
    pruning do not end.
    """
    if not penalty:
        return fst
    for state in fst.states():
        arcs = fst.mutable_arcs(state)
        for arc in arcs:
            if arc.olabel:
                arc.weight = float(arc.weight) + penalty
                arcs.set_value(arc)
    return fst


def scale_weights(fst: pynini.Fst, power: float) -> pynini.Fst:
    """The transducer with all weights multiplied by `power`."""
    return fst if power == 1 else pynini.arcmap(fst, map_type="power", power=power)


# Explanation of paths ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LevelStep:
    """Part of a path through one transducer. reads, writes: labels. first, last: range [first, last) of the input string.

    cost: nats, of this transducer alone.
    """

    reads: tuple[int, ...]
    writes: tuple[int, ...]
    cost: float
    first: int
    last: int


def read_levels(folder: Path) -> dict[str, pynini.Fst]:
    """The transducers that `explain_path` needs. Raises ValueError if one is missing or not an OpenFst file."""
    return {name: read_level(folder, name) for name in EXPLAINED}


def read_level(folder: Path, name: str) -> pynini.Fst:
    """A transducer written by `Cascade.write`. Raises ValueError if it is missing or not an OpenFst file."""
    try:
        return pynini.Fst.read(str(folder / file_name(name)))
    except FstIOError as error:
        raise ValueError(str(error)) from error


def explain_path(
    fsts: dict[str, pynini.Fst], labels: Sequence[int], words: Sequence[int], *, complete: bool = True
) -> dict[str, list[LevelStep]]:
    """The best path that reads `labels` as `words`, level by level: C, M, D, L∘G.

    labels: frame labels, one per visit. complete: whether the path must end in a final state of every level; otherwise it may end
    anywhere. Raises ValueError if there is no path.
    """
    if not complete:
        fsts = {name: _all_final(fsts[name]) for name in EXPLAINED}
    upper = [linear_acceptor(words)]
    for name in reversed(EXPLAINED):
        upper.insert(0, pynini.compose(fsts[name].copy().arcsort("olabel"), upper[0]).project("input").arcsort("ilabel"))
    steps: dict[str, list[LevelStep]] = {}
    read = list(labels)
    for name, accepted in zip(EXPLAINED, upper[1:], strict=True):
        path = pynini.shortestpath(pynini.compose(_transduce(read, fsts[name]), accepted))
        if not path.num_states():
            raise ValueError("no path reads these labels as these words")
        steps[name] = _with_costs(list(_path_steps(path)), read, fsts[name])
        read = [label for step in steps[name] for label in step.writes]
    return steps


def _transduce(labels: Sequence[int], fst: pynini.Fst) -> pynini.Fst:
    """All paths of the transducer that read these labels, sorted for a further composition."""
    return pynini.compose(linear_acceptor(labels), fst).arcsort("olabel")


def _path_steps(path: pynini.Fst) -> Iterator[LevelStep]:
    """The steps of a linear transducer, without costs. What is written without reading belongs to the step before it."""
    state, position = path.start(), 0
    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    while path.num_arcs(state):
        (arc,) = path.arcs(state)
        if arc.ilabel and (reads or writes):
            yield LevelStep(reads, writes, 0.0, position - len(reads), position)
            reads, writes = (), ()
        if arc.ilabel:
            reads, position = (*reads, arc.ilabel), position + 1
        if arc.olabel:
            writes = (*writes, arc.olabel)
        state = arc.nextstate
    if reads or writes:
        yield LevelStep(reads, writes, 0.0, position - len(reads), position)


def _with_costs(steps: list[LevelStep], labels: Sequence[int], fst: pynini.Fst) -> list[LevelStep]:
    """The steps with the cost of each in this transducer alone."""
    if not steps:
        return []
    written = [label for step in steps for label in step.writes]
    path = pynini.shortestpath(pynini.compose(_transduce(labels, fst), linear_acceptor(written)))
    costs = [0.0] * len(steps)
    state, position, number = path.start(), 0, 0
    while path.num_arcs(state):
        (arc,) = path.arcs(state)
        position += bool(arc.ilabel)
        while number < len(steps) - 1 and position > steps[number].last:
            number += 1
        costs[number] += float(arc.weight)
        state = arc.nextstate
    costs[-1] += float(path.final(state))
    return [replace(step, cost=cost) for step, cost in zip(steps, costs, strict=True)]


def _all_final(fst: pynini.Fst) -> pynini.Fst:
    """A copy in which a path may end in any state."""
    fst = fst.copy()
    for state in fst.states():
        if float(fst.final(state)) == math.inf:
            fst.set_final(state)
    return fst


def linear_acceptor(labels: Sequence[int]) -> pynini.Fst:
    """The acceptor of one string."""
    fst = pynini.Fst()
    fst.add_states(len(labels) + 1)
    fst.set_start(0)
    for position, label in enumerate(labels):
        fst.add_arc(position, Arc(label, label, 0.0, position + 1))
    fst.set_final(len(labels))
    return fst
