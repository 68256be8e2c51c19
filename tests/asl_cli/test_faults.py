"""Faults that really happen here: full and read-only disks, files edited and damaged, clocks set back, machines that die."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
import tomli

from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import MODEL_STAGES, create_workspace, open_workspace
from asl.pipelines.workspace.plans import Plan
from asl.transducers.level_names import FULL_CASCADE, file_name
from tests.running_asl import result


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "ws"))


def start(*words) -> subprocess.Popen:
    command = [sys.executable, "-m", "asl", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_until(ready, seconds=60):
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.02)
    assert ready()


def flip(file: Path) -> None:
    """One bit in the middle of a file's second half."""
    data = bytearray(file.read_bytes())
    data[3 * len(data) // 4] ^= 4
    file.write_bytes(data)


@contextmanager
def disk(folder: Path, megabytes: int):
    """A small disk of its own, and what sets its options anew."""
    folder.mkdir(exist_ok=True)
    options = f"size={megabytes}m"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("disks cannot be mounted here")
    try:
        yield lambda change: subprocess.run(["mount", "-o", f"remount,{change}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_so_and_what_was_done_is_kept(copy, asl, tmp_path):
    train = ("--epochs", "20", "--threads", "1", "--hidden", "64", "--layers", "2", "--name", "large")
    whole = asl("train-ctc", "-w", copy, *train, "--seed", "3", check=0)
    size = sum(file.stat().st_size for file in copy.rglob("*") if file.is_file()) // (1 << 20)
    assert whole.returncode == 0
    with disk(tmp_path / "small", 100) as remount:
        other = shutil.copytree(copy, tmp_path / "small" / "ws")
        shutil.rmtree(other / "models" / "large")
        remount(f"size={max(2, size)}m")
        # Room for the model, and not for the checkpoints that are written beside each other.
        filler = tmp_path / "small" / "filler"
        free = shutil.disk_usage(other).free
        filler.write_bytes(bytes(max(0, free - (400 << 10))))
        before = (other / "asl.toml").read_bytes()
        done = asl("train-ctc", "-w", other, *train, "--seed", "3", "--force", check=1)
        assert "the disk is full" in done.stderr
        assert (other / "asl.toml").read_bytes() == before
        assert json.loads(asl("status", "-w", other, "--format", "json", check=0).stdout)
        filler.unlink()
        remount("size=200m")
        asl("train-ctc", "-w", other, *train, "--seed", "3", check=0)
        assert file_hash(other / "models" / "large" / "model.safetensors") == file_hash(
            copy / "models" / "large" / "model.safetensors"
        )
        assert not list(other.rglob(".writing-*"))


def test_a_read_only_disk_is_said_so_and_can_be_read(copy, asl, tmp_path):
    with disk(tmp_path / "disk", 100) as remount:
        other = shutil.copytree(copy, tmp_path / "disk" / "ws")
        remount("ro")
        done = asl("train-ctc", "-w", other, "--epochs", "2", check=1)
        assert "cannot write" in done.stderr
        asl("status", "-w", other, check=0)
        clip = next(iter((other.parent / "ws" / "landmarks").rglob("*.pose")))
        assert asl("translate", "-w", other, clip, "--isolated", check=0).stdout


def test_asl_toml_may_be_edited_while_a_stage_runs(copy, asl):
    file, train = copy / "asl.toml", ("train-ctc", "-w", copy, "--epochs", "30", "--threads", "1", "--name", "long")
    whole = file.read_text()
    running = start(*train)
    wait_until((copy / "models" / "long" / "checkpoint.safetensors").is_file)
    file.write_text(whole + "\n[decode\n")  # half a line, as an editor may save it
    said = running.communicate(timeout=120)[1]
    assert running.returncode == 2
    assert "not valid TOML" in said
    file.write_text(whole.replace("[decode]\n", "[decode]\nbeam = 8\n"))
    done = asl(*train, "--format", "json", check=0)
    assert not result(done)["ran"]  # the training was not lost
    assert result(done)["metrics"]["model"] == "long"
    asl("train-ctc", "-w", copy, "--epochs", "2", "--threads", "1", "--name", "short", check=0)
    written = tomli.loads(file.read_text())
    assert written["decode"]["beam"] == 8
    assert written["state"]["train-ctc"]["metrics"]["model"] == "short"


def test_a_clock_that_was_set_back_does_not_make_an_old_model_the_newest(tmp_path):
    workspace = create_workspace(tmp_path / "ws")
    for stage, name in (("train-stage3", "old"), ("train-ctc", "new")):
        workspace.record(Plan(stage, {}, {}), datetime.now().astimezone(), {}, {"model": name})
        workspace.file.write_text(re.sub(r'finished = "20\d\d', 'finished = "2099', workspace.file.read_text(), count=1))
        workspace = open_workspace(workspace.folder)
    assert workspace.state("train-stage3")["finished"] > workspace.state("train-ctc")["finished"]
    assert workspace.newest(MODEL_STAGES, "model") == "new"


def test_damage_is_found_before_it_is_used(signed, asl):
    graph, model = (next(iter((signed / kind).iterdir())) for kind in ("graphs", "models"))
    clip = next(iter((signed / "landmarks").rglob("*.pose")))
    translate = ("translate", "-w", signed, clip, "--decoder", "cascade")
    store = next(iter((signed / "features").glob("*/00000.npy")))
    for file, command in (
        (graph / file_name(FULL_CASCADE), translate),
        (graph / "tables.safetensors", translate),
        (store, ("build-fst", "-w", signed, "--force")),
        (model / "model.safetensors", ("translate", "-w", signed, clip)),
        (clip, ("train-ctc", "-w", signed, "--fps", "20", "--epochs", "1")),
    ):
        kept = file.read_bytes()
        flip(file)
        done = asl(*command)
        assert done.returncode in (1, 2), file
        assert "damaged" in done.stderr or "changed" in done.stderr, done.stderr
        assert "hint:" in done.stderr
        file.write_bytes(kept)
    asl(*translate, check=0)  # what was put back is whole


def test_a_damaged_checkpoint_is_refused_and_the_run_can_begin_anew(copy, asl):
    train = ("train-ctc", "-w", copy, "--epochs", "200", "--patience", "0", "--threads", "1", "--name", "cut")
    running = start(*train)
    checkpoint = copy / "models" / "cut" / "checkpoint.safetensors"
    wait_until(checkpoint.is_file)
    running.kill()
    running.communicate()
    flip(checkpoint)
    done = asl(*train, check=1)
    assert "checkpoint.safetensors is damaged" in done.stderr
    assert "delete it" in done.stderr


def test_a_workspace_of_a_newer_asl_is_left_alone(copy, asl):
    file = copy / "asl.toml"
    file.write_text(re.sub(r"(?m)^version = .*$", "version = 99", file.read_text()))
    before = file.read_bytes()
    assert "update asl" in asl("train-ctc", "-w", copy, check=2).stderr
    assert file.read_bytes() == before


def test_a_killed_search_ends_neither_stage_3_nor_its_other_clips(signed, asl):
    psutil = pytest.importorskip("psutil")
    stage3 = ("train-stage3", "-w", signed, "--epochs", "2", "--threads", "1", "--workers", "1", "--name", "third", "-q")
    running = subprocess.Popen([sys.executable, "-m", "asl", *map(str, stage3)], stderr=subprocess.PIPE, text=True)
    killed = 0
    while running.poll() is None and killed < 2:
        for child in psutil.Process(running.pid).children(recursive=True):
            if "spawn_main" in " ".join(child.cmdline()):
                os.kill(child.pid, signal.SIGKILL)
                killed += 1
        time.sleep(4)
    _, said = running.communicate(timeout=200)
    assert killed
    assert running.returncode == 0, said
    assert (signed / "models" / "third" / "model.safetensors").is_file()
