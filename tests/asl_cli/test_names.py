"""Names of models, graphs, bundles and reports stay inside the folders that they are given for."""

import shutil

import pytest

from asl.pipelines.workspace.folder import find_workspace

COMMANDS = ("pretrain", "train-ctc", "build-fst", "train-stage3", "export", "ablate")
PATHS = ("../x", "/tmp/x", "my model/../x")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_is_refused_as_a_name_before_anything_runs(asl, tmp_path, command):
    for name in PATHS:
        done = asl(command, "-w", tmp_path / "no-workspace", "--name", name, check=2)
        assert "cannot be used as a name" in done.stderr
        assert "give a name, not a path" in done.stderr


def test_a_name_does_not_lead_out_of_its_folder(asl, trained, tmp_path):
    workspace = shutil.copytree(trained, tmp_path / "ws")
    model = find_workspace(str(workspace)).newest(("train-ctc",), "model")
    (workspace / "models" / model).rename(workspace / "elsewhere")
    for name in ("../elsewhere", "my model/../../elsewhere"):
        assert f"no model '{name}'" in asl("evaluate", "-w", workspace, "--model", name, check=2, cwd=tmp_path).stderr
