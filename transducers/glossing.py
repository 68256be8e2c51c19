"""What glosses say by how they are written (SPEC §8).

IX-a points at locus a, a-GIVE-b moves from a to b, 1 is the signer's own place; fs-NAME is fingerspelled.
"""

import re
from collections.abc import Sequence

POINT, AGREEMENT = re.compile(r"IX-([A-Za-z])"), re.compile(r"([A-Za-z1])-(.+)-([A-Za-z1])")
#: Glosses that are spelled letter by letter begin so.
SPELLED = "fs-"


def is_reference(gloss: str) -> bool:
    return bool(POINT.fullmatch(gloss) or AGREEMENT.fullmatch(gloss))


def stem(gloss: str) -> str:
    """An agreement verb without its loci."""
    move = AGREEMENT.fullmatch(gloss)
    return move[2] if move else gloss


def referents_of(glosses: Sequence[str]) -> list[str]:
    """Of each gloss whom it is about, "" for most: of a point at a locus the gloss that stood before the first point there; of an
    agreement verb who acts and whom it is done to, 'JOHN → MARY'."""
    names: dict[str, str] = {"1": "signer"}
    found = []
    for place, gloss in enumerate(glosses):
        if point := POINT.fullmatch(gloss):
            if point[1] not in names and place and not is_reference(glosses[place - 1]):
                names[point[1]] = glosses[place - 1]
            found.append(names.get(point[1], ""))
        elif (move := AGREEMENT.fullmatch(gloss)) and {move[1], move[3]} <= set(names):
            found.append(f"{names[move[1]]} → {names[move[3]]}")
        else:
            found.append("")
    return found


def is_single_letter(gloss: str) -> bool:
    """fs-A: one letter, as it is read where names are not listed."""
    return gloss.startswith(SPELLED) and len(gloss) == len(SPELLED) + 1


def join_letters(glosses: Sequence[str]) -> list[tuple[str, int, int]]:
    """Letters that follow one another are one name: each gloss with the range [first, last) of what it was read as."""
    found: list[tuple[str, int, int]] = []
    for place, gloss in enumerate(glosses):
        if found and is_single_letter(gloss) and is_single_letter(glosses[place - 1]):
            name, first, _ = found[-1]
            found[-1] = (name + gloss[len(SPELLED) :], first, place + 1)
        else:
            found.append((gloss, place, place + 1))
    return found


def normalise_gloss(text: str) -> str:
    """A gloss in the field's spelling: upper case, blanks inside joined by '-', fingerspelling kept as fs-NAME."""
    word = re.sub(r"[\s_]+", "-", text.strip())
    return "fs-" + word[3:].upper() if word.lower().startswith("fs-") and len(word) > 3 else word.upper()


def parse_glosses(text: str) -> tuple[str, ...]:
    """Several glosses, parted by blanks, in signing order."""
    return tuple(normalise_gloss(word) for word in text.split())
