"""Files written whole or not at all, and their hashes."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

#: How the names of what is being written begin.
UNFINISHED_FILE, UNFINISHED_FOLDER = ".writing-", ".unfinished-"


def write_atomically(path: Path, data: bytes | str) -> None:
    """Writes beside the target and renames, so that a reader or a kill never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED_FILE, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            os.fchmod(file.fileno(), 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def value_hash(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, shortened to 16 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class HashCache:
    """File hashes remembered by path, size and modification time, as git's index does: a large corpus is hashed once."""

    def __init__(self, file: Path):
        self._file, self._changed = file, False
        try:
            known = json.loads(file.read_text())
        except (OSError, ValueError):
            known = {}
        self._known: dict[str, list] = known if isinstance(known, dict) else {}

    def __call__(self, path: Path) -> str:
        """SHA-256 of a file. Raises OSError if it cannot be read."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        key = str(path.resolve())
        entry = self._known.get(key)
        if not (isinstance(entry, list) and len(entry) == 3 and entry[:2] == stamp):
            self._known[key] = entry = [*stamp, file_hash(path)]
            self._changed = True
        return str(entry[2])

    def save(self) -> None:
        if self._changed:
            write_json(self._file, self._known)
            self._changed = False


def remove_unfinished(folder: Path) -> None:
    """Deletes what one that was killed left half written below a folder."""
    for path in folder.rglob(f"{UNFINISHED_FILE}*"):
        path.unlink(missing_ok=True)
    for path in folder.rglob(f"{UNFINISHED_FOLDER}*"):
        shutil.rmtree(path, ignore_errors=True)


MAX_NAME_CHARACTERS = 60


def slug(text: str) -> str:
    """A short name that is safe in any file system; letters of all scripts are kept."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:MAX_NAME_CHARACTERS] or "clip"
