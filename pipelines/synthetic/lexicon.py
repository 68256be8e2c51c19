"""The parameters of a sign: handshapes, locations, orientations, movement, non-manuals, one or two hands (SPEC §3, §9).

A lexicon is a CSV table with one row per sign, in the columns of signs.csv beside this module. A sign moves from a start to
an end posture along a path (hold, movement, hold: Liddell and Johnson 1989). Two-handed signs obey Battison (1978): both hands
do the same, or the non-dominant hand is a static base.
"""

import csv
import difflib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_atomically
from asl.transducers.glossing import normalise_gloss

MAX_LEXICON_BYTES = 64 << 20
MAX_REPEATS = 8
HANDS = ("one", "both", "alternating", "parallel", "base", "carry")
CONTACTS = ("palm", "back", "index", "middle", "thumb", "fingertips", "knuckles", "radial", "ulnar", "wrist")
MOVEMENTS = (
    "straight", "arc-up", "arc-forward", "tap", "raise", "push", "circle-front", "circle-side", "circle-flat",
    "shake-side", "shake-up", "shake-forward", "zigzag", "twist", "nod", "wiggle",
)  # fmt: skip
FACES = ("neutral", "brows-up", "brows-down", "smile", "sad", "eyes-closed", "nod", "shake")
ROLES = (
    "person", "vehicle", "flat", "cylindrical", "curved", "small", "animal", "abstract", "colour", "time", "question",
    "state", "plain", "agree", "handling", "other",
)  # fmt: skip
#: Axes of directions: out (towards the side of the signing hand), down, forward (away from the signer).
_AXES = {"out": (1, 0, 0), "in": (-1, 0, 0), "down": (0, 1, 0), "up": (0, -1, 0), "forward": (0, 0, 1), "back": (0, 0, -1)}
#: Joint angles (knuckle, middle, end joint) of a finger in degrees, by its letter in handshapes.csv.
FINGERS = {
    "o": (0, 5, 3), "c": (32, 42, 25), "h": (8, 88, 45), "b": (75, 8, 5), "m": (55, 12, 5), "n": (62, 22, 8),
    "r": (48, 58, 32), "x": (85, 100, 60),
}  # fmt: skip
#: Directions of the three bones of the thumb: (to the thumb side, along the fingers, out of the palm).
THUMBS = {
    "out": ((0.75, 0.65, 0.10), (0.82, 0.57, 0.0), (0.85, 0.53, 0.0)),
    "up": ((0.40, 0.90, 0.15), (0.10, 0.99, 0.10), (0.0, 0.99, 0.10)),
    "in": ((0.25, 0.75, 0.60), (-0.55, 0.65, 0.52), (-0.88, 0.42, 0.20)),
    "over": ((0.25, 0.60, 0.76), (-0.40, 0.55, 0.73), (-0.92, 0.25, 0.30)),
    "touch": ((0.30, 0.62, 0.72), (0.05, 0.68, 0.73), (-0.10, 0.72, 0.69)),
    "apart": ((0.50, 0.45, 0.74), (0.30, 0.50, 0.81), (0.15, 0.62, 0.77)),
    "between": ((0.30, 0.85, 0.43), (0.0, 0.85, 0.53), (-0.25, 0.80, 0.54)),
}
_SPREADS = (1.0, 0.2, -0.6, -1.4)


@dataclass(frozen=True)
class Location:
    """A location. position: (out, down, forward) from the neck, shoulder widths; None on the base hand. major: as in ASL-LEX."""

    name: str
    major: str
    position: tuple[float, float, float] | None


@dataclass(frozen=True)
class Posture:
    """A static hand. contact: the part of the hand at the location. fingers, palm: directions, such as 'up-in'."""

    handshape: str
    location: str
    contact: str
    fingers: str
    palm: str


