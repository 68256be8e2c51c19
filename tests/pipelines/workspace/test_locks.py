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
from asl.pipelines.workspace.locks import OWNER, owned


def test_one_at_a_time(tmp_path):
    with owned(tmp_path / "private", "asl first") as died:
        assert not died
        with pytest.raises(AslError, match=rf"'asl first', process {os.getpid()}"), owned(tmp_path / "private", "asl second"):
            pass
    assert not (tmp_path / "private" / OWNER).exists()
    with owned(tmp_path / "private", "asl second") as died:
        assert not died


def test_after_a_kill_the_next_gets_in_at_once_and_knows(tmp_path):
    script = f"from pathlib import Path\nfrom asl.pipelines.workspace.locks import owned\nimport time\n" \
        f"with owned(Path({str(tmp_path)!r}), 'asl x'):\n    print('in', flush=True)\n    time.sleep(60)"  # fmt: skip
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"in\n"
    holder.kill()
    holder.communicate()
    assert (tmp_path / OWNER).is_file()
    with owned(tmp_path, "asl next") as died:
        assert died


def other_machine(file, lives: bool, stop: threading.Event) -> threading.Thread:
    """An owner that this machine's locks know nothing of."""
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
def test_an_owner_on_another_machine_is_believed_as_long_as_it_gives_signs_of_life(tmp_path, monkeypatch, lives):
    """Also where the file system grants every lock, and whatever the clocks say."""
    monkeypatch.setattr(locks, "DEAD_AFTER_SECONDS", 1.0)
    stop = threading.Event()
    thread = other_machine(tmp_path / OWNER, lives, stop)
    try:
        if lives:
            with pytest.raises(AslError, match="'asl far', process 1 on elsewhere"), owned(tmp_path, "asl near"):
                pass
        else:
            with owned(tmp_path, "asl near") as died:
                assert died
                assert json.loads((tmp_path / OWNER).read_text())["command"] == "asl near"
    finally:
        stop.set()
        thread.join()


def test_an_owner_counts_on(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.05)
    with owned(tmp_path, "asl x"):
        seen = set()
        for _ in range(100):
            seen.add(json.loads((tmp_path / OWNER).read_text())["beat"])
            time.sleep(0.02)
        assert len(seen) > 2


def test_a_file_system_without_locks_is_worked_on(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with owned(tmp_path, "asl x") as died:
        assert not died


def test_what_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AslError, match="cannot write"), owned(tmp_path / "file" / "private", "asl x"):
        pass
