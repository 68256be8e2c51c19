"""Files that the user names as outputs: never an input, and nothing that asl did not write unless the user says so.

asl knows what it wrote by its content: it keeps the SHA-256 of every such output in one file of the user's cache. A file that has
been edited since, and one that somebody else wrote, has another hash. If the cache is lost, asl asks once too often. The hashes
of a file that grows over a long batch are kept beside it, so that asl also knows what a killed process has left.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from asl.pipelines.workspace.cache_folder import cache_folder
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_atomically

RECORD = "written.txt"
#: Folder with a record for each output that grows, or whose process was killed.
GROWING = "growing"
#: The record keeps the hashes of the newest outputs; it is shortened once it holds twice as many.
MAX_HASHES = 100_000
_LINE = re.compile(r"[0-9a-f]{64}")


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Path], *, overwrite: bool = False) -> None:
    """Raises BadInput if an output is an input, also through a link, or exists and was not written by asl, or is no file.

    Nor may it lie where no file can be made. overwrite: an output may be a file that asl did not write. It may never be an input.
    """
    for folder in dict.fromkeys(path.parent for path in outputs):
        _check_folder(folder)
    existing = [(path, identity) for path in outputs if (identity := _identity(path))]
    if not existing:
        return
    sources = {identity: path for path in inputs if (identity := _identity(path))}
    for path, identity in existing:
        if identity in sources:
            same = "" if path == sources[identity] else f"it is the same file as {sources[identity]}; "
            raise BadInput(f"the output {path} is an input of this command", f"{same}name another place for the output")
        if not path.is_file():
            raise BadInput(f"the output {path} is a folder or a device", "name a file")
    if not overwrite:
        _refuse_foreign([path for path, _ in existing])


def _check_folder(folder: Path) -> None:
    """Raises BadInput if no file can be made in a folder, which need not exist: a batch would end before its first result."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.exists(path))
    if not nearest.is_dir():
        raise BadInput(f"the output folder {folder} cannot be made: {nearest} is a file", "name another place for the output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise BadInput(f"no file can be made in {folder}: {nearest} may not be written to", "name another place for the output")


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what a path leads to, as os.path.samefile compares them; None if there is nothing."""
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino


def _refuse_foreign(existing: Sequence[Path]) -> None:
    written = written_by_asl(existing)
    foreign = [path for path in existing if path not in written]
    hint = "name another place, or add --overwrite"
    if len(foreign) == 1:
        raise BadInput(f"{foreign[0]} exists, and asl did not write it, or it was changed since", hint)
    if foreign:
        raise BadInput(f"{foreign[0]} and {len(foreign) - 1} more exist that asl did not write, or that were changed since", hint)


def written_by_asl(paths: Iterable[Path]) -> set[Path]:
    """Those of these files that asl wrote and that have not been changed since."""
    hashes = _recorded_hashes()
    return {path for path in paths if path.is_file() and file_hash(path) in hashes}


def record_output(path: Path) -> None:
    """Records the present content of a file as written by asl. Without a cache that can be written to, it does nothing."""
    with contextlib.suppress(OSError):
        _record(file_hash(path))


class GrowingOutput:
    """The record of an output to which a batch adds text, from an empty file on. Without a cache, it does nothing.

    What the file is about to hold is recorded before it is written, beside what it holds: wherever the process is killed, one of
    the two is there.
    """

    def __init__(self, path: Path):
        self._hash, self._grown = hashlib.sha256(), False
        self._file = cache_folder() / GROWING / f"{value_hash(os.path.abspath(path))}.txt"

    def add(self, text: str) -> None:
        """To be called before `text` is written; the first time before the file is made."""
        before, self._grown = self._hash.hexdigest(), True
        self._hash.update(text.encode())
        with contextlib.suppress(OSError):
            write_atomically(self._file, f"{before}\n{self._hash.hexdigest()}\n")

    def finish(self) -> None:
        """Records the whole file, if anything was added, as `record_output` does."""
        if self._grown:
            with contextlib.suppress(OSError):
                _record(self._hash.hexdigest())
                self._file.unlink(missing_ok=True)


def _record(digest: str) -> None:
    record = cache_folder() / RECORD
    record.parent.mkdir(parents=True, exist_ok=True)
    with open(record, "a", encoding="ascii") as file:
        file.write(f"{digest}\n")
    if record.stat().st_size > 2 * MAX_HASHES * 65:
        write_atomically(record, "\n".join(_lines(record)[-MAX_HASHES:]) + "\n")


def _recorded_hashes() -> set[str]:
    hashes: set[str] = set()
    for record in (cache_folder() / RECORD, *(cache_folder() / GROWING).glob("*.txt")):
        with contextlib.suppress(OSError):
            hashes.update(_lines(record))
    return hashes


def _lines(record: Path) -> list[str]:
    return _LINE.findall(record.read_text(encoding="ascii", errors="replace"))
