"""Who is meant, as glosses say it: IX-a points at locus a, a-GIVE-b moves from a to b; 1 is the signer's own place (SPEC §8)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from asl.transducers.glossing import AGREEMENT, POINT, is_reference
from asl.transducers.levels.discourse import ReferenceSymbols


def loci_of(glosses: Iterable[str]) -> list[str]:
    """The loci that points name, in the order of their names, which is that of introduction."""
    return sorted({point[1] for gloss in glosses if (point := POINT.fullmatch(gloss))})


def nouns_of(sentences: Iterable[Sequence[str]]) -> set[str]:
    """Glosses that stand before a point at a locus, and all fingerspelled ones."""
    found = set()
    for words in sentences:
        found |= {before for before, word in pairwise(words) if POINT.fullmatch(word) and not is_reference(before)}
        found |= {word for word in words if word.startswith("fs-")}
    return found


def bound_reference_share(sentences: Iterable[Sequence[str]], loci: Sequence[str], nouns: set[str]) -> float:
    """Share of the sentences with references in which each is bound, in order, by a point after a noun; 1.0 without any."""
    number = {locus: place for place, locus in enumerate(loci, 1)}
    kept = []
    for words in sentences:
        about = [_loci(word, number) for word in words]
        if any(about):
            kept.append(_bound(words, about, nouns))
    return float(np.mean(kept)) if kept else 1.0


def _loci(word: str, number: Mapping[str, int]) -> tuple[int, ...]:
    if point := POINT.fullmatch(word):
        return tuple(number[one] for one in point.groups() if one in number)
    move = AGREEMENT.fullmatch(word)
    return tuple(number[one] for one in (move[1], move[3]) if one in number) if move else ()


def _bound(words: Sequence[str], about: Sequence[tuple[int, ...]], nouns: set[str]) -> bool:
    count = 0
    for place, (word, loci) in enumerate(zip(words, about, strict=True)):
        if POINT.fullmatch(word) and loci == (count + 1,) and place and words[place - 1] in nouns:
            count += 1
        elif any(locus > count for locus in loci):
            return False
    return True


def reference_symbols(
    spelled: Mapping[str, Sequence[tuple[tuple[int, ...], int]]], loci: Sequence[str], units: int
) -> ReferenceSymbols:
    """Points and movements by the first label of every way of signing IX-a and a-VERB-b. spelled: gloss → (labels, clips)."""
    number = {locus: place for place, locus in enumerate(loci, 1)}
    points, moves = {}, {}
    for gloss, ways in spelled.items():
        about = _loci(gloss, number)
        for labels, _ in ways if about else ():
            if POINT.fullmatch(gloss):
                points[labels[0]] = about[0]
            else:
                moves[labels[0]] = about
    return ReferenceSymbols(units, len(loci), points, moves)
