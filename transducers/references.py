"""References to loci in glosses: IX-a points at locus a, a-GIVE-b moves from a to b, 1 is the signer's own locus (SPEC §8)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from asl.transducers.glossing import AGREEMENT, POINT, SPELLED, is_reference
from asl.transducers.levels.discourse import ReferenceSymbols


def loci_of(glosses: Iterable[str]) -> list[str]:
    """The loci that points name, sorted, which is their order of introduction."""
    return sorted({point[1] for gloss in glosses if (point := POINT.fullmatch(gloss))})


def nouns_of(sentences: Iterable[Sequence[str]]) -> set[str]:
    """The glosses before a point at a locus, and all fingerspelled ones."""
    nouns = set()
    for words in sentences:
        nouns |= {before for before, word in pairwise(words) if POINT.fullmatch(word) and not is_reference(before)}
        nouns |= {word for word in words if word.startswith(SPELLED)}
    return nouns


def bound_reference_share(sentences: Iterable[Sequence[str]], loci: Sequence[str], nouns: set[str]) -> float:
    """The share of sentences with references in which each locus is introduced, in order, by a point after a noun.

    1.0 if no sentence has references.
    """
    numbers = _locus_numbers(loci)
    bound = []
    for words in sentences:
        word_loci = [_loci_in(word, numbers) for word in words]
        if any(word_loci):
            bound.append(_all_bound(words, word_loci, nouns))
    return float(np.mean(bound)) if bound else 1.0


def _locus_numbers(loci: Sequence[str]) -> dict[str, int]:
    return {locus: number for number, locus in enumerate(loci, 1)}


def _loci_in(word: str, numbers: Mapping[str, int]) -> tuple[int, ...]:
    """The numbers of the loci that a point or an agreement verb refers to."""
    if point := POINT.fullmatch(word):
        return tuple(numbers[locus] for locus in point.groups() if locus in numbers)
    if verb := AGREEMENT.fullmatch(word):
        return tuple(numbers[locus] for locus in (verb[1], verb[3]) if locus in numbers)
    return ()


def _all_bound(words: Sequence[str], word_loci: Sequence[tuple[int, ...]], nouns: set[str]) -> bool:
    count = 0
    for position, (word, loci) in enumerate(zip(words, word_loci, strict=True)):
        if POINT.fullmatch(word) and loci == (count + 1,) and position and words[position - 1] in nouns:
            count += 1
        elif any(locus > count for locus in loci):
            return False
    return True


def reference_symbols(
    pronunciations: Mapping[str, Sequence[tuple[tuple[int, ...], int]]], loci: Sequence[str], units: int
) -> ReferenceSymbols:
    """The units of points and movements: the first one of each pronunciation of IX-a and a-VERB-b.

    pronunciations: gloss → its variants as (units, clips). loci: in order of introduction. units: their number.
    """
    numbers = _locus_numbers(loci)
    points: dict[int, int] = {}
    moves: dict[int, tuple[int, ...]] = {}
    for gloss, variants in pronunciations.items():
        gloss_loci = _loci_in(gloss, numbers)
        for labels, _ in variants if gloss_loci else ():
            if POINT.fullmatch(gloss):
                points[labels[0]] = gloss_loci[0]
            else:
                moves[labels[0]] = gloss_loci
    return ReferenceSymbols(units, len(loci), points, moves)