@dataclass(frozen=True)
class Sign:
    """A sign by its parameters.

    base: posture of the non-dominant hand in signs with a base hand, else None. size: of the movement, in shoulder widths, or
    rad if it turns the hand. repeats: number of movements. role: the word class, for nouns the object class (SPEC §9).
    """

    gloss: str
    start: Posture
    end: Posture
    hands: str = "one"
    movement: str = "straight"
    size: float = 0.0
    repeats: int = 1
    base: Posture | None = None
    face: str = "neutral"
    role: str = "other"

    @property
    def two_handed(self) -> bool:
        return self.hands != "one"


@lru_cache(maxsize=1)
def handshapes() -> dict[str, np.ndarray]:
    """The (25,) vector of each handshape: joint angles and spread in rad, then the directions of the thumb."""
    return {row["name"]: _shape(row) for row in read_table("handshapes.csv")}


@lru_cache(maxsize=1)
def locations() -> dict[str, Location]:
    return {row["name"]: Location(row["name"], row["major"], _position(row)) for row in read_table("locations.csv")}


def direction(name: str) -> np.ndarray:
    """(3,) unit vector (out, down, forward) of a name such as 'up-in'. Raises KeyError if a word is not a direction."""
    vector = np.sum([_AXES[word] for word in name.split("-")], axis=0, dtype=np.float64)
    return vector / np.linalg.norm(vector)


@lru_cache(maxsize=1)
def everyday_signs() -> tuple[Sign, ...]:
    """The built-in lexicon: everyday ASL signs, as far as these parameters can represent them."""
    with as_file(files("asl.pipelines.synthetic") / "signs.csv") as path:
        return tuple(read_signs(path))


def read_rows(path: Path) -> tuple[Sequence[str], list[tuple[int, dict[str, str]]]]:
    """Header and (line number, row) pairs of a CSV file. Raises BadInput if it is unreadable, too large, or not a CSV file."""
    try:
        if path.stat().st_size > MAX_LEXICON_BYTES:
            raise BadInput(f"{path} is larger than {MAX_LEXICON_BYTES >> 20} MiB", "give a CSV table of signs")
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, {key: value or "" for key, value in row.items() if key}) for row in reader]
            return reader.fieldnames or [], rows
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}", "name a CSV file of signs") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a CSV table in UTF-8: {error}", "save it as CSV in UTF-8") from error


def checked_name(value: str, names: Iterable[str], path: Path, line: int, column: str) -> str:
    """Returns the value if it is among the names. Raises BadInput, with line, value and the nearest name, if it is not."""
    names = list(names)
    if value in names:
        return value
    by_case = {name.lower(): name for name in names}
    close = difflib.get_close_matches(value.lower(), by_case, n=1, cutoff=0.3)
    hint = f"did you mean '{by_case[close[0]]}'?" if close else f"use one of: {', '.join(names)}"
    raise BadInput(f"{path}, line {line}: unknown {column} '{value}'", hint)


def read_signs(path: Path) -> list[Sign]:
    """Reads a lexicon. Raises BadInput if a column is missing, a value is wrong, or a gloss is defined twice."""
    header, rows = read_rows(path)
    missing = [name for name in ("gloss", "handshape", "location") if name not in header]
    if missing:
        raise BadInput(
            f"{path} has no column '{missing[0]}'", "a lexicon needs at least gloss, handshape and location; see signs.csv"
        )
    signs = [_sign(row, path, line) for line, row in rows]
    seen: dict[str, int] = {}
    for (line, _), sign in zip(rows, signs, strict=True):
        if seen.setdefault(sign.gloss, line) != line:
            raise BadInput(
                f"{path}, line {line}: '{sign.gloss}' is already defined in line {seen[sign.gloss]}", "rename one of them"
            )
    return signs


