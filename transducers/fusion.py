"""Fusion ⊗: a verb takes up the form of its object, as GIVE and CUP become one sign (SPEC §9).

The tables beside this module say which handshape handles what, how the palm lies to it, and which movements it allows: one
row a pair, for linguists to correct. They follow what is taught about classifiers of handling in ASL, in the coarse
classes of SPEC §9; no Deaf signer has judged them yet.
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import numpy as np

HANDLING, PLACEMENT, POSSESSION = "handling", "placement", "possession"
ABSTRACT = "abstract"
NEUTRAL_SPACE = "neutral"
NEUTRAL_FACE = "neutral"
#: Directions are (out, down, forward): to the signing hand's side, to the ground, away from the signer.
AXES = {"up": (0.0, -1.0, 0.0), "down": (0.0, 1.0, 0.0), "forward": (0.0, 0.0, 1.0), "out": (1.0, 0.0, 0.0)}


@dataclass(frozen=True)
class SignParts:
    """A sign as ⊗ sees it: (H, L, O, M, N), and what it is.

    palm: unit vector that the palm faces. kind: of a verb HANDLING, PLACEMENT, POSSESSION (HAVE), or "". object_class: of a
    noun its class in the tables. locus: where a noun has been set up, or "". anchored: a verb whose location cannot change.
    """

    handshape: str
    location: str
    palm: tuple[float, float, float]
    movement: str
    face: str = NEUTRAL_FACE
    kind: str = ""
    object_class: str = ABSTRACT
    locus: str = ""
    anchored: bool = False


def fuse(verb: SignParts, thing: SignParts) -> SignParts:
    """verb ⊗ thing: a sign of the verb's kind and the thing's class. Total on all signs, and not associative."""
    return replace(
        verb,
        handshape=fused_handshape(verb, thing),
        location=fused_location(verb, thing),
        palm=rotate_palm(verb.palm, thing.object_class),
        movement=_table("movement").get((verb.movement, thing.object_class), verb.movement),
        face=verb.face if thing.face == NEUTRAL_FACE else thing.face,
        object_class=thing.object_class,
        locus=thing.locus,
    )


def fused_handshape(verb: SignParts, thing: SignParts) -> str:
    """f_H: handling takes the handshape for the object's class, placement and HAVE that of the object, all others their own."""
    if verb.kind == HANDLING:
        return _table("select").get((verb.handshape, thing.object_class), verb.handshape)
    return thing.handshape if verb.kind in (PLACEMENT, POSSESSION) else verb.handshape


def fused_location(verb: SignParts, thing: SignParts) -> str:
    """f_L: the verb's where that cannot change; else the object's locus; neutral space for what cannot be placed."""
    if verb.anchored:
        return verb.location
    if thing.locus:
        return thing.locus
    return NEUTRAL_SPACE if thing.object_class == ABSTRACT else verb.location


def rotate_palm(palm: tuple[float, float, float], object_class: str) -> tuple[float, float, float]:
    """f_O: the palm after the smallest rotation into the class's alignment.

    parallel: along the object's axis, either way; perpendicular: at right angles to it; tangent: along it, that way; free: as
    it is.
    """
    relation, axis = alignments().get(object_class, ("free", (0.0, 1.0, 0.0)))
    if relation == "free":
        return palm
    v, a = np.asarray(palm, dtype=float), np.asarray(axis)
    if relation == "tangent":
        return tuple(a.tolist())
    along = float(v @ a)
    if relation == "parallel":
        return tuple((math.copysign(1.0, along) * a).tolist())
    across = v - along * a
    if np.linalg.norm(across) < 1e-9:  # every direction is as near: the one in which hands lie most often
        across = np.array(AXES["forward"]) - a[2] * a if abs(a[2]) < 1 else np.array(AXES["down"])
    return tuple((across / np.linalg.norm(across)).tolist())


def gated_log_prob(log_plain: np.ndarray, log_fused: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """log(α p_plain + (1 − α) p_fused), elementwise. alpha: (…) in [0, 1], from the frame's features (SPEC §9)."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log(alpha) + log_plain, np.log1p(-np.asarray(alpha)) + log_fused)


def reads_as_fused(log_plain: float, log_fused: float, delta: float) -> bool:
    """At inference a fused reading is taken where it wins by more than δ nats."""
    return log_fused - log_plain > delta


# Tables --------------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def alignments() -> Mapping[str, tuple[str, tuple[float, float, float]]]:
    """Class → relation and axis."""
    return {row["object"]: (row["relation"], AXES[row["axis"]]) for row in _rows("alignment")}


def object_classes() -> tuple[str, ...]:
    return tuple(alignments())


def handling_handshapes() -> tuple[str, ...]:
    """The handshapes that handling verbs can have."""
    return tuple(dict.fromkeys(shape for shape, _ in _table("select")))


def movements() -> tuple[str, ...]:
    return tuple(dict.fromkeys(movement for movement, _ in _table("movement")))


@lru_cache(maxsize=2)
def _table(name: str) -> Mapping[tuple[str, str], str]:
    """(Verb's value, class) → result."""
    return {tuple(list(row.values())[:2]): row["result"] for row in _rows(name)}


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("asl.transducers") / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
