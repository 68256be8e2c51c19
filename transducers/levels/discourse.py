"""D: references are bound (SPEC §8, §10). The state is the number of loci that have been introduced.

D reads units, among them points at loci and verbs that move between loci. It writes units, and whether each point is an
introduction or a reference. So L does not depend on the discourse, and no path refers to a locus before its introduction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pynini
from pywrapfst import Arc


@dataclass(frozen=True)
class ReferenceSymbols:
    """The labels 1…`units` that D reads, and the labels above them that it writes as well.

    points: label → the locus that it points at. moves: label → the loci that an agreement verb moves between (one or two: the
    signer's own locus needs no binding). Loci count from 1 in order of introduction, up to `loci`. Raises ValueError if a
    label or a locus is out of range.
    """

    units: int
    loci: int
    points: Mapping[int, int]
    moves: Mapping[int, tuple[int, ...]]

    def __post_init__(self) -> None:
        loci = {*self.points.values(), *(locus for pair in self.moves.values() for locus in pair)}
        if not all(1 <= label <= self.units for label in (*self.points, *self.moves)) or set(self.points) & set(self.moves):
            raise ValueError(f"points and moves must be different labels of 1…{self.units}")
        if not all(1 <= locus <= self.loci for locus in loci):
            raise ValueError(f"loci {sorted(loci)} are not in 1…{self.loci}")

    def introduction(self, point: int) -> int:
        """The label that D writes for a point that binds its locus to the noun before it."""
        return self.units + 1 + sorted(self.points).index(point)

    @property
    def noun(self) -> int:
        """The label that D writes before an introduction; only pronunciations of nouns contain it."""
        return self.units + len(self.points) + 1

    @property
    def highest_label(self) -> int:
        """The highest label that D writes."""
        return self.noun if self.points else self.units

    def referents(self, label: int) -> tuple[int, ...]:
        """The loci that a label refers to: one for a point, one or two for a movement, none for any other unit."""
        return (self.points[label],) if label in self.points else self.moves.get(label, ())


def discourse(symbols: ReferenceSymbols, rest: int = 0) -> pynini.Fst:
    """D. rest: the label that may occur between a noun and the point that introduces it, or 0."""
    fst = pynini.Fst()
    bound = [fst.add_state() for _ in range(symbols.loci + 1)]
    fst.set_start(bound[0])
    for count, state in enumerate(bound):
        fst.set_final(state)
        for label in _readable(symbols, count):
            fst.add_arc(state, Arc(label, label, 0.0, state))
        introduced = [point for point, locus in symbols.points.items() if locus == count + 1]
        if introduced:
            after_noun = fst.add_state()
            fst.add_arc(state, Arc(0, symbols.noun, 0.0, after_noun))
            if rest:
                fst.add_arc(after_noun, Arc(rest, rest, 0.0, after_noun))
            for point in introduced:
                fst.add_arc(after_noun, Arc(point, symbols.introduction(point), 0.0, bound[count + 1]))
    return fst.arcsort("olabel")


def _readable(symbols: ReferenceSymbols, bound: int) -> Iterable[int]:
    """The labels that refer to the first `bound` loci only."""
    return (label for label in range(1, symbols.units + 1) if all(locus <= bound for locus in symbols.referents(label)))
