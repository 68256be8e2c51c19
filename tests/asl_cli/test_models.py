"""asl models: what can be chosen, how good it is, and which one commands use."""

import json
import os
import shutil

import pytest

from asl.pipelines.recogniser.scores import keep_score
from asl.pipelines.workspace.folder import open_workspace
from tests.docs.test_json_schema import mismatches
from tests.running_asl import result

RESULTS = {
    "split": "test", "signs": 20, "sentences": 5, "top_1": {"value": 0.5, "low": 0.3, "high": 0.7},
    "wer_ctc_beam": {"value": 0.25, "low": 0.1, "high": 0.4, "words": 12},
}  # fmt: skip


def write_model(folder):
    """A model whose card alone is real: nothing more is read to list it."""
    folder.mkdir(parents=True)
    card = {"version": 1, "stage": "train-ctc", "glosses": ["BOOK", "COFFEE", "READ"], "metrics": {"train_clips": 9}}
    (folder / "model.json").write_text(json.dumps(card))
    (folder / "model.safetensors").write_bytes(b"weights")


@pytest.fixture
def workspace(asl, tmp_path):
    """A workspace with two small models, the newer one named second."""
    folder = tmp_path / "ws"
    asl("init", folder, check=0)
    for number, name in enumerate(("first", "second")):
        write_model(folder / "models" / name)
        os.utime(folder / "models" / name / "model.json", (number, number))
    with open(folder / "asl.toml", "a") as file:
        file.write('[state.train-ctc.metrics]\nmodel = "second"\n')
    return folder


def listed(asl, folder, *words) -> dict[str, dict]:
    return {model["name"]: model for model in result(asl("models", "-w", folder, *words, "--format", "json", check=0))["models"]}


def test_without_a_workspace_there_is_the_model_of_asl(asl, tmp_path):
    (model,) = result(asl("models", "--format", "json", cwd=tmp_path, check=0))["models"]
    assert (model["name"], model["kind"], model["is_default"], model["scores"]) == ("shipped", "shipped", True, [])
    assert model["glosses"] > 100
    shown = asl("models", cwd=tmp_path, check=0).stdout
    assert "shipped" in shown
    assert model["accuracy"][0][:20] in shown


def test_models_of_the_workspace_come_first_and_the_newest_is_the_default(asl, workspace):
    models = listed(asl, workspace)
    assert list(models) == ["second", "first", "shipped"]
    assert [model["name"] for model in models.values() if model["is_default"]] == ["second"]
    assert models["first"]["kind"] == "train-ctc"
    assert models["first"]["glosses"] == 3
    assert models["first"]["date"].startswith("1970-01-01")
    line = next(line for line in asl("models", "-w", workspace, check=0).stdout.splitlines() if "second" in line)
    assert line.lstrip().startswith("*")


def test_the_default_is_written_to_asl_toml(asl, workspace):
    before = (workspace / "asl.toml").read_text()
    asl("models", "-w", workspace, "--use", "first", check=0)
    after = (workspace / "asl.toml").read_text()
    assert 'default = "first"' in after
    assert [line for line in after.splitlines() if line != 'default = "first"' and line] == [
        line for line in before.splitlines() if line
    ], "comments and settings are kept"
    assert listed(asl, workspace)["first"]["is_default"]
    assert result(asl("status", "-w", workspace, "--settings", "--format", "json"))["settings"][-1]
    asl("models", "-w", workspace, "--use", "shipped", check=0)
    assert listed(asl, workspace)["shipped"]["is_default"]


def test_commands_take_the_default(asl, workspace, tmp_path):
    from asl.pipelines.recogniser.bundle import default_bundle, find_model_or_bundle

    opened = open_workspace(workspace)
    assert find_model_or_bundle(opened, None) == workspace / "models" / "second"
    assert find_model_or_bundle(opened, "shipped") == default_bundle()
    opened.set_setting("model", "default", "first")
    assert find_model_or_bundle(opened, None) == workspace / "models" / "first"
    assert find_model_or_bundle(opened, "second") == workspace / "models" / "second"
    asl("models", "-w", workspace, "--use", "shipped", check=0)
    done = asl("export", "-w", workspace)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: shipped is a bundle already"


def test_a_name_that_is_none_is_refused(asl, workspace):
    done = asl("models", "-w", workspace, "--use", "frist")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: no model 'frist'", "hint: did you mean 'first'?"]
    card = workspace / "models" / "first" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"stage": "pretrain"}))
    done = asl("models", "-w", workspace, "--use", "first")
    assert done.returncode == 2
    assert "pre-trained encoder" in done.stderr
    card.write_text("{")
    assert listed(asl, workspace)["first"]["kind"] == "damaged"
    assert "damaged" in asl("models", "-w", workspace, "--use", "first").stderr


def test_a_default_that_was_deleted_is_named(asl, workspace):
    asl("models", "-w", workspace, "--use", "first", check=0)
    shutil.rmtree(workspace / "models" / "first")
    done = asl("models", "-w", workspace, check=0)
    assert "the default model no longer exists" in done.stderr
    assert result(asl("models", "-w", workspace, "--format", "json", check=0))["default"] is None


def test_scores_say_on_what_and_of_how_many_clips(asl, workspace):
    opened = open_workspace(workspace)
    for name, split in (("first", "test"), ("second", "test"), ("first", "validation")):
        keep_score(
            opened, workspace / "models" / name, "ctc-beam", "2026-01-01T00:00:00", RESULTS | {"model": name, "split": split}
        )
    models = listed(asl, workspace)
    assert [score["split"] for score in models["first"]["scores"]] == ["test", "validation"]
    assert models["second"]["scores"][0]["figures"] == {
        "top_1": {"value": 0.5, "low": 0.3, "high": 0.7}, "wer_ctc_beam": {"value": 0.25, "low": 0.1, "high": 0.4},
    }  # fmt: skip
    shown = asl("models", "-w", workspace, env={"COLUMNS": "300"}, check=0).stdout
    assert "test: top-1 50.0 % [30.0, 70.0] of 20 signs, WER 25.0 % [10.0, 40.0] of 5 sentences" in shown


def test_scores_of_other_weights_do_not_count(asl, workspace):
    first = workspace / "models" / "first"
    keep_score(open_workspace(workspace), first, "greedy", "2026-01-01T00:00:00", RESULTS | {"model": "first"})
    assert listed(asl, workspace)["first"]["scores"]
    with open(first / "model.safetensors", "ab") as file:
        file.write(b" ")
    assert not listed(asl, workspace)["first"]["scores"]


def test_json_has_the_fields_of_its_type(asl, workspace):
    from asl.cli.json_schema import ModelsOutput

    keep_score(open_workspace(workspace), workspace / "models" / "first", "greedy", "", RESULTS | {"model": "first"})
    assert mismatches(result(asl("models", "-w", workspace, "--format", "json")), ModelsOutput) == []
