"""One writer at a time, on local disks and on network file systems.

The system's own file lock ends with its process, however that ends, but some network file systems grant it to everybody. So the
owner of a workspace also writes down who it is and, while it lives, counts on in that file: no clock is compared with another.
"""

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.files import write_json

LOCK, OWNER = "lock", "owner.json"
BEAT_SECONDS = 2.0
#: An owner on another machine that has not counted on for so long is dead.
DEAD_AFTER_SECONDS = 8.0


@contextmanager
def owned(folder: Path, command: str) -> Iterator[bool]:
    """Holds a folder, which is made if need be, for a command; whether the owner before has died over its work.

    Raises AslError: another asl is at work, here or on another machine (it is named), or nothing can be written there.
    """
    me = {"pid": os.getpid(), "host": socket.gethostname(), "command": command}
    me["since"] = datetime.now().astimezone().isoformat(timespec="seconds")
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(folder / OWNER, me, stop), daemon=True)
    with ExitStack() as held:
        try:
            folder.mkdir(exist_ok=True)
            if not held.enter_context(system_lock(folder / LOCK, seconds=0.2)):
                raise _refused(_read(folder / OWNER))
            died = _claim(folder / OWNER, me)
        except OSError as error:
            raise AslError(f"cannot write in {folder.parent}: {error.strerror}", "check the folder's permissions") from error
        beats.start()
        try:
            yield died
        finally:
            stop.set()
            beats.join()
            if _same(_read(folder / OWNER), me):
                (folder / OWNER).unlink(missing_ok=True)


@contextmanager
def system_lock(file: Path, seconds: float = -1) -> Iterator[bool]:
    """The system's lock of a file, waited for so long (for ever if negative); whether it was got.

    Where the file system has no locks it is as if it was: what it guards must bear that.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        yield False
        return
    except (NotImplementedError, OSError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def _claim(file: Path, me: dict[str, Any]) -> bool:
    """Writes the owner's name, unless another lives; whether one has died. One of this machine whose lock we hold has."""
    other = _read(file)
    if other and other.get("host") != me["host"] and _counts_on(file, other):
        raise _refused(other)
    write_json(file, {**me, "beat": 0})
    if not _same(found := _read(file), me):  # two took it over at once
        raise _refused(found)
    return bool(other)


def _counts_on(file: Path, seen: dict[str, Any]) -> bool:
    """Whether the owner gives a sign of life."""
    for _ in range(round(DEAD_AFTER_SECONDS / 0.5)):
        time.sleep(0.5)
        now = _read(file)
        if now != seen:
            return bool(now)
    return False


def _beat(file: Path, me: dict[str, Any], stop: threading.Event) -> None:
    beat = 0
    while not stop.wait(BEAT_SECONDS):
        beat += 1
        try:
            if _same(_read(file), me):
                write_json(file, {**me, "beat": beat})
        except OSError:
            continue  # a full disk: the work itself will say so


def _same(found: dict[str, Any], me: dict[str, Any]) -> bool:
    return all(found.get(key) == me[key] for key in ("pid", "host", "since"))


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _refused(owner: dict[str, Any]) -> AslError:
    what = "'{command}', process {pid} on {host} since {since}"
    try:
        name = what.format(**owner)
    except KeyError:
        name = "(it has not said its name yet)"
    return AslError(f"another asl is at work here: {name}", "wait for it, or stop it")
