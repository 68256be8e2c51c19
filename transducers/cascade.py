"""The cascade H ∘ C ∘ M ∘ D ∘ L ∘ G: six transducers, composed in the order that keeps it small (SPEC §10).

L∘G is determinised and minimised first; then D, M and C are put before it, from the words down to what is seen; H is
written out last. Every transducer reads what the one above it writes, and can be looked at by itself.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pynini

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
    """What the six transducers say.

    glosses: V, labels 1…V. durations: mean frames of every label that can be seen (N,): units 1…U = len(places), then their
    forms in context; shortest, longest: the fewest and the most frames of each, () for one and for any number. places: (U,) how
    each unit is a neighbour. pronunciations: of the glosses, over the labels that `references` writes. references: the points and
    movements between loci among the units. forms: fused signs. changes: what neighbours do. language: the n-gram;
    language_weight: power of its probabilities. rest: the unit between signs, or 0. penalty: cost of every gloss, below 0 a
    reward.
    """

    glosses: tuple[str, ...]
    durations: tuple[float, ...]
    places: tuple[ContextClass, ...]
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
        return len(self.places)


@dataclass(frozen=True)
class TransducerSize:
    """Of a transducer: states, arcs, mean arcs a state, bytes of its file (0: not written), seconds to build it."""

    name: str
    states: int
    arcs: int
    bytes: int
    seconds: float

    @property
    def out_degree(self) -> float:
        return self.arcs / self.states if self.states else 0.0


@dataclass
class Cascade:
    """The transducers by name, as far as they were built: C, M, D, L, G, L∘G and the whole."""

    fsts: dict[str, pynini.Fst] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def write(self, folder: Path) -> list[TransducerSize]:
        """Writes each as an OpenFst file, `file_name(name)`; their sizes."""
        sizes = []
        for name, fst in self.fsts.items():
            path = folder / file_name(name)
            fst.write(str(path) + ".tmp")
            os.replace(str(path) + ".tmp", path)
            arcs = sum(fst.num_arcs(state) for state in fst.states())
            sizes.append(TransducerSize(name, fst.num_states(), arcs, path.stat().st_size, round(self.seconds[name], 3)))
        return sizes


def build_cascade(known: KnowledgeSources, prune: float = 0.0) -> Cascade:
    """All transducers and the whole. prune: arcs on no path within so much of the best one are dropped, nats; 0 keeps all.

    Raises ValueError: no pronunciations, labels that do not fit, or nothing left after pruning.
    """
    if not known.pronunciations:
        raise ValueError("no gloss has a pronunciation")
    made = Cascade()

    def timed(name: str, how: Callable[[], pynini.Fst]) -> pynini.Fst:
        started = time.perf_counter()
        made.fsts[name] = how()
        made.seconds[name] = time.perf_counter() - started
        return made.fsts[name]

    written = known.references.written
    passing = range(1, known.units + 1)
    g = timed("G", lambda: scale_weights(grammar(known.language, known.glosses), known.language_weight))
    timed("L", lambda: lexicon(known.pronunciations, written, len(known.glosses), known.rest)[0])
    lg = timed(LEXICON_GRAMMAR, lambda: lexicon_grammar(known.pronunciations, g, written, len(known.glosses), known.rest))
    d = timed("D", lambda: discourse(known.references, known.rest))
    m = timed("M", lambda: morphology(known.forms, passing))
    c = timed("C", lambda: context(known.places, known.changes))
    below = _charged(_before(c, _before(m, _before(d, lg)), prune), known.penalty)
    timed(FULL_CASCADE, lambda: compose_observation(below, known.durations, known.shortest, known.longest))
    if not made.fsts[FULL_CASCADE].num_states():
        raise ValueError("the cascade accepts nothing; prune less")
    return made


def _before(upper: pynini.Fst, rest: pynini.Fst, prune: float = 0.0) -> pynini.Fst:
    """upper ∘ rest; one that changes nothing is left out."""
    if upper.num_states() == 1 and all(arc.ilabel == arc.olabel and not float(arc.weight) for arc in upper.arcs(upper.start())):
        composed = rest.copy()
    else:
        composed = pynini.compose(upper, rest.arcsort("ilabel"), connect=True)
    return (composed.prune(weight=prune) if prune else composed).arcsort("ilabel")


def prune_graph_file(path: Path, weight: float) -> None:
    """Drops from the graph in a file, in place, what is on no path within so much of the best one, nats."""
    fst = pynini.Fst.read(str(path)).prune(weight=weight).connect()
    if not fst.num_states():
        raise ValueError("nothing is left of the graph; prune less")
    fst.write(str(path) + ".tmp")
    os.replace(str(path) + ".tmp", path)


def _charged(fst: pynini.Fst, penalty: float) -> pynini.Fst:
    """Each gloss at its cost: last of all, as a reward may make a cycle that minimising and pruning would follow for ever."""
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
    """All weights times `power`."""
    return fst if power == 1 else pynini.arcmap(fst, map_type="power", power=power)


# What a path means ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LevelStep:
    """A stretch of a path through one transducer. reads, writes: labels; first, last: places in the string that is read."""

    reads: tuple[int, ...]
    writes: tuple[int, ...]
    cost: float
    first: int
    last: int


def read_levels(folder: Path) -> dict[str, pynini.Fst]:
    """The transducers that `explain_path` needs. Raises ValueError: gone, or no OpenFst file."""
    return {name: read_level(folder, name) for name in EXPLAINED}


def read_level(folder: Path, name: str) -> pynini.Fst:
    """A transducer as `Cascade.write` wrote it. Raises ValueError: gone, or no OpenFst file."""
    try:
        return pynini.Fst.read(str(folder / file_name(name)))
    except pynini.FstIOError as error:
        raise ValueError(str(error)) from error


def explain_path(
    fsts: dict[str, pynini.Fst], seen: Sequence[int], words: Sequence[int], *, complete: bool = True
) -> dict[str, list[LevelStep]]:
    """The best path that reads `seen` (labels, one a stay in a unit) as `words`, level by level: C, M, D, L∘G.

    complete: whether the path comes to an end of every level; else it may break off anywhere. Raises ValueError if there is none.
    """
    if not complete:
        fsts = {name: _ending_anywhere(fsts[name]) for name in EXPLAINED}
    after = [linear_acceptor(words)]
    for name in reversed(EXPLAINED):
        after.insert(0, pynini.compose(fsts[name].copy().arcsort("olabel"), after[0]).project("input").arcsort("ilabel"))
    found, read = {}, list(seen)
    for name, onwards in zip(EXPLAINED, after[1:], strict=True):
        path = pynini.shortestpath(pynini.compose(pynini.compose(linear_acceptor(read), fsts[name]).arcsort("olabel"), onwards))
        if not path.num_states():
            raise ValueError("no path reads these labels as these words")
        found[name] = _own_costs(list(_steps(path)), read, fsts[name])
        read = [label for step in found[name] for label in step.writes]
    return found


def _steps(path: pynini.Fst) -> Iterator[LevelStep]:
    """Of a path of one string: each arc, and what is written without reading beside the arc before it."""
    state, at = path.start(), 0
    reads, writes = (), ()
    while path.num_arcs(state):
        (arc,) = path.arcs(state)
        if arc.ilabel and (reads or writes):
            yield LevelStep(reads, writes, 0.0, at - len(reads), at)
            reads, writes = (), ()
        if arc.ilabel:
            reads, at = (*reads, arc.ilabel), at + 1
        if arc.olabel:
            writes = (*writes, arc.olabel)
        state = arc.nextstate
    if reads or writes:
        yield LevelStep(reads, writes, 0.0, at - len(reads), at)


def _own_costs(steps: list[LevelStep], read: Sequence[int], fst: pynini.Fst) -> list[LevelStep]:
    """The steps with what each costs in this transducer alone."""
    if not steps:
        return []
    wrote = [label for step in steps for label in step.writes]
    alone = pynini.shortestpath(
        pynini.compose(pynini.compose(linear_acceptor(read), fst).arcsort("olabel"), linear_acceptor(wrote))
    )
    costs: list[float] = [0.0] * len(steps)
    state, at, number = alone.start(), 0, 0
    while alone.num_arcs(state):
        (arc,) = alone.arcs(state)
        at += bool(arc.ilabel)
        while number < len(steps) - 1 and at > steps[number].last:
            number += 1
        costs[number] += float(arc.weight)
        state = arc.nextstate
    costs[-1] += float(alone.final(state))
    return [LevelStep(one.reads, one.writes, cost, one.first, one.last) for one, cost in zip(steps, costs, strict=True)]


def _ending_anywhere(fst: pynini.Fst) -> pynini.Fst:
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
    for at, label in enumerate(labels):
        fst.add_arc(at, pynini.Arc(label, label, 0.0, at + 1))
    fst.set_final(len(labels))
    return fst
