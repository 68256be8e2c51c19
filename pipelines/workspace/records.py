"""Cards: versioned JSON records that describe the contents of a folder."""

import json
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.errors import BadInput


def read_record(file: Path, *, newest: int, max_bytes: int, hint: str) -> dict[str, Any]:
    """Reads a card of at most version `newest` and at most `max_bytes`. hint: what to type if it is damaged.

    Raises BadInput if it is missing, damaged, or written by a newer version of asl.
    """
    try:
        if file.stat().st_size > max_bytes:
            raise ValueError("it is too large")
        card = json.loads(file.read_text(encoding="utf-8"))
        version = card["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{file} is damaged: {error}", hint) from error
    if not isinstance(version, int) or version > newest:
        raise BadInput(f"{file} has version {version!r}; this asl reads up to {newest}", "update asl")
    return card
