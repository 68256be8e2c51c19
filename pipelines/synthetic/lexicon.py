"""What a sign is: handshapes, locations, orientations, movement, non-manuals, one hand or two (SPEC §3, §9).

A lexicon is a CSV table, one row a sign, in the columns of signs.csv beside this module; a sign goes from a start to an
end posture (hold, movement, hold: Liddell and Johnson 1989), along a path. Two-handed signs obey Battison (1978): both
hands do the same, or the other hand stays still as a base.
"""

import csv
import difflib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_atomically
from asl.transducers.glossing import normalise_gloss

MAX_LEXICON_BYTES = 64 << 20
MOST_REPEATS = 8
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
#: Axes of directions: out (to the signing hand's side), down, forward (away from the signer).
_AXES = {"out": (1, 0, 0), "in": (-1, 0, 0), "down": (0, 1, 0), "up": (0, -1, 0), "forward": (0, 0, 1), "back": (0, 0, -1)}
#: Joint angles (knuckle, middle, end joint) of a finger in degrees, by the letters of handshapes.csv.
FINGERS = {
    "o": (0, 5, 3), "c": (32, 42, 25), "h": (8, 88, 45), "b": (75, 8, 5), "m": (55, 12, 5), "n": (62, 22, 8),
    "r": (48, 58, 32), "x": (85, 100, 60),
}  # fmt: skip
#: Directions of the thumb's three bones: (to the thumb side, along the fingers, out of the palm).
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
#: Numbers that make a handshape: three joint angles and a spread of four fingers, and three directions of the thumb.
SHAPE_SIZE = 25


@dataclass(frozen=True)
class Location:
    """A place: (out, down, forward) in shoulder widths from the neck; None on the other hand. major: as in ASL-LEX."""

    name: str
    major: str
    place: tuple[float, float, float] | None


@dataclass(frozen=True)
class Posture:
    """One hand held still. contact: the part of it that is at the location. fingers, palm: directions, as 'up-in'."""

    handshape: str
    location: str
    contact: str
    fingers: str
    palm: str


@dataclass(frozen=True)
class Sign:
    """A sign by its parameters. base: the other hand's posture in signs of a base hand, else None.

    size: shoulder widths, or rad of movements that turn the hand. repeats: how often the movement is made.
    role: word class, and of nouns the object class (SPEC §9).
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
    """Every handshape's 25 numbers: rad of joints and spread, then the thumb's directions."""
    return {row["name"]: _shape(row) for row in table("handshapes.csv")}


@lru_cache(maxsize=1)
def locations() -> dict[str, Location]:
    return {row["name"]: Location(row["name"], row["major"], _place(row)) for row in table("locations.csv")}


def direction(name: str) -> np.ndarray:
    """'up-in' → (3,) unit vector (out, down, forward). Raises KeyError: a word that is no direction."""
    vector = np.sum([_AXES[word] for word in name.split("-")], axis=0, dtype=np.float64)
    return vector / np.linalg.norm(vector)


@lru_cache(maxsize=1)
def everyday() -> tuple[Sign, ...]:
    """The built-in lexicon: everyday ASL signs, as well as these parameters can say them."""
    return tuple(signs_of_table(Path(__file__).parent / "signs.csv"))


def read_rows(path: Path) -> tuple[Sequence[str], list[tuple[int, dict[str, str]]]]:
    """A CSV file's header and its rows with their line numbers. Raises BadInput: unreadable, too large, not text."""
    try:
        if path.stat().st_size > MAX_LEXICON_BYTES:
            raise BadInput(f"{path} is larger than {MAX_LEXICON_BYTES >> 20} MiB", "a lexicon is a table of signs")
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, {key: value or "" for key, value in row.items() if key}) for row in reader]
            return reader.fieldnames or [], rows
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}", "name a CSV file of signs") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a CSV table in UTF-8: {error}", "save it as CSV, UTF-8") from error


