"""D: every reference is bound (SPEC §8, §10). The state is the number of loci that have been given to somebody.

Reads units, points at loci, and movements between loci; writes units, and what each point and movement is: an introduction, a
reference back, an agreement. So L need not know the discourse, and no path can refer to somebody who was not introduced.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import pynini


@dataclass(frozen=True)
class ReferenceSymbols:
    """Labels above the units 1…U, for up to `loci` referents at a time.

    Read: `point(j)` at locus j, `move(i, j)` from locus i to j. Written: the same labels for a reference back and an agreement,
    `introduction(j)`, and `noun`, which stands before an introduction and which only the pronunciation of a noun can take up.
    """

    units: int
    loci: int

    def point(self, locus: int) -> int:
        """locus: 1…loci, in order of introduction."""
        return self.units + locus

    def move(self, source: int, goal: int) -> int:
        return self.units + self.loci + self._pairs.index((source, goal)) + 1

    def introduction(self, locus: int) -> int:
        return self.units + self.loci + len(self._pairs) + locus

    @property
    def noun(self) -> int:
        return self.units + 2 * self.loci + len(self._pairs) + 1

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(permutations(range(1, self.loci + 1), 2))

    @property
    def moves(self) -> Iterator[tuple[int, int, int]]:
        """(source, goal, label) of every movement."""
        return ((source, goal, self.move(source, goal)) for source, goal in self._pairs)

    @property
    def read(self) -> range:
        """Every label that D reads."""
        return range(1, self.introduction(1) if self.loci else self.units + 1)

    def referents(self, label: int) -> tuple[int, ...]:
        """The loci that a label D reads is about: one of a point, two of a movement, none of a unit."""
        if self.units < label <= self.units + self.loci:
            return (label - self.units,)
        return next(((source, goal) for source, goal, own in self.moves if own == label), ())


def discourse(symbols: ReferenceSymbols, passing: Sequence[int] = ()) -> pynini.Fst:
    """D. passing: labels beside the units that go through as they are (fingerspelled letters, rests …)."""
    fst = pynini.Fst()
    bound = [fst.add_state() for _ in range(symbols.loci + 1)]
    fst.set_start(bound[0])
    for count, state in enumerate(bound):
        fst.set_final(state)
        for label in (*range(1, symbols.units + 1), *passing):
            fst.add_arc(state, pynini.Arc(label, label, 0.0, state))
        for locus in range(1, count + 1):
            fst.add_arc(state, pynini.Arc(symbols.point(locus), symbols.point(locus), 0.0, state))
        for source, goal, label in symbols.moves:
            if max(source, goal) <= count:
                fst.add_arc(state, pynini.Arc(label, label, 0.0, state))
        if count < symbols.loci:
            after_noun = fst.add_state()
            fst.add_arc(state, pynini.Arc(0, symbols.noun, 0.0, after_noun))
            locus = count + 1
            fst.add_arc(after_noun, pynini.Arc(symbols.point(locus), symbols.introduction(locus), 0.0, bound[locus]))
    return fst.arcsort("olabel")
