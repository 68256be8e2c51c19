"""`asl scale` through the real executable."""

import shutil
from pathlib import Path

import pytest

from tests.running_asl import result, run_asl


@pytest.fixture
def workspace(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "ws"))


def scale(workspace: Path, *words, check: int = 0):
    return run_asl("scale", "-w", workspace, "--epochs", "2", "--no-pretrain", *words, "--format", "json", check=check)


def test_sizes_and_clips(workspace):
    first = result(scale(workspace, "--vocab", "2,3,4", "--clips-per-gloss", "1,2", "--seeds", "2"))
    assert (first["ran"], first["kept"]) == (10, 0)
    found = first["results"]
    assert [one["size"] for one in found["vocabulary"]] == [2, 3, 4]
    assert [one["train_clips"] for one in found["data"]] == [one["size"] * one["clips_a_gloss"] for one in found["data"]]
    assert all(one["top_1"] == pytest.approx(sum(one["scores"]) / 2, abs=1e-3) for one in found["vocabulary"])
    assert all(one["decoder_us_per_frame"] > 0 and one["memory_mb"] > 50 for one in found["vocabulary"])
    assert Path(first["report"]).read_text().count("<img") == 3
    again = result(scale(workspace, "--vocab", "2,3,4", "--clips-per-gloss", "1,2", "--seeds", "2"))
    assert (again["ran"], again["kept"], again["results"]) == (0, 10, found)


def test_each_size_can_have_its_cascade(workspace):
    done = scale(workspace, "--vocab", "2,3,4", "--seeds", "1", "--decoder", "cascade", "--no-tune")
    found = result(done)["results"]
    arcs = [one["graph_arcs"] for one in found["vocabulary"]]
    assert arcs == sorted(arcs)
    assert arcs[0] < arcs[-1]
    assert "graph_arcs" in found["laws"]
    assert "The cascade" in Path(result(done)["report"]).read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--vocab", "50"), "fewer than 50"),
        (("--vocab", "1"), "at least two signs"),
        (("--vocab", "ten"), "not a list of numbers"),
        (("--min-samples-per-gloss", "1000"), "0 glosses have at least 1,000 one-sign training clips"),
        (("--clips-per-gloss", "500"), "ask for fewer clips"),
        (("--seeds", "0"), "at least 1"),
    ],
)
def test_what_the_data_does_not_hold(workspace, words, said):
    assert said in scale(workspace, *words, check=2).stderr
