"""Invented signs: up to MAX_SIGNS signs that are phonologically legal and pairwise distinct.

Legal (Battison 1978): a hand that does not move has one of the unmarked handshapes; two hands that both move have the same
handshape. Distinct: two signs differ in handshape, location, movement or the use of the hands, not only in orientation.
"""

from functools import lru_cache

import numpy as np

from asl.pipelines.synthetic.lexicon import Posture, Sign, locations

MAX_SIGNS = 10_000
UNMARKED = ("A", "S", "open-B", "1", "C", "O", "5")
#: Handshapes that phon36 distinguishes by more than the thumb.
_SHAPES = (
    "A", "B", "5", "bent-B", "curved-5", "C", "O", "flat-O", "1", "X", "L", "V", "bent-V", "H", "3", "W", "open-8", "F", "I", "Y",
    "ILY", "horns", "S", "G", "baby-O", "bent-1",
)  # fmt: skip
_ONE_HANDED = (
    "forehead", "temple", "eye", "cheek", "ear", "mouth", "chin", "neck", "shoulder", "shoulder-far", "chest", "belly",
    "neutral", "neutral-high", "neutral-low", "neutral-out", "centre", "across", "beside-head",
)  # fmt: skip
_TWO_HANDED = ("neutral", "neutral-high", "neutral-low", "neutral-out", "centre", "centre-high", "chest-side", "beside-head")
_ON_BASE = ("palm", "back", "fingertips", "wrist", "near-hand")
_PATHS = ("straight", "arc-up", "arc-forward")
_REPEATED = ("tap", "circle-front", "circle-side", "shake-side", "shake-up", "twist", "nod")
_FACING = {"Head": ("up", "back"), "Body": ("in-up", "back"), "Neutral": ("forward-up", "down"), "Hand": ("forward-in", "down")}
_TURNED_FACING = {
    "Head": ("up", "in-forward"),
    "Body": ("up-in", "in"),
    "Neutral": ("up", "forward"),
    "Hand": ("in-forward", "in"),
}


@lru_cache(maxsize=8)
def invent(count: int, seed: int) -> tuple[Sign, ...]:
    """`count` signs, named SYN-00000, SYN-00001, …

    The same seed gives the same signs, and a larger count begins with them. Raises ValueError above MAX_SIGNS.
    """
    if not 0 <= count <= MAX_SIGNS:
        raise ValueError(f"{count} signs; at most {MAX_SIGNS}")
    rng = np.random.default_rng([seed, 0x51A7])
    signs, seen = [], set()
    while len(signs) < count:
        sign = _draw(rng, f"SYN-{len(signs):05d}")
        if signature(sign) not in seen:
            seen.add(signature(sign))
            signs.append(sign)
    return tuple(signs)


def signature(sign: Sign) -> tuple:
    """The parameters in which two signs must differ."""
    base = sign.base.handshape if sign.base else ""
    path = (sign.end.location, sign.movement, sign.repeats > 1)
    return (sign.hands, sign.start.handshape, sign.end.handshape, sign.start.location, *path, base)


def _draw(rng: np.random.Generator, name: str) -> Sign:
    def pick(values):
        return values[int(rng.integers(len(values)))]

    hands = ("one", "one", "one", "one", "both", "both", "alternating", "base", "base")[int(rng.integers(9))]
    candidates = {"one": _ONE_HANDED, "base": _ON_BASE}.get(hands, _TWO_HANDED)
    start = end = pick(candidates)
    kind = pick(("path", "repeated", "change", "hold"))
    if kind == "path":
        end = pick(tuple(location for location in candidates if location != start))
    shape, second_shape = pick(_SHAPES), pick(_SHAPES)
    facing = (_FACING if rng.random() < 0.6 else _TURNED_FACING)[locations()[start].major]
    contact = "palm" if locations()[start].major == "Neutral" else pick(("palm", "index", "thumb", "fingertips"))
    movement = pick(_PATHS) if kind == "path" else pick(_REPEATED) if kind == "repeated" else "straight"
    if hands == "alternating" and kind != "repeated":
        movement, kind, end = pick(("circle-side", "shake-up")), "repeated", start
    end_posture = Posture(second_shape if kind == "change" else shape, end, contact, *facing)
    base = Posture(pick(UNMARKED), "centre", "palm", "forward-in", pick(("up-forward", "down"))) if hands == "base" else None
    size = 0.6 if movement in ("twist", "nod") else 0.14
    return Sign(
        name, Posture(shape, start, contact, *facing), end_posture, hands, movement, size,
        int(rng.integers(2, 4)) if kind == "repeated" else int(kind == "change" and rng.random() < 0.4) + 1, base,
    )  # fmt: skip
