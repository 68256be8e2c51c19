"""Cards: the JSON record that says what a folder holds, with the version of its form."""

import json
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.errors import BadInput


def read_record(file: Path, *, newest: int, most_bytes: int, again: str) -> dict[str, Any]:
    """A card of at most version `newest` and so many bytes. again: what to type where it is damaged.

    Raises BadInput: not there, damaged, or of a newer asl.
    """
    try:
        if file.stat().st_size > most_bytes:
            raise ValueError("it is too large")
        card = json.loads(file.read_text(encoding="utf-8"))
        version = card["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{file} is damaged: {error}", again) from error
    if not isinstance(version, int) or version > newest:
        raise BadInput(f"{file} has version {version!r}; this asl knows {newest}", "update asl")
    return card
