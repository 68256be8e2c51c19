"""Fusion ⊗: a verb and its object become one sign, as GIVE and CUP do (SPEC §9).

The tables in `tables/` give, for each class of objects, the handshape that handles it, the alignment of the palm, and the
movements that it allows: one row per pair, so that linguists can correct them. They follow what is taught about handling
classifiers of ASL, in the coarse classes of SPEC §9. No Deaf signer has reviewed them yet.
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import numpy as np

Vector = tuple[float, float, float]

HANDLING, PLACEMENT, POSSESSION = "handling", "placement", "possession"
ABSTRACT = "abstract"
NEUTRAL_SPACE = "neutral"
NEUTRAL_FACE = "neutral"
#: Directions are (out, down, forward): to the side of the signing hand, to the ground, away from the signer.
AXES: dict[str, Vector] = {"up": (0.0, -1.0, 0.0), "down": (0.0, 1.0, 0.0), "forward": (0.0, 0.0, 1.0), "out": (1.0, 0.0, 0.0)}


@dataclass(frozen=True)
class SignParts:
    """The parts of a sign, (H, L, O, M, N), and the properties that ⊗ depends on.

    palm: unit vector that the palm faces. kind: for a verb HANDLING, PLACEMENT, POSSESSION (HAVE), or "". object_class: for a
    noun its class in the tables. locus: of a noun, or "". anchored: whether a verb's location is fixed.
    """

    handshape: str
    location: str
    palm: Vector
    movement: str
    face: str = NEUTRAL_FACE
    kind: str = ""
    object_class: str = ABSTRACT
    locus: str = ""
    anchored: bool = False


def fuse(verb: SignParts, noun: SignParts) -> SignParts:
    """verb ⊗ noun: a sign with the verb's kind and the noun's class. Defined for all signs, and not associative."""
    return replace(
        verb,
        handshape=fused_handshape(verb, noun),
        location=fused_location(verb, noun),
        palm=rotate_palm(verb.palm, noun.object_class),
        movement=_table("movement").get((verb.movement, noun.object_class), verb.movement),
        face=verb.face if noun.face == NEUTRAL_FACE else noun.face,
        object_class=noun.object_class,
        locus=noun.locus,
    )


def fused_handshape(verb: SignParts, noun: SignParts) -> str:
    """f_H: a handling verb takes the handshape for the noun's class, placement and HAVE that of the noun, others keep theirs."""
    if verb.kind == HANDLING:
        return _table("select").get((verb.handshape, noun.object_class), verb.handshape)
    return noun.handshape if verb.kind in (PLACEMENT, POSSESSION) else verb.handshape


def fused_location(verb: SignParts, noun: SignParts) -> str:
    """f_L: the verb's location if it is fixed; else the noun's locus; else neutral space if the noun is abstract."""
    if verb.anchored:
        return verb.location
    if noun.locus:
        return noun.locus
    return NEUTRAL_SPACE if noun.object_class == ABSTRACT else verb.location


def rotate_palm(palm: Vector, object_class: str) -> Vector:
    """f_O: the palm after the smallest rotation into the alignment of the noun's class.

    parallel: along the class's axis, in either direction; perpendicular: at right angles to it; tangent: along it, in its
    direction; free: unchanged.
    """
    relation, axis = alignments().get(object_class, ("free", (0.0, 1.0, 0.0)))
    if relation == "free":
        return palm
    v, a = np.asarray(palm, dtype=float), np.asarray(axis)
    if relation == "tangent":
        return _vector(a)
    along = float(v @ a)
    if relation == "parallel":
        return _vector(math.copysign(1.0, along) * a)
    across = v - along * a
    if np.linalg.norm(across) < 1e-9:  # all perpendicular directions are equally near; this one is the most common
        across = np.array(AXES["forward"]) - a[2] * a if abs(a[2]) < 1 else np.array(AXES["down"])
    return _vector(across / np.linalg.norm(across))


def _vector(values: np.ndarray) -> Vector:
    x, y, z = values.tolist()
    return x, y, z


def gated_log_prob(log_plain: np.ndarray, log_fused: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """log(α p_plain + (1 − α) p_fused), elementwise. alpha: (…) in [0, 1], predicted from the frame (SPEC §9)."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log(alpha) + log_plain, np.log1p(-np.asarray(alpha)) + log_fused)


def reads_as_fused(log_plain: float, log_fused: float, delta: float) -> bool:
    """Whether the fused reading is better by more than δ nats, so that it is taken at inference (SPEC §9)."""
    return log_fused - log_plain > delta


# Tables --------------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def alignments() -> Mapping[str, tuple[str, Vector]]:
    """Class of objects → relation of the palm to its axis, and the axis."""
    return {row["object"]: (row["relation"], AXES[row["axis"]]) for row in _rows("alignment")}


def object_classes() -> tuple[str, ...]:
    """The classes of objects in the tables."""
    return tuple(alignments())


def handling_handshapes() -> tuple[str, ...]:
    """The handshapes of handling verbs in the tables."""
    return tuple(dict.fromkeys(shape for shape, _ in _table("select")))


def movements() -> tuple[str, ...]:
    """The movements in the tables."""
    return tuple(dict.fromkeys(movement for movement, _ in _table("movement")))


@lru_cache(maxsize=2)
def _table(name: str) -> Mapping[tuple[str, str], str]:
    """(The verb's handshape or movement, class of objects) → that of the fused sign."""
    verb_column, class_column = list(_rows(name)[0])[:2]
    return {(row[verb_column], row[class_column]): row["result"] for row in _rows(name)}


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("asl.transducers") / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
