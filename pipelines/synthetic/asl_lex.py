"""ASL-LEX 2.0 (Sehyr et al. 2021) as a lexicon. Parameters that it does not code are filled in by rule.

ASL-LEX codes handshape, selected fingers, flexion, locations, path movement and sign type, but neither orientation nor the
size of a movement. Both are derived from the location here, so signs that differ only in them look the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asl.pipelines.synthetic.lexicon import Posture, Sign, checked_name, locations, read_table
from asl.transducers.glossing import normalise_gloss

COLUMNS = ("EntryID", "Handshape.2.0", "MajorLocation.2.0", "MinorLocation.2.0", "Movement.2.0", "SignType.2.0")
_TYPES = {
    "OneHanded": "one",
    "SymmetricalOrAlternating": "both",
    "AsymmetricalDifferentHandshape": "base",
    "AsymmetricalSameHandshape": "base",
    "DominanceViolation": "base",
    "SymmetryViolation": "both",
}
#: Path movement → movement, size. A straight movement goes to the second location if there is one.
_MOVEMENTS = {
    "Straight": ("straight", 0.0), "Curved": ("arc-up", 0.14), "Circular": ("circle-front", 0.14), "Z-shaped": ("zigzag", 0.16),
    "X-shaped": ("zigzag", 0.16), "BackAndForth": ("shake-side", 0.16), "None": ("straight", 0.0), "Other": ("wiggle", 0.4),
}  # fmt: skip
_FACING = {
    "Head": ("up", "back"), "Body": ("in-up", "back"), "Arm": ("in-up", "back"), "Hand": ("forward-in", "down"),
    "Neutral": ("forward-up", "down"), "Other": ("forward-up", "down"),
}  # fmt: skip
_CONTACTS = {"imrp": "palm", "i": "index", "im": "fingertips", "t": "thumb", "m": "middle"}
#: Goal of a straight movement without a second location, by major location.
_DEFAULT_GOAL = {"Head": "face", "Body": "before-body", "Neutral": "neutral-low", "Hand": "near-hand", "Arm": "before-body"}
_ABSENT = ("", "NA")


def is_asl_lex(header: Sequence[str]) -> bool:
    """Whether a table has the columns of ASL-LEX 2.0."""
    return all(column in header for column in COLUMNS)


def signs_from_rows(path: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> list[Sign]:
    """One sign per row. Raises BadInput, with the line and the nearest known value, if ASL-LEX has no such value."""
    shapes = {alias: row["name"] for row in read_table("handshapes.csv") for alias in row["asl_lex"].split()}
    location_names = {alias: row["name"] for row in read_table("locations.csv") for alias in row["asl_lex"].split()}
    signs, counts = [], Counter()
    for line, row in rows:
        sign = _sign(row, path, line, shapes, location_names)
        counts[sign.gloss] += 1  # entries that differ only in letter case are variants
        signs.append(replace(sign, gloss=f"{sign.gloss}-{counts[sign.gloss]}") if counts[sign.gloss] > 1 else sign)
    return signs


def _sign(row: dict[str, str], path: Path, line: int, shapes: dict[str, str], location_names: dict[str, str]) -> Sign:
    def value(column: str, names) -> str:
        return checked_name(row[column], names, path, line, column)

    shape = shapes[value("Handshape.2.0", shapes)]
    hands = _TYPES[value("SignType.2.0", _TYPES)]
    major = value("MajorLocation.2.0", _FACING)
    location = location_names[_location_name(row["MinorLocation.2.0"], location_names, path, line)]
    movement, size = _MOVEMENTS[value("Movement.2.0", _MOVEMENTS)]
    if locations()[location].position is None and hands != "base":
        hands, location = (hands, "centre") if hands == "both" else ("base", location)
    start = _posture(shape, location, row, major)
    end = _end(row, start, movement, location_names, hands)
    repeats = 2 if row.get("RepeatedMovement.2.0") == "1" or movement in ("circle-front", "shake-side", "wiggle") else 1
    if start == end and movement == "straight" and repeats > 1:
        movement, size = "tap", 0.12
    base = None
    if hands == "base":
        base_shape = shapes.get(row.get("NonDominantHandshape.2.0", "").lower(), "open-B")
        base = Posture(base_shape, "centre", "palm", "forward-in", "up-forward" if location == "palm" else "down")
    return Sign(normalise_gloss(row["EntryID"]), start, end, hands, movement, size, repeats, base)


def _location_name(name: str, location_names: dict[str, str], path: Path, line: int) -> str:
    """The name without "Away" if that is a location: a hand away from a location is put at that location here."""
    nearest = name.removesuffix("Away")
    return nearest if nearest in location_names else checked_name(name, location_names, path, line, "MinorLocation.2.0")


def _posture(shape: str, location: str, row: dict[str, str], major: str) -> Posture:
    actual_major = locations()[location].major
    contact = _CONTACTS.get(row.get("SelectedFingers.2.0", ""), "fingertips") if actual_major != "Neutral" else "palm"
    return Posture(shape, location, contact, *_FACING[actual_major if actual_major in _FACING else major])


def _end(row: dict[str, str], start: Posture, movement: str, location_names: dict[str, str], hands: str) -> Posture:
    second = row.get("SecondMinorLocation.2.0", "")
    location, shape = start.location, start.handshape
    if movement in ("straight", "arc-up") and row["Movement.2.0"] != "None":
        location = location_names.get(second, "") if second not in _ABSENT else ""
        location = location if location and location != start.location else _DEFAULT_GOAL[locations()[start.location].major]
        if locations()[location].position is None and hands != "base":
            location = "centre"
    if row.get("FlexionChange.2.0") == "1":
        shape = {"S": "5", "5": "S", "1": "X", "X": "1", "O": "5", "flat-O": "5"}.get(shape, "flat-O")
    fingers, palm = start.fingers, start.palm
    if row.get("UlnarRotation.2.0") == "1":
        palm = {"down": "up-in", "back": "forward", "up": "down", "forward": "back"}.get(palm, "forward-in")
    return Posture(shape, location, start.contact, fingers, palm)
