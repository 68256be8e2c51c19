"""D: every reference is bound (SPEC §8, §10). The state is the number of loci that have been given to somebody.

Reads units, among them points at loci and verbs that move between loci; writes units, and what each point is: an introduction
or a reference back. So L need not know the discourse, and no path can refer to somebody who was not introduced.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pynini


@dataclass(frozen=True)
class ReferenceSymbols:
    """What D knows of the labels 1…`units` that it reads, and the labels above them that it writes besides.

    points: label → locus that it points at. moves: label → the loci that an agreement verb moves between (one or two: the
    signer's own place needs no binding). Loci count from 1 in order of introduction; `loci` of them are possible.
    Raises ValueError: a label or a locus out of range.
    """

    units: int
    loci: int
    points: Mapping[int, int]
    moves: Mapping[int, tuple[int, ...]]

    def __post_init__(self):
        loci = {*self.points.values(), *(locus for pair in self.moves.values() for locus in pair)}
        if not all(1 <= label <= self.units for label in (*self.points, *self.moves)) or set(self.points) & set(self.moves):
            raise ValueError(f"points and moves must be different labels of 1…{self.units}")
        if not all(1 <= locus <= self.loci for locus in loci):
            raise ValueError(f"loci {sorted(loci)} are not in 1…{self.loci}")

    def introduction(self, point: int) -> int:
        """Written for a point that gives its locus to the noun before."""
        return self.units + 1 + sorted(self.points).index(point)

    @property
    def noun(self) -> int:
        """Written before an introduction; only the pronunciation of a noun can take it up."""
        return self.units + len(self.points) + 1

    @property
    def written(self) -> int:
        """The highest label that D writes."""
        return self.noun if self.points else self.units

    def referents(self, label: int) -> tuple[int, ...]:
        """The loci that a label is about: one of a point, those of a movement, none of any other unit."""
        return (self.points[label],) if label in self.points else self.moves.get(label, ())


def discourse(symbols: ReferenceSymbols, rest: int = 0) -> pynini.Fst:
    """D. rest: the label, if there is one, that may stand between a noun and the point that introduces it."""
    fst = pynini.Fst()
    bound = [fst.add_state() for _ in range(symbols.loci + 1)]
    fst.set_start(bound[0])
    for count, state in enumerate(bound):
        fst.set_final(state)
        for label in _readable(symbols, count):
            fst.add_arc(state, pynini.Arc(label, label, 0.0, state))
        introduced = [point for point, locus in symbols.points.items() if locus == count + 1]
        if introduced:
            after_noun = fst.add_state()
            fst.add_arc(state, pynini.Arc(0, symbols.noun, 0.0, after_noun))
            if rest:
                fst.add_arc(after_noun, pynini.Arc(rest, rest, 0.0, after_noun))
            for point in introduced:
                fst.add_arc(after_noun, pynini.Arc(point, symbols.introduction(point), 0.0, bound[count + 1]))
    return fst.arcsort("olabel")


def _readable(symbols: ReferenceSymbols, bound: int) -> Iterable[int]:
    """Labels that refer to nobody but the first `bound` loci."""
    return (label for label in range(1, symbols.units + 1) if all(locus <= bound for locus in symbols.referents(label)))
