import errno
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from asl.pipelines.workspace import locks
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.locks import OWNER, folder_lock


def test_a_folder_is_locked_by_one_command_at_a_time(tmp_path):
    with folder_lock(tmp_path / "private", "asl first") as died:
        assert not died
        with (
            pytest.raises(AslError, match=rf"'asl first', process {os.getpid()}"),
            folder_lock(tmp_path / "private", "asl second"),
        ):
            pass
    assert not (tmp_path / "private" / OWNER).exists()
    with folder_lock(tmp_path / "private", "asl second") as died:
        assert not died


def test_the_lock_of_a_killed_process_is_released_at_once(tmp_path):
    script = f"from pathlib import Path\nfrom asl.pipelines.workspace.locks import folder_lock\nimport time\n" \
        f"with folder_lock(Path({str(tmp_path)!r}), 'asl x'):\n    print('in', flush=True)\n    time.sleep(60)"  # fmt: skip
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"in\n"
    holder.kill()
    holder.communicate()
    assert (tmp_path / OWNER).is_file()
    with folder_lock(tmp_path, "asl next") as died:
        assert died


def other_machine(file, lives: bool, stop: threading.Event) -> threading.Thread:
    """An owner that is invisible to the locks of this machine."""
    record = {"pid": 1, "host": "elsewhere", "command": "asl far", "since": "2020-01-01"}

    def beat() -> None:
        number = 0
        while lives and not stop.wait(0.1):
            number += 1
            write_json(file, {**record, "beat": number})

    write_json(file, {**record, "beat": 0})
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("lives", [True, False])
def test_an_owner_on_another_machine_keeps_the_lock_while_it_is_alive(tmp_path, monkeypatch, lives):
    """Even if the file system grants every lock, and independently of clocks."""
    monkeypatch.setattr(locks, "DEAD_AFTER_SECONDS", 1.0)
    stop = threading.Event()
    thread = other_machine(tmp_path / OWNER, lives, stop)
    try:
        if lives:
            with pytest.raises(AslError, match="'asl far', process 1 on elsewhere"), folder_lock(tmp_path, "asl near"):
                pass
        else:
            with folder_lock(tmp_path, "asl near") as died:
                assert died
                assert json.loads((tmp_path / OWNER).read_text())["command"] == "asl near"
    finally:
        stop.set()
        thread.join()


def test_an_owner_increments_its_counter(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.05)
    with folder_lock(tmp_path, "asl x"):
        seen = set()
        for _ in range(100):
            seen.add(json.loads((tmp_path / OWNER).read_text())["beat"])
            time.sleep(0.02)
        assert len(seen) > 2


def test_a_file_system_without_locks_is_tolerated(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with folder_lock(tmp_path, "asl x") as died:
        assert not died


def test_an_unwritable_folder_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AslError, match="cannot write"), folder_lock(tmp_path / "file" / "private", "asl x"):
        pass
