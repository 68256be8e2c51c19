"""`asl train-stage3` through the real executable."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asl.pipelines.corpus.clips import read_clips
from tests.running_asl import result, run_asl

SHORT = ("--epochs", "3", "--threads", "1", "--workers", "1", "--name", "better")


def figures(folder: Path) -> list[dict]:
    """Of each epoch, times apart."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


@pytest.mark.slow
def test_what_is_confused_is_learned_and_a_killed_run_goes_on(signed, tmp_path):
    again = Path(shutil.copytree(signed, tmp_path / "again"))
    done = run_asl("train-stage3", "-w", signed, *SHORT, "--format", "json", check=0)
    metrics = result(done)["metrics"]
    assert (metrics["model"], metrics["graph"], metrics["epochs"]) == ("better", "better", 3)
    history = figures(signed / "models" / "better")
    assert history[-1]["criterion"] < history[0]["criterion"]
    assert history[-1]["fusion"] < history[0]["fusion"]
    assert all(one["competitors"] > 0 for one in history)
    validation = sum(clip.split == "validation" for clip in read_clips(signed / "clips.jsonl"))
    assert metrics["tuning_clips"] + metrics["validation_clips"] <= validation
    assert abs(metrics["tuning_clips"] - metrics["validation_clips"]) <= 1
    page = (signed / "reports" / "train-stage3.html").read_text()
    assert f"searched on {metrics['tuning_clips']} other validation clips" in page
    assert "Sentences with fewer errors" in page
    assert "validation WER before" in page
    found = result(run_asl("evaluate", "-w", signed, "--decoder", "cascade", "--format", "json", check=0))["results"]
    assert found["model"] == "better"
    assert "train-stage3" in run_asl("status", "-w", signed, check=0).stdout
    assert "nothing to do" in run_asl("train-stage3", "-w", signed, *SHORT, check=0).stderr

    command = [sys.executable, "-m", "asl", "train-stage3", "-w", str(again), *SHORT]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while running.poll() is None and not (again / "models" / "better" / "checkpoint.safetensors").is_file():
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    resumed = run_asl("train-stage3", "-w", again, *SHORT, check=0)
    assert "resuming after epoch" in resumed.stderr
    assert figures(again / "models" / "better") == history


@pytest.mark.slow
def test_a_control_learns_without_competitors(signed):
    words = ("--criterion", "ctc", "--epochs", "1", "--threads", "1", "--workers", "1", "--format", "json")
    metrics = result(run_asl("train-stage3", "-w", signed, *words, check=0))["metrics"]
    (one,) = figures(signed / "models" / metrics["model"])
    assert one["criterion"] == one["ctc"]
    assert "competitors" not in one
    assert "A control" in (signed / "reports" / "train-stage3.html").read_text()


@pytest.mark.slow
def test_training_that_changes_nothing_gains_nothing(signed):
    """The weights of the scores are searched before training too, so the search alone is no gain."""
    words = (
        "--learning-rate",
        "0",
        "--criterion",
        "ctc",
        "--epochs",
        "1",
        "--threads",
        "1",
        "--workers",
        "1",
        "--format",
        "json",
    )
    metrics = result(run_asl("train-stage3", "-w", signed, *words, check=0))["metrics"]
    assert metrics["validation_wer"] == metrics["validation_wer_before"]
    assert metrics["less"].startswith("0.0 %")


@pytest.mark.slow
def test_errors_are_what_the_risk_criterion_learns_from(signed):
    words = ("--criterion", "risk", "--balance", "-1", "--epochs", "1", "--threads", "1", "--workers", "1", "--format", "json")
    metrics = result(run_asl("train-stage3", "-w", signed, *words, check=0))["metrics"]
    assert metrics["criterion"] == "risk"
    (one,) = figures(signed / "models" / metrics["model"])
    assert one["weight_fusion"] == 0.3


def test_what_is_missing_and_what_does_not_fit(trained, tmp_path):
    workspace = Path(shutil.copytree(trained, tmp_path / "ws"))
    assert "asl build-fst" in run_asl("train-stage3", "-w", workspace, check=4).stderr
    run_asl("build-fst", "-w", workspace, "--name", "hasty", "--no-tune", "--shortest", "1", check=0)
    assert "would run" in run_asl("train-stage3", "-w", workspace, "--dry-run", check=0).stderr
    # Some clips are shorter than the mean times of their units, and no sign may be shorter here.
    short = ("--epochs", "1", "--threads", "1", "--workers", "1", "--format", "json")
    done = run_asl("train-stage3", "-w", workspace, *short, check=3)
    refused = result(done)["refused"]
    assert 0 < len(refused) < 24
    assert "too few frames" in refused[0]["reason"]
    run_asl("train-ctc", "-w", workspace, "--epochs", "2", "--name", "other", check=0)
    other = run_asl("train-stage3", "-w", workspace, "--graph", "hasty", "--model", "other", check=2)
    assert "built for another model" in other.stderr
