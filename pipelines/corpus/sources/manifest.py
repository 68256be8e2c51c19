"""`--manifest FILE`: a CSV or JSONL table of clips."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import ClipSource, garbage_collection_paused, split_name
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.fields import nearest_hint
from asl.transducers.glossing import parse_glosses

REQUIRED = ("path", "gloss")
OPTIONAL = ("signer", "group", "split", "start", "end")


def read(file: Path) -> tuple[list[ClipSource], list[str]]:
    """The clips of a manifest, and the paths of missing files. Paths are relative to the folder of the manifest.

    Raises BadInput, with file and line, if the file does not exist or has a missing column, a wrong split or a wrong time.
    """
    clips, missing = [], []
    with garbage_collection_paused():
        for line, row in _rows(file):
            clip = _clip(file, line, row)
            if os.path.exists(clip.path):  # unlike Path.exists, this returns False for names that are invalid on this system
                clips.append(clip)
            else:
                missing.append(str(row["path"]))
    return clips, missing


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if not file.is_file():
        problem = "is a folder, not a file" if file.is_dir() else "does not exist"
        raise BadInput(f"--manifest: {file} {problem}", "name a .csv or .jsonl file")
    try:
        with open(file, encoding="utf-8-sig", newline="") as text:
            yield from _json_rows(file, text) if file.suffix.lower() in (".jsonl", ".ndjson") else _csv_rows(file, text)
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the file's permissions") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} is not a table in UTF-8: {error}", "export it as CSV in UTF-8") from error


def _csv_rows(file: Path, text) -> Iterator[tuple[int, dict[str, Any]]]:
    table = csv.DictReader(text, strict=True)
    _check_columns(file, [name.strip() for name in table.fieldnames or []])
    for row in table:
        if None in row or None in row.values():
            raise BadInput(
                f"{file}, line {table.line_num}: the number of cells differs from the header", "quote cells that contain commas"
            )
        yield table.line_num, {key.strip(): value for key, value in row.items()}


def _json_rows(file: Path, text) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{file}, line {number}: not JSON: {error}", "write one JSON object per line") from error
        if not isinstance(row, dict):
            raise BadInput(f"{file}, line {number}: not a JSON object", 'write for example {"path": "book.mp4", "gloss": "BOOK"}')
        _check_columns(file, list(row), number)
        gloss = row["gloss"]
        row["gloss"] = " ".join(map(str, gloss)) if isinstance(gloss, list) else gloss
        yield number, {key: "" if value is None else str(value) for key, value in row.items()}


def _check_columns(file: Path, columns: list[str], line: int = 1) -> None:
    for name in REQUIRED:
        if name not in columns:
            raise BadInput(f"{file}, line {line}: there is no column '{name}'", f"it has: {', '.join(columns) or 'none'}")
    for name in columns:
        if name not in REQUIRED + OPTIONAL:
            raise BadInput(f"{file}, line {line}: unknown column '{name}'", nearest_hint(name, REQUIRED + OPTIONAL))


def _clip(file: Path, line: int, row: dict[str, Any]) -> ClipSource:
    split = split_name(row.get("split") or "")
    if split is None:
        raise BadInput(f"{file}, line {line}: unknown split '{row['split']}'", "use train, validation (val, dev) or test")
    if not row["path"]:
        raise BadInput(f"{file}, line {line}: empty path", "each line must name a clip")
    start, end = _seconds(file, line, row, "start") or 0.0, _seconds(file, line, row, "end")
    if end is not None and end <= start:
        raise BadInput(f"{file}, line {line}: end {end} s is not after start {start} s", "give both in seconds")
    path = file.parent / row["path"]
    kind = "pose" if path.suffix.lower() == ".pose" else "video"
    group, signer = row.get("group") or "", row.get("signer") or ""
    name = row["path"] if not (start or end) else f"{row['path']}@{start:g}"
    return ClipSource(path, kind, name, parse_glosses(row["gloss"]), group or signer, signer, split, start, end)


def _seconds(file: Path, line: int, row: dict[str, Any], column: str) -> float | None:
    text = row.get(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput(f"{file}, line {line}: {column} '{text}' is not a number", "give seconds, such as 1.25") from error
    if not 0 <= value < 1e6:
        raise BadInput(f"{file}, line {line}: {column} is {text}", "give seconds from the start of the file, 0 or more")
    return value
