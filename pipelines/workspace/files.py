"""Atomic writing of files, and file hashes."""

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from pathlib import Path
from typing import Any

#: Prefixes of the names of unfinished files and folders.
UNFINISHED_FILE, UNFINISHED_FOLDER = ".writing-", ".unfinished-"


def write_atomically(path: Path, data: bytes | str) -> None:
    """Writes a temporary file beside the target and renames it, so that no reader ever sees a partial file.

    A new file has the permissions that the umask leaves; one that is replaced keeps its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f"{UNFINISHED_FILE}{secrets.token_hex(8)}.tmp"
    # Not by tempfile, whose files only their owner may read, whatever the umask.
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(data.encode() if isinstance(data, str) else data)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON, atomically."""
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
    """Cache of file hashes by path, size and modification time, as in git's index, so that a large corpus is hashed only once."""

    def __init__(self, file: Path):
        self._file, self._changed = file, False
        try:
            entries = json.loads(file.read_text())
        except (OSError, ValueError):
            entries = {}
        self._entries: dict[str, list] = entries if isinstance(entries, dict) else {}

    def __call__(self, path: Path) -> str:
        """SHA-256 of a file, hexadecimal. Raises OSError if it cannot be read."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        key = str(path.resolve())
        entry = self._entries.get(key)
        if not (isinstance(entry, list) and len(entry) == 3 and entry[:2] == stamp):
            self._entries[key] = entry = [*stamp, file_hash(path)]
            self._changed = True
        return str(entry[2])

    def save(self) -> None:
        """Writes the cache to its file if it changed."""
        if self._changed:
            write_json(self._file, self._entries)
            self._changed = False


def remove_unfinished(folder: Path) -> None:
    """Deletes the unfinished files and folders that a killed process left below a folder."""
    for path in folder.rglob(f"{UNFINISHED_FILE}*"):
        path.unlink(missing_ok=True)
    for path in folder.rglob(f"{UNFINISHED_FOLDER}*"):
        shutil.rmtree(path, ignore_errors=True)


MAX_NAME_CHARACTERS = 60


def slug(text: str) -> str:
    """Text as a short file name that is valid on any file system. Letters of all scripts are kept."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:MAX_NAME_CHARACTERS] or "clip"
