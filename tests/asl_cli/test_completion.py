"""What the shell offers when Tab is pressed."""

import json
import shlex
from pathlib import Path

import pytest

from tests.running_asl import run_process


@pytest.fixture
def signed(asl, tmp_path) -> Path:
    """A workspace with records of a model and of a graph, which is all that is looked at."""
    folder = tmp_path / "ws"
    asl("init", folder, check=0)
    for card, content in (("models/ctc-1/model.json", {}), ("graphs/cascade-1/graph.json", {"glosses": ["MAN", "BOY", "GIRL"]})):
        (folder / card).parent.mkdir(parents=True)
        (folder / card).write_text(json.dumps(content))
    return folder


@pytest.fixture
def offered(asl):
    def words(line: str, cwd=None) -> list[str]:
        count = len(shlex.split(line)) - (not line.endswith(" "))
        typed = {"_ASL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}
        done = asl(cwd=cwd, env=typed)
        assert done.stderr == ""
        return done.stdout.split()

    return words


def test_models_of_the_workspace_and_of_asl(offered, signed, tmp_path):
    assert offered("asl translate --model ", signed) == ["ctc-1", "shipped"]
    assert offered(f"asl translate -w {signed} --model s", tmp_path) == ["shipped"]
    assert offered("asl translate --model ", tmp_path) == ["shipped"]
    assert offered("asl train-stage3 --model ", signed) == ["ctc-1"]


def test_graphs_and_their_glosses(offered, signed):
    assert offered("asl translate --graph ", signed) == ["cascade-1"]
    assert offered("asl build-fst --draw L --around ", signed) == ["BOY", "GIRL", "MAN"]
    assert offered("asl build-fst --around G", signed) == ["GIRL"]
    assert offered("asl build-fst --name cascade-1 --around M", signed) == ["MAN"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("asl translate --decoder ", ["greedy", "ctc-beam", "cascade"]),
        ("asl train-ctc --recipe s", ["strong"]),
        ("asl evaluate --split v", ["validation"]),
        ("asl ablate --split t", ["train", "test"]),
        ("asl build-fst --draw L", ["L", "LG"]),
        ("asl translate --form", ["--format"]),
        ("asl tra", ["train-ctc", "train-stage3", "translate"]),
    ],
)
def test_choices_options_and_commands(offered, line, words):
    assert offered(line) == words


def test_errors_never_reach_the_terminal(offered, signed, tmp_path):
    (signed / "graphs" / "cascade-1" / "graph.json").write_text("{")
    assert offered("asl build-fst --around ", signed) == []
    assert offered("asl build-fst --around ", tmp_path) == []
    assert offered("asl translate -w nowhere --graph ", tmp_path) == []
    (signed / "asl.toml").write_text("[")
    assert len(offered("asl translate --model ", signed)) == 2


def test_completion_loads_nothing_heavy(signed):
    typed = {"_ASL_COMPLETE": "complete_bash", "COMP_WORDS": "asl translate --model ", "COMP_CWORD": "3"}
    done = run_process(cwd=signed, env=typed | {"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"numpy", "torch", "scipy", "onnxruntime"}