def _sign(row: Mapping[str, str], path: Path, line: int) -> Sign:
    def choice(column: str, names: Iterable[str], default: str) -> str:
        value = (row.get(column) or "").strip()
        return checked_name(value, names, path, line, column.removeprefix("to_").removeprefix("base_")) if value else default

    if not row["gloss"].strip():
        raise BadInput(f"{path}, line {line}: no gloss", "give every row a gloss")
    for column in ("handshape", "location"):
        if not row[column].strip():
            raise BadInput(f"{path}, line {line}: no {column}", "give every row a handshape and a location")
    start = Posture(
        choice("handshape", handshapes(), ""), choice("location", locations(), ""), choice("contact", CONTACTS, "palm"),
        *_orientation(row, "", ("forward-up", "down"), path, line),
    )  # fmt: skip
    end = Posture(
        choice("to_handshape", handshapes(), start.handshape), choice("to_location", locations(), start.location),
        choice("to_contact", CONTACTS, start.contact), *_orientation(row, "to_", (start.fingers, start.palm), path, line),
    )  # fmt: skip
    hands = choice("hands", HANDS, "one")
    base = None
    if hands in ("base", "carry"):
        shape = choice("base_handshape", handshapes(), "open-B")
        base = Posture(shape, "centre", "palm", *_orientation(row, "base_", ("forward-in", "up"), path, line))
    elif any(locations()[posture.location].position is None for posture in (start, end)):
        raise BadInput(f"{path}, line {line}: '{start.location}' is on the base hand", "set hands to base or carry")
    return Sign(
        normalise_gloss(row["gloss"]), start, end, hands, choice("movement", MOVEMENTS, "straight"),
        _number(row, "size", 0.0, 0.0, 2.0, path, line), int(_number(row, "repeat", 1, 1, MAX_REPEATS, path, line)), base,
        choice("face", FACES, "neutral"), choice("role", ROLES, "other"),
    )  # fmt: skip


def _orientation(row: Mapping[str, str], prefix: str, default: tuple[str, str], path: Path, line: int) -> tuple[str, str]:
    names = []
    for column, default_name in zip(("fingers", "palm"), default, strict=True):
        value = (row.get(prefix + column) or "").strip() or default_name
        for word in value.split("-"):
            checked_name(word, _AXES, path, line, f"direction of the {column}")
        names.append(value)
    vectors = [_axis_sum(name) for name in names]
    if any(not vector.any() for vector in vectors) or not np.cross(*vectors).any():
        raise BadInput(
            f"{path}, line {line}: fingers '{names[0]}' and palm '{names[1]}' exclude each other", "choose another palm direction"
        )
    return names[0], names[1]


def _axis_sum(name: str) -> np.ndarray:
    return np.sum([_AXES[word] for word in name.split("-")], axis=0)


def _number(row: Mapping[str, str], column: str, default: float, low: float, high: float, path: Path, line: int) -> float:
    text = (row.get(column) or "").strip()
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise BadInput(f"{path}, line {line}: {column} is '{text}'", f"give a number between {low:g} and {high:g}")
    return value


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a CSV table in this package."""
    with (files("asl.pipelines.synthetic") / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _shape(row: Mapping[str, str]) -> np.ndarray:
    joints = np.radians([FINGERS[letter] for letter in row["fingers"]])
    spread = np.radians(float(row["spread"])) * np.array(_SPREADS)
    thumb = np.array(THUMBS[row["thumb"]])
    thumb /= np.linalg.norm(thumb, axis=1, keepdims=True)
    return np.concatenate([np.column_stack([joints, spread]).ravel(), thumb.ravel()])


def _position(row: Mapping[str, str]) -> tuple[float, float, float] | None:
    return (float(row["out"]), float(row["down"]), float(row["forward"])) if row["out"] else None


def write_excerpt(path: Path, glosses: Sequence[str]) -> None:
    """Writes the given signs of the built-in lexicon to a new lexicon file."""
    rows = read_table("signs.csv")
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in rows if row["gloss"] in glosses)
    write_atomically(path, buffer.getvalue())


BUILT_IN_LEXICONS = ("everyday", "invented")
