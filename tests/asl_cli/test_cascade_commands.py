"""`asl build-fst`, and the cascade behind `asl evaluate` and `asl translate`, through the real executable."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from asl.pipelines.corpus.clips import read_clips
from tests.running_asl import result, run_asl


@pytest.mark.slow
def test_a_cascade_is_built_evaluated_and_explains_itself(signed, tmp_path):
    page = (signed / "reports" / "build-fst.html").read_text()
    assert "H∘C∘M∘D∘L∘G" in page
    assert "validation WER" in page
    assert "The signing space" in page
    assert "top view of the loci" in page
    again = run_asl("build-fst", "-w", signed, check=0)
    assert "nothing to do" in again.stderr
    named = run_asl("build-fst", "-w", signed, "--name", "named", "--dry-run", check=0)
    assert "the last run made cascade-" in named.stderr
    found = result(run_asl("evaluate", "-w", signed, "--decoder", "cascade", "--format", "json", check=0))["results"]
    assert found["wer_cascade"]["value"] < found["wer_greedy"]["value"]
    assert found["cascade_less_ctc_beam"]["low"] <= found["cascade_less_ctc_beam"]["value"]
    clip = next(one for one in read_clips(signed / "clips.jsonl") if one.split == "test" and len(one.glosses) > 2)
    words = ("translate", "-w", signed, "--decoder", "cascade", "--explain", signed / clip.pose)
    text = run_asl(*words, check=0).stdout
    assert "the path, level by level" in text
    assert "L∘G" in text
    (said,) = json.loads(run_asl(*words, "--format", "json", check=0).stdout)["clips"]
    glosses = [word for step in said["explanation"] if step["level"] == "L∘G" for word in step["writes"]]
    assert glosses == said["glosses"]
    for token in said["tokens"]:
        assert all(other["confidence"] <= token["confidence"] for other in token["runners_up"])
    frames = [step for step in said["explanation"] if step["level"] == "H"]
    assert [one["first"] for one in frames] == [0, *(one["last"] for one in frames[:-1])]
    assert "build-fst" in run_asl("status", "-w", signed, check=0).stdout


@pytest.mark.slow
def test_signs_names_and_texts_from_elsewhere(signed, tmp_path):
    workspace = signed
    (tmp_path / "names.txt").write_text("Mana\n")
    (tmp_path / "text.txt").write_text("MOM EAT FOOD\nZEBRA EAT FOOD\n" * 20)
    more = ("--lexicon", "invented", "--lexicon-signs", "5", "--names", tmp_path / "names.txt", "--text", tmp_path / "text.txt")
    done = run_asl("build-fst", "-w", workspace, "--no-tune", *more, "--name", "more", "--format", "json", check=0)
    metrics = result(done)["metrics"]
    assert metrics["performed_from_lexicon"] == 5
    assert "ZEBRA" in done.stderr
    card = json.loads((workspace / "graphs" / "more" / "graph.json").read_text())
    assert "fs-MANA" in card["glosses"]
    assert (workspace / "graphs" / "more" / "G.arpa").read_text().startswith("\\data\\")
    free = ("--no-tune", "--letters", "--letter-cost", "3", "--name", "free")
    run_asl("build-fst", "-w", workspace, *free, check=0)
    card = json.loads((workspace / "graphs" / "free" / "graph.json").read_text())
    assert {"fs-A", "fs-N"} < set(card["glosses"])
    with_context = ("--assimilation", "6", "--reduction", "3", "--anticipation", "6", "--no-tune", "--arpa")
    done = run_asl(
        "build-fst", "-w", workspace, *with_context, workspace / "graphs" / "more" / "G.arpa", "--format", "json", check=0
    )
    assert result(done)["metrics"]["changes"] > 0
    run_asl("evaluate", "-w", workspace, "--decoder", "cascade", check=0)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--model", "none"), 2, "no model 'none'"),
        (("--text", "none.txt"), 2, "cannot read none.txt"),
        (("--names", "names.txt"), 2, "letters that no training clip shows"),
        (("--lexicon", "bad.csv"), 2, "unknown handshape 'QQ'"),
        (("--letters",), 2, "no training clip shows letters"),
        (("--codes", "."), 2, "no model '.'"),
        (("--max-memory", "0.01"), 2, "needs more than --max-memory"),
    ],
)
def test_what_cannot_be_built(trained, tmp_path, words, code, said):
    workspace = Path(shutil.copytree(trained, tmp_path / "ws"))
    (workspace / "names.txt").write_text("ZOE\n")
    (workspace / "bad.csv").write_text("gloss,handshape,location\nTEA,QQ,chin\n")
    done = run_asl("build-fst", "--no-tune", *words, cwd=workspace)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "hint: " in done.stderr


def test_gaussians_have_their_say_in_a_cascade(trained, tmp_path):
    workspace = Path(shutil.copytree(trained, tmp_path / "ws"))
    run_asl("build-fst", "-w", workspace, "--no-tune", "--density-weight", "0.3", "--longest", "3", check=0)
    found = result(run_asl("evaluate", "-w", workspace, "--decoder", "cascade", "--format", "json", check=0))["results"]
    assert found["read_exactly"]["value"] > 0.5
    (graph,) = (workspace / "graphs").iterdir()
    card = json.loads((graph / "graph.json").read_text())
    assert card["densities"]
    card["columns"]["unit"][0] = 10_000
    (graph / "graph.json").write_text(json.dumps(card))
    assert "damaged" in run_asl("evaluate", "-w", workspace, "--decoder", "cascade", "--force", check=2).stderr


def test_a_cascade_of_single_signs_and_what_is_missing(trained, tmp_path):
    workspace = Path(shutil.copytree(trained, tmp_path / "ws"))
    assert "asl build-fst" in run_asl("evaluate", "-w", workspace, "--decoder", "cascade", check=4).stderr
    pose = next((workspace / "landmarks").rglob("*.pose"))
    assert "--decoder cascade" in run_asl("translate", "-w", workspace, "--explain", pose, check=2).stderr
    assert "would run" in run_asl("build-fst", "-w", workspace, "--dry-run", check=0).stderr
    run_asl("build-fst", "-w", workspace, "--name", "small", check=0)
    found = result(run_asl("evaluate", "-w", workspace, "--decoder", "cascade", "--format", "json", check=0))["results"]
    assert found["read_exactly"]["value"] > 0.5
    run_asl("train-ctc", "-w", workspace, "--epochs", "2", "--name", "other", check=0)
    other = run_asl("evaluate", "-w", workspace, "--decoder", "cascade", "--graph", "small", check=2)
    assert "built for another model" in other.stderr
    card = workspace / "graphs" / "small" / "graph.json"
    card.write_text(card.read_text()[:100])
    assert "damaged" in run_asl("evaluate", "-w", workspace, "--decoder", "cascade", "--graph", "small", check=2).stderr


def test_features_without_phonology_leave_the_encoder_alone(trained, tmp_path):
    workspace = Path(shutil.copytree(trained, tmp_path / "ws"))
    run_asl("train-ctc", "-w", workspace, "--features", "landmarks", "--epochs", "2", "--threads", "1", check=0)
    run_asl("build-fst", "-w", workspace, "--units", "5", check=0)
    found = result(run_asl("evaluate", "-w", workspace, "--decoder", "cascade", "--format", "json", check=0))["results"]
    assert 0 <= found["read_exactly"]["value"] <= 1
    changed = run_asl("build-fst", "-w", workspace, "--reduction", "1", check=2)
    assert "need codes" in changed.stderr


@pytest.mark.slow
def test_transducers_are_drawn(signed, tmp_path):
    picture = tmp_path / "l.svg"
    assert run_asl("build-fst", "-w", signed, "--draw", "L", "--around", "MOM", "-o", picture, check=0).stdout.strip() == str(
        picture
    )
    words = ElementTree.parse(picture).getroot().itertext()
    assert any("MOM/1:MOM" in word for word in words)
    weights = next((signed / "models").iterdir()) / "model.safetensors"
    before = weights.read_bytes()
    command = ("build-fst", "-w", signed, "--draw", "L", "--overwrite", "-o", weights)
    assert "is an input" in run_asl(*command, check=2).stderr
    assert weights.read_bytes() == before
    for level in ("C", "M", "D", "G", "LG"):
        run_asl("build-fst", "-w", signed, "--draw", level, check=0)
        assert (signed / "reports" / f"{level}.svg").stat().st_size < 1 << 20
    assert "did you mean 'MOM'" in run_asl("build-fst", "-w", signed, "--draw", "G", "--around", "MOMM", check=2).stderr
    assert "known: C, M, D, L, G, LG" in run_asl("build-fst", "-w", signed, "--draw", "Q", check=2).stderr


def test_one_sign_is_read_by_the_cascade_with_its_own_confidence(trained, tmp_path):
    workspace = Path(shutil.copytree(trained, tmp_path / "ws"))
    run_asl("build-fst", "-w", workspace, "--no-tune", check=0)
    clips = [clip for clip in read_clips(workspace / "clips.jsonl") if clip.split == "test"]
    words = ("--decoder", "cascade", "--isolated", "--format", "json", *(workspace / clip.pose for clip in clips))
    read = json.loads(run_asl("translate", "-w", workspace, *words, check=0).stdout)["clips"]
    assert (
        np.mean(
            [[token["gloss"] for token in one["tokens"]] == list(clip.glosses) for one, clip in zip(read, clips, strict=True)]
        )
        > 0.5
    )
    by_ctc = json.loads(run_asl("translate", "-w", workspace, *words[2:], check=0).stdout)["clips"]
    assert [one["tokens"][0]["confidence"] for one in read] != [one["tokens"][0]["confidence"] for one in by_ctc]
    for token in (token for one in read for token in one["tokens"]):
        assert token["confidence"] + sum(other["confidence"] for other in token["runners_up"]) <= 1.001
        assert all(other["confidence"] <= token["confidence"] for other in token["runners_up"])
