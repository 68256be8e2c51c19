"""ASL-LEX 2.0 (Sehyr et al. 2021) as a lexicon: its coded signs, with what it does not code filled in by rule.

ASL-LEX codes handshape, selected fingers, flexion, locations, path movement and sign type, but neither orientation nor the
size of a movement: these follow from the location here, so two signs that differ only there look the same.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asl.pipelines.synthetic.lexicon import Posture, Sign, known, locations, table
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
#: Path movement → movement, size. Straight goes to the second location, where there is one.
_MOVEMENTS = {
    "Straight": ("straight", 0.0), "Curved": ("arc-up", 0.14), "Circular": ("circle-front", 0.14), "Z-shaped": ("zigzag", 0.16),
    "X-shaped": ("zigzag", 0.16), "BackAndForth": ("shake-side", 0.16), "None": ("straight", 0.0), "Other": ("wiggle", 0.4),
}  # fmt: skip
_FACING = {
    "Head": ("up", "back"), "Body": ("in-up", "back"), "Arm": ("in-up", "back"), "Hand": ("forward-in", "down"),
    "Neutral": ("forward-up", "down"), "Other": ("forward-up", "down"),
}  # fmt: skip
_CONTACTS = {"imrp": "palm", "i": "index", "im": "fingertips", "t": "thumb", "m": "middle"}
#: Where a straight movement goes if ASL-LEX names no second location.
_ONWARD = {"Head": "face", "Body": "before-body", "Neutral": "neutral-low", "Hand": "near-hand", "Arm": "before-body"}
_ABSENT = ("", "NA")


def fits(header: Sequence[str]) -> bool:
    return all(column in header for column in COLUMNS)


def signs(path: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> list[Sign]:
    """One sign a row. Raises BadInput: a value that ASL-LEX does not have, with line and nearest known one."""
    shapes = {alias: row["name"] for row in table("handshapes.csv") for alias in row["asl_lex"].split()}
    places = {alias: row["name"] for row in table("locations.csv") for alias in row["asl_lex"].split()}
    found, names = [], Counter()
    for line, row in rows:
        sign = _sign(row, path, line, shapes, places)
        names[sign.gloss] += 1  # entries that differ in letter case only are variants
        found.append(replace(sign, gloss=f"{sign.gloss}-{names[sign.gloss]}") if names[sign.gloss] > 1 else sign)
    return found


def _sign(row: dict[str, str], path: Path, line: int, shapes: dict[str, str], places: dict[str, str]) -> Sign:
    def value(column: str, names) -> str:
        return known(row[column], names, path, line, column)

    shape = shapes[value("Handshape.2.0", shapes)]
    hands = _TYPES[value("SignType.2.0", _TYPES)]
    major = value("MajorLocation.2.0", _FACING)
    place = places[_nearest_place(row["MinorLocation.2.0"], places, path, line)]
    movement, size = _MOVEMENTS[value("Movement.2.0", _MOVEMENTS)]
    if locations()[place].place is None and hands != "base":
        hands, place = (hands, "centre") if hands == "both" else ("base", place)
    start = _posture(shape, place, row, major)
    end = _end(row, start, movement, places, major, hands)
    repeats = 2 if row.get("RepeatedMovement.2.0") == "1" or movement in ("circle-front", "shake-side", "wiggle") else 1
    if start == end and movement == "straight" and repeats > 1:
        movement, size = "tap", 0.12
    base = None
    if hands == "base":
        other = shapes.get(row.get("NonDominantHandshape.2.0", "").lower(), "open-B")
        base = Posture(other, "centre", "palm", "forward-in", "up-forward" if place == "palm" else "down")
    return Sign(normalise_gloss(row["EntryID"]), start, end, hands, movement, size, repeats, base)


def _nearest_place(name: str, places: dict[str, str], path: Path, line: int) -> str:
    """ASL-LEX says TorsoTop and OtherAway, too; what is away from a place it knows is at that place here."""
    return (
        name.removesuffix("Away") if name.removesuffix("Away") in places else known(name, places, path, line, "MinorLocation.2.0")
    )


def _posture(shape: str, place: str, row: dict[str, str], major: str) -> Posture:
    where = locations()[place].major
    contact = _CONTACTS.get(row.get("SelectedFingers.2.0", ""), "fingertips") if where != "Neutral" else "palm"
    return Posture(shape, place, contact, *_FACING[where if where in _FACING else major])


def _end(row: dict[str, str], start: Posture, movement: str, places: dict[str, str], major: str, hands: str) -> Posture:
    second = row.get("SecondMinorLocation.2.0", "")
    place, shape = start.location, start.handshape
    if movement in ("straight", "arc-up") and row["Movement.2.0"] != "None":
        place = places.get(second, "") if second not in _ABSENT else ""
        place = place if place and place != start.location else _ONWARD[locations()[start.location].major]
        if locations()[place].place is None and hands != "base":
            place = "centre"
    if row.get("FlexionChange.2.0") == "1":
        shape = {"S": "5", "5": "S", "1": "X", "X": "1", "O": "5", "flat-O": "5"}.get(shape, "flat-O")
    fingers, palm = start.fingers, start.palm
    if row.get("UlnarRotation.2.0") == "1":
        palm = {"down": "up-in", "back": "forward", "up": "down", "forward": "back"}.get(palm, "forward-in")
    return Posture(shape, place, start.contact, fingers, palm)
