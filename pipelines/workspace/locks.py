"""One writer at a time, on local disks and on network file systems.

The operating system's file lock is released when its process ends in any way, but some network file systems grant it to
everybody. The owner of a workspace therefore also writes its identity to a file, with a counter that it increments while it is
alive. No clocks of different machines are compared.
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
#: An owner on another machine whose counter has not changed for this long is dead.
DEAD_AFTER_SECONDS = 8.0


@contextmanager
def folder_lock(folder: Path, command: str) -> Iterator[bool]:
    """Locks a folder, which is created if necessary, for a command. Yields whether the previous owner died while holding it.

    Raises AslError if another asl holds it, on this or another machine, or if the folder is not writable.
    """
    identity = {"pid": os.getpid(), "host": socket.gethostname(), "command": command}
    identity["since"] = datetime.now().astimezone().isoformat(timespec="seconds")
    stop = threading.Event()
    heartbeat = threading.Thread(target=_beat, args=(folder / OWNER, identity, stop), daemon=True)
    with ExitStack() as locks:
        try:
            folder.mkdir(exist_ok=True)
            if not locks.enter_context(system_lock(folder / LOCK, seconds=0.2)):
                raise _in_use(_read(folder / OWNER))
            died = _claim(folder / OWNER, identity)
        except OSError as error:
            raise AslError(f"cannot write in {folder.parent}: {error.strerror}", "check the folder's permissions") from error
        heartbeat.start()
        try:
            yield died
        finally:
            stop.set()
            heartbeat.join()
            if _is_owner(identity, _read(folder / OWNER)):
                (folder / OWNER).unlink(missing_ok=True)


@contextmanager
def system_lock(file: Path, seconds: float = -1) -> Iterator[bool]:
    """The operating system's lock of a file. Yields whether it was acquired within `seconds` (negative: wait without limit).

    On file systems without locks it always yields True, so callers must tolerate concurrent access.
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


def _claim(file: Path, identity: dict[str, Any]) -> bool:
    """Writes this owner's identity, unless another owner is alive. Returns whether a previous owner died.

    A previous owner on this machine must be dead, because its lock is held here.
    """
    previous = _read(file)
    if previous and previous.get("host") != identity["host"] and _is_alive(file, previous):
        raise _in_use(previous)
    write_json(file, {**identity, "beat": 0})
    if not _is_owner(identity, owner := _read(file)):  # two processes claimed it at once
        raise _in_use(owner)
    return bool(previous)


def _is_alive(file: Path, owner: dict[str, Any]) -> bool:
    """Whether the counter of an owner increases within DEAD_AFTER_SECONDS."""
    for _ in range(round(DEAD_AFTER_SECONDS / 0.5)):
        time.sleep(0.5)
        current = _read(file)
        if current != owner:
            return bool(current)
    return False


def _beat(file: Path, identity: dict[str, Any], stop: threading.Event) -> None:
    beat = 0
    while not stop.wait(BEAT_SECONDS):
        beat += 1
        try:
            if _is_owner(identity, _read(file)):
                write_json(file, {**identity, "beat": beat})
        except OSError:
            continue  # a full disk, which the command itself will report


def _is_owner(identity: dict[str, Any], owner: dict[str, Any]) -> bool:
    return all(owner.get(key) == identity[key] for key in ("pid", "host", "since"))


def _read(file: Path) -> dict[str, Any]:
    try:
        owner = json.loads(file.read_text(encoding="utf-8"))
        return owner if isinstance(owner, dict) else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _in_use(owner: dict[str, Any]) -> AslError:
    try:
        name = "'{command}', process {pid} on {host} since {since}".format(**owner)
    except KeyError:
        name = "(it has not identified itself yet)"
    return AslError(f"another asl is at work in this workspace: {name}", "wait until it ends, or stop it")
