"""Fingerspelling: names are spelled letter by letter with one hand beside the shoulder."""

from functools import lru_cache

from asl.pipelines.synthetic.lexicon import Posture, Sign

_UP, _SIDE, _DOWN = ("up", "forward"), ("in-up", "back"), ("down-forward", "back-down")
#: Letters that are not the handshape of the same name, held upright with the palm forward.
_SPECIAL = {
    "G": ("G", _SIDE, "straight", 0.0), "H": ("H", _SIDE, "straight", 0.0), "J": ("I", _UP, "twist", 1.2),
    "P": ("K", _DOWN, "straight", 0.0), "Q": ("G", _DOWN, "straight", 0.0), "U": ("H", _UP, "straight", 0.0),
    "Z": ("1", _UP, "zigzag", 0.12),
}  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAMES = (
    "AL",
    "AMY",
    "ANNA",
    "BEN",
    "DAN",
    "EVA",
    "IAN",
    "JIM",
    "JOHN",
    "KIM",
    "LEE",
    "LEO",
    "MARY",
    "MAX",
    "ROY",
    "SAM",
    "SUE",
    "TOM",
)


@lru_cache(maxsize=32)
def letter(name: str) -> Sign:
    """The sign of a letter, A to Z. Raises KeyError if it is not a letter."""
    if len(name) != 1 or name not in LETTERS:
        raise KeyError(name)
    shape, (fingers, palm), movement, size = _SPECIAL.get(name, (name, _UP, "straight", 0.0))
    posture = Posture(shape, "neutral-high", "palm", fingers, palm)
    return Sign(name, posture, posture, movement=movement, size=size)


def spelled(name: str) -> tuple[Sign, ...]:
    """The letter signs of a name."""
    return tuple(letter(character) for character in name)