def known(value: str, names: Iterable[str], path: Path, line: int, column: str) -> str:
    """The value, if it is among the names. Raises BadInput naming line, value and the nearest known one."""
    names = list(names)
    if value in names:
        return value
    by_case = {name.lower(): name for name in names}
    close = difflib.get_close_matches(value.lower(), by_case, n=1, cutoff=0.3)
    hint = f"did you mean '{by_case[close[0]]}'?" if close else f"known: {', '.join(names)}"
    raise BadInput(f"{path}, line {line}: unknown {column} '{value}'", hint)


def signs_of_table(path: Path) -> list[Sign]:
    header, rows = read_rows(path)
    missing = [name for name in ("gloss", "handshape", "location") if name not in header]
    if missing:
        raise BadInput(f"{path} has no column '{missing[0]}'", "a lexicon has gloss, handshape, location, …; see signs.csv")
    signs = [_sign(row, path, line) for line, row in rows]
    seen: dict[str, int] = {}
    for (line, _), sign in zip(rows, signs, strict=True):
        if seen.setdefault(sign.gloss, line) != line:
            raise BadInput(f"{path}, line {line}: '{sign.gloss}' is there already (line {seen[sign.gloss]})", "rename one")
    return signs


def _sign(row: Mapping[str, str], path: Path, line: int) -> Sign:
    def choice(column: str, names: Iterable[str], default: str) -> str:
        value = (row.get(column) or "").strip()
        return known(value, names, path, line, column.removeprefix("to_").removeprefix("base_")) if value else default

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
    elif any(locations()[posture.location].place is None for posture in (start, end)):
        raise BadInput(f"{path}, line {line}: '{start.location}' is on the other hand", "set hands to base or carry")
    return Sign(
        normalise_gloss(row["gloss"]), start, end, hands, choice("movement", MOVEMENTS, "straight"),
        _number(row, "size", 0.0, 0.0, 2.0, path, line), int(_number(row, "repeat", 1, 1, MOST_REPEATS, path, line)), base,
        choice("face", FACES, "neutral"), choice("role", ROLES, "other"),
    )  # fmt: skip


def _orientation(row: Mapping[str, str], prefix: str, default: tuple[str, str], path: Path, line: int) -> tuple[str, str]:
    found = []
    for column, other in zip(("fingers", "palm"), default, strict=True):
        value = (row.get(prefix + column) or "").strip() or other
        for word in value.split("-"):
            known(word, _AXES, path, line, f"direction of the {column}")
        found.append(value)
    vectors = [_sum_of(name) for name in found]
    if any(not vector.any() for vector in vectors) or not np.cross(*vectors).any():
        raise BadInput(f"{path}, line {line}: fingers '{found[0]}' and palm '{found[1]}' cannot be together", "turn the palm")
    return found[0], found[1]


def _sum_of(name: str) -> np.ndarray:
    return np.sum([_AXES[word] for word in name.split("-")], axis=0)


def _number(row: Mapping[str, str], column: str, default: float, low: float, high: float, path: Path, line: int) -> float:
    text = (row.get(column) or "").strip()
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise BadInput(f"{path}, line {line}: {column} is '{text}'", f"a number between {low:g} and {high:g}")
    return value


def table(name: str) -> list[dict[str, str]]:
    """A table of the package, one dict a row."""
    with open(Path(__file__).parent / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _shape(row: Mapping[str, str]) -> np.ndarray:
    joints = np.radians([FINGERS[letter] for letter in row["fingers"]])
    spread = np.radians(float(row["spread"])) * np.array(_SPREADS)
    thumb = np.array(THUMBS[row["thumb"]])
    thumb /= np.linalg.norm(thumb, axis=1, keepdims=True)
    return np.concatenate([np.column_stack([joints, spread]).ravel(), thumb.ravel()])


def _place(row: Mapping[str, str]) -> tuple[float, float, float] | None:
    return (float(row["out"]), float(row["down"]), float(row["forward"])) if row["out"] else None


def write_excerpt(path: Path, glosses: Sequence[str]) -> None:
    """Writes rows of the built-in lexicon as a lexicon of its own."""
    rows = table("signs.csv")
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in rows if row["gloss"] in glosses)
    write_atomically(path, buffer.getvalue())


BUILT_IN_LEXICONS = ("everyday", "invented")
