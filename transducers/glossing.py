"""Conventions of glosses (SPEC §8).

IX-a points at locus a; a-GIVE-b moves from locus a to locus b; 1 is the signer's own locus; fs-NAME is fingerspelled.
"""

import re
from collections.abc import Sequence

POINT, AGREEMENT = re.compile(r"IX-([A-Za-z])"), re.compile(r"([A-Za-z1])-(.+)-([A-Za-z1])")
#: Prefix of fingerspelled glosses.
SPELLED = "fs-"


def is_reference(gloss: str) -> bool:
    """Whether it is a point at a locus or an agreement verb."""
    return bool(POINT.fullmatch(gloss) or AGREEMENT.fullmatch(gloss))


def stem(gloss: str) -> str:
    """An agreement verb without its loci; any other gloss unchanged."""
    match = AGREEMENT.fullmatch(gloss)
    return match[2] if match else gloss


def referents_of(glosses: Sequence[str]) -> list[str]:
    """What each gloss refers to; "" for most.

    A point at a locus refers to the gloss before the first point at that locus, an agreement verb to its subject and object, such
    as 'JOHN → MARY'.
    """
    names: dict[str, str] = {"1": "signer"}
    referents = []
    for position, gloss in enumerate(glosses):
        if point := POINT.fullmatch(gloss):
            if point[1] not in names and position and not is_reference(glosses[position - 1]):
                names[point[1]] = glosses[position - 1]
            referents.append(names.get(point[1], ""))
        elif (verb := AGREEMENT.fullmatch(gloss)) and {verb[1], verb[3]} <= set(names):
            referents.append(f"{names[verb[1]]} → {names[verb[3]]}")
        else:
            referents.append("")
    return referents


def is_single_letter(gloss: str) -> bool:
    """Whether it is one letter, such as fs-A: names that are not listed are read letter by letter."""
    return gloss.startswith(SPELLED) and len(gloss) == len(SPELLED) + 1


def join_letters(glosses: Sequence[str]) -> list[tuple[str, int, int]]:
    """Joins consecutive single letters into one name. Returns each gloss with its range [first, last) of the input."""
    joined: list[tuple[str, int, int]] = []
    for position, gloss in enumerate(glosses):
        if joined and is_single_letter(gloss) and is_single_letter(glosses[position - 1]):
            name, first, _ = joined[-1]
            joined[-1] = (name + gloss[len(SPELLED) :], first, position + 1)
        else:
            joined.append((gloss, position, position + 1))
    return joined


def normalise_gloss(text: str) -> str:
    """A gloss in conventional spelling: upper case, spaces replaced by '-', fingerspelling as fs-NAME."""
    word = re.sub(r"[\s_]+", "-", text.strip())
    return "fs-" + word[3:].upper() if word.lower().startswith("fs-") and len(word) > 3 else word.upper()


def parse_glosses(text: str) -> tuple[str, ...]:
    """The glosses in a text, separated by spaces."""
    return tuple(normalise_gloss(word) for word in text.split())
