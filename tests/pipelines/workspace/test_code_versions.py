import shutil
from pathlib import Path

import pytest
import tomlkit

from asl.pipelines.workspace.code_versions import READS_FROM, VERSIONS, versions_of
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.status import STAGES, stages
from tests.conftest import shared_folder
from tests.golden_outputs import moved, problem, read_golden
from tests.golden_steps import OUTPUTS, make_workspace


@pytest.fixture(scope="module")
def golden_workspace(tmp_path_factory) -> Path:
    return shared_folder(tmp_path_factory, "golden-workspace", make_workspace)


@pytest.mark.parametrize("step", OUTPUTS)
def test_an_output_moves_only_with_its_code_version(step, golden_workspace):
    if step == "tracker":
        pytest.importorskip("mediapipe")
    compute, _ = OUTPUTS[step]
    assert not (message := problem(step, compute(golden_workspace))), message


def test_every_step_has_a_version_and_golden_outputs():
    assert VERSIONS.keys() == READS_FROM.keys() == OUTPUTS.keys() >= set(STAGES)
    assert versions_of("train-ctc").keys() == {"tracker", "synthetic", "landmarks", "extract", "features", "train-ctc"}


def test_a_moved_output_is_refused_until_its_version_is_raised(monkeypatch):
    golden = read_golden("scale")["outputs"]
    changed = golden | {"recommendation": "Recommendation: give up."}
    assert problem("scale", golden) == ""
    assert "raise the version" in problem("scale", changed)
    assert "give up" in problem("scale", changed)
    monkeypatch.setitem(VERSIONS, "scale", 99)
    assert "write them again: python -m tests.golden_outputs scale" in problem("scale", changed)


def test_figures_are_compared_with_a_tolerance():
    assert not moved({"loss": [1.0, 2.0]}, {"loss": [1.0000001, 2.0]}, 1e-3)
    assert moved({"loss": [1.0, 2.0]}, {"loss": [1.01, 2.0]}, 1e-3) == ["loss[0]: 1 → 1.01"]
    assert moved({"words": ["A"]}, {"words": ["A", "B"]}, 1e-3) == ["words: ['A'] → ['A', 'B']"]


def details(workspace: Path) -> dict[str, str]:
    return {stage.name: stage.detail if stage.state == "stale" else "" for stage in stages(open_workspace(workspace))}


def test_a_new_version_of_the_features_makes_all_that_reads_them_stale(golden_workspace, monkeypatch, asl):
    assert not any(details(golden_workspace).values())
    reason = f"features: code version {VERSIONS['features']} → 99"
    monkeypatch.setitem(VERSIONS, "features", 99)
    stale = details(golden_workspace)
    assert {stage for stage, detail in stale.items() if reason in detail} == {
        "pretrain", "train-ctc", "build-fst", "train-stage3", "evaluate", "export",
    }  # fmt: skip
    assert stale["extract"] == ""
    said = asl("train-ctc", "-w", golden_workspace, "--epochs", "4", "--dropout", "0", "--dry-run", check=0)
    assert reason in said.stdout + said.stderr


def test_the_code_that_builds_a_cascade_counts_only_where_one_is_used(golden_workspace, monkeypatch):
    monkeypatch.setitem(VERSIONS, "build-fst", 99)
    assert {stage for stage, reason in details(golden_workspace).items() if reason} == {
        "build-fst", "train-stage3", "evaluate", "export",
    }  # fmt: skip


def test_a_workspace_of_an_earlier_asl_is_read_and_becomes_stale_once(golden_workspace, tmp_path):
    workspace = Path(shutil.copytree(golden_workspace, tmp_path / "old"))
    document = tomlkit.parse((workspace / "asl.toml").read_text())
    for stage, record in document["state"].items():
        record["code"] = VERSIONS[stage] - (stage == "evaluate")
    (workspace / "asl.toml").write_text(tomlkit.dumps(document))
    stale = details(workspace)
    assert stale["train-ctc"] == "recorded without the code version of tracker, synthetic, landmarks, extract, features"
    assert stale["evaluate"].startswith(
        f"evaluate: code version {VERSIONS['evaluate'] - 1} → {VERSIONS['evaluate']}; recorded without"
    )


def test_a_run_of_a_study_is_kept_apart_by_the_versions_of_all_that_it_reads(golden_workspace, monkeypatch):
    from asl.pipelines.studies.experiment import Variant, set_up

    def planned() -> tuple[Path, Path]:
        experiment = set_up(open_workspace(golden_workspace), Variant(stage_1={}), 0, "test")
        return experiment.folder, experiment.outcome_file

    folder, outcome = planned()
    monkeypatch.setitem(VERSIONS, "evaluate", 99)
    assert planned()[0] == folder  # the training holds, its outcome does not
    assert planned()[1] != outcome
    folders = {folder}
    for step in ("train-ctc", "pretrain", "features", "tracker"):
        monkeypatch.setitem(VERSIONS, step, 99)
        folders.add(planned()[0])
    assert len(folders) == 5
