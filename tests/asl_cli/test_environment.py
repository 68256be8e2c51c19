"""Misspelt environment variables, and packages that are not installed."""

import sys

import pytest

from asl.cli.environment import missing_package


def test_unknown_variables_are_named_once_a_call(asl, tmp_path):
    asl("init", tmp_path, check=0)
    done = asl("status", cwd=tmp_path, env={"ASL_TRAIN_EPOCS": "3", "ASL_ZZZ": "1"}, check=0)
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        "warning: the environment variable ASL_TRAIN_EPOCS is unknown and has no effect; did you mean ASL_TRAIN_EPOCHS?",
        "warning: the environment variable ASL_ZZZ is unknown and has no effect; asl status --settings lists the settings",
    ]
    assert "warning" not in done.stdout


def test_known_variables_are_not(asl, tmp_path):
    asl("init", tmp_path, check=0)
    known = {"ASL_TRAIN_EPOCHS": "3", "ASL_WORKSPACE": str(tmp_path), "ASL_TEST_DATA": "/nowhere"}
    assert "warning" not in asl("status", cwd=tmp_path, env=known, check=0).stderr


def test_only_the_first_process_of_a_distributed_training_warns(asl, tmp_path):
    asl("init", tmp_path, check=0)
    assert "ASL_ZZZ" not in asl("status", cwd=tmp_path, env={"ASL_ZZZ": "1", "LOCAL_RANK": "1"}, check=0).stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ASL_DECODER", "did you mean ASL_DECODE_DECODER?"),
        ("ASL_DECODR", "did you mean ASL_DECODE_DECODER?"),
        ("ASL_TRIAN_EPOCHS", "did you mean ASL_TRAIN_EPOCHS?"),
        ("ASL_WORKSPCE", "did you mean ASL_WORKSPACE?"),
        ("ASL_TRANSLATE_FORMAT", "asl status --settings lists the settings"),
    ],
)
def test_only_a_name_that_is_a_misspelling_is_suggested(asl, tmp_path, name, meant):
    asl("init", tmp_path, check=0)
    done = asl("status", cwd=tmp_path, env={name: "x"}, check=0)
    assert f"warning: the environment variable {name} is unknown and has no effect; {meant}\n" in done.stderr


@pytest.mark.parametrize(
    ("command", "package"),
    [
        ("extract", "scipy"),
        ("pretrain", "matplotlib"),
        ("train-ctc", "matplotlib"),
        ("build-fst", "scipy"),
        ("train-stage3", "pynini"),
        ("evaluate", "matplotlib"),
        ("ablate", "matplotlib"),
        ("scale", "scipy"),
        ("demo", "matplotlib"),
    ],
)
def test_a_package_that_is_needed_at_the_end_is_missed_at_the_beginning(asl, tmp_path, monkeypatch, command, package):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    done = asl(command, cwd=tmp_path)
    hint = 'pip install "asl[train]"'
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: this command needs {package}, which is not installed\nhint: {hint}\n"  # and no progress


def test_where_pip_has_no_pynini_the_hint_does_not_name_pip(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert missing_package("pynini").hint.endswith("conda install -c conda-forge pynini")
    assert missing_package("torch").hint == 'pip install "asl[train]"'
