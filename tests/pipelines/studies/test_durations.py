"""How long a study takes, from what earlier trainings took."""

import json
import shutil
from pathlib import Path

import pytest

from asl.pipelines.jobs.processes import Workers
from asl.pipelines.studies.experiment import Variant
from asl.pipelines.studies.study import SECONDS_PER_RUN, Pace, Runs, duration, duration_note
from asl.pipelines.workspace.folder import Workspace
from tests.running_asl import result, run_asl


@pytest.fixture
def workspace(trained) -> Workspace:
    return Workspace(Path(trained))


def measured(workspace: Workspace) -> float:
    """Seconds for a clip in an epoch of the model that the workspace has."""
    (card,) = workspace.models.glob("*/model.json")
    figures = json.loads(card.read_text())["metrics"]
    return figures["seconds"] / figures["epochs"] / figures["train_clips"]


def test_the_estimate_grows_with_epochs_clips_and_runs_and_shrinks_with_processes(workspace):
    def estimate(epochs: int, seeds: int, processes: int, clips: int = 0) -> float:
        variants = {"a": Variant({"epochs": epochs}, clips_per_gloss=clips)}
        return Runs(workspace, variants, range(seeds), "test").dry_run(Workers(processes)).results["estimated_seconds"]

    clips = sum(json.loads(line)["split"] == "train" for line in workspace.clips_file.read_text().splitlines())
    assert estimate(40_000, 1, 1) == pytest.approx(SECONDS_PER_RUN + 40_000 * clips * measured(workspace), rel=0.05)
    assert estimate(40_000, 2, 1) == pytest.approx(2 * estimate(40_000, 1, 1), rel=0.01)
    assert estimate(40_000, 2, 2) == pytest.approx(estimate(40_000, 1, 1), rel=0.01)
    assert estimate(40_000, 1, 1, clips=1) < estimate(40_000, 1, 1)


def test_what_was_not_measured_is_not_guessed(workspace):
    runs = Runs(workspace, {"a": Variant({"epochs": 2}, stage_1={})}, range(2), "test")
    assert runs.dry_run(Workers(1)).results["estimated_seconds"] is None
    assert "said after the first" in duration_note(None)


def test_a_damaged_model_is_no_measurement(trained, tmp_path):
    copy = Workspace(Path(shutil.copytree(trained, tmp_path / "ws")))
    for name, text in (("cut-off", '{"stage": '), ("no-card", "[]"), ("newer", '{"version": 99}')):
        (copy.models / name).mkdir()
        (copy.models / name / "model.json").write_text(text)
    runs = Runs(copy, {"a": Variant({"epochs": 40_000})}, range(1), "test")
    assert runs.dry_run(Workers(1)).results["estimated_seconds"] > SECONDS_PER_RUN


def test_runs_that_have_finished_tell_how_long_the_others_take(monkeypatch):
    """On a machine that is far slower than in earlier trainings, too: a unit of work takes ten seconds."""
    clock = 0.0
    monkeypatch.setattr("asl.pipelines.studies.study.time.monotonic", lambda: clock)
    alone = Pace({"a": 1, "b": 3, "c": 2}, parallel=1)
    clock = 10.0
    assert alone.finished("a") == pytest.approx(50)
    clock = 40.0
    assert alone.finished("b") == pytest.approx(20)
    assert alone.finished("c") == 0
    clock = 0.0
    two_at_once = Pace(dict.fromkeys("abcdef", 1), parallel=2)
    clock = 10.0
    assert two_at_once.finished("a") is None  # the second has been at work as long
    assert two_at_once.finished("b") == pytest.approx(20)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (61, "61 s"), (600, "10 min"), (12_000, "3 h 20 min")])
def test_durations_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_a_study_says_before_it_starts_how_long_it_takes(trained, tmp_path):
    words = (
        "scale",
        "-w",
        shutil.copytree(trained, tmp_path / "ws"),
        "--epochs",
        "2",
        "--no-pretrain",
        "--vocab",
        "2",
        "--seeds",
        "1",
    )
    assert result(run_asl(*words, "--dry-run", "--format", "json", check=0))["results"]["estimated_seconds"] > 0
    said = run_asl(*words, check=0).stderr
    assert said.index("runs to carry out: 1; about") < said.index("1 new run,")
    assert "complete runs: 1; none is missing" in run_asl(*words, "--dry-run", check=0).stderr
