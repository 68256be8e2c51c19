"""Synthetic signers through the real executable."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asl.pipelines import demo
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent
from tests.running_asl import result


def digests(folder: Path, pattern: str) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob(pattern))}


def test_a_corpus_is_extracted_as_any_other_and_called_synthetic(asl, tmp_path):
    workspace = tmp_path / "ws"
    asl("init", workspace, check=0)
    words = ("extract", "-w", workspace, "--synthetic", "--signs", "6", "--clips", "4", "--signers", "4", "--sentences", "4")
    found = result(asl(*words, "--format", "json", check=0))["metrics"]
    assert (found["clips"], found["synthetic"], found["groups"], found["split_by"]) == (28, 28, 4, "group")
    clips = read_clips(workspace / "clips.jsonl")
    assert all({segment.tier for segment in clip.segments} >= {"gloss", "handshape", "movement"} for clip in clips)
    page = (workspace / "reports" / "extract.html").read_text()
    assert "<i>synthetic</i>" in page
    assert page.count('class="clip"') == 28
    asl("train-ctc", "-w", workspace, "--epochs", "1", check=0)
    evaluated = asl("evaluate", "-w", workspace, check=0)
    assert "no accuracy on ASL" in evaluated.stdout
    assert "say nothing about accuracy on ASL" in (workspace / "reports" / "evaluate-test-ctc-beam.html").read_text()
    translated = asl("translate", "-w", workspace, workspace / clips[0].pose, check=0)
    assert "synthetic signing only" in translated.stderr


def test_the_same_seed_gives_the_same_bytes(asl, tmp_path):
    for name in ("one", "two"):
        asl("init", tmp_path / name, check=0)
        words = ("--synthetic", "--signs", "3", "--clips", "2", "--sentences", "2", "--synthetic-seed", "7")
        asl("extract", "-w", tmp_path / name, *words, check=0)
    one, two = (digests(tmp_path / name / "landmarks", "*.pose") for name in ("one", "two"))
    assert one == two
    assert len(one) == 8
    asl("extract", "-w", tmp_path / "two", *words[:-1], "8", check=0)
    assert not set(digests(tmp_path / "two" / "landmarks", "*.pose").values()) <= set(one.values())


def test_a_lexicon_of_ones_own_and_its_faults(asl, tmp_path):
    asl("init", tmp_path, check=0)
    file = tmp_path / "mine.csv"
    file.write_text("gloss,handshape,location\nTEA,F,chin\nCAKE,C,neutral\n")
    found = asl("extract", "-w", tmp_path, "--synthetic", "--lexicon", file, "--clips", "2", "--format", "json", check=0)
    assert result(found)["metrics"]["glosses"] == 2
    file.write_text("gloss,handshape,location\nTEA,F,chinn\n")
    wrong = asl("extract", "-w", tmp_path, "--synthetic", "--lexicon", file, check=2)
    assert "line 2: unknown location 'chinn'" in wrong.stderr
    assert "did you mean 'chin'?" in wrong.stderr
    assert len(read_clips(tmp_path / "clips.jsonl")) == 4  # what was there before is still there
    assert "does not exist" in asl("extract", "-w", tmp_path, "--synthetic", "--lexicon", "none.csv", check=2).stderr
    assert "--signs" in asl("extract", "-w", tmp_path, "--synthetic", "--signs", "5000", check=2).stderr


@pytest.mark.slow
def test_rendered_clips_go_through_mediapipe_and_an_interrupted_render_leaves_no_half_video(asl, tmp_path):
    asl("init", tmp_path, check=0)
    words = ("extract", "-w", tmp_path, "--synthetic", "--video", "--signs", "2", "--clips", "2", "--signers", "2")
    assert "to_render" in asl(*words, "--dry-run", "--format", "json", check=0).stdout
    command = [sys.executable, "-m", "asl", *map(str, words)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("synthetic/**/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 130
    kept = digests(tmp_path / "synthetic", "*.mp4")
    found = result(asl(*words, "--format", "json", check=0))["metrics"]
    assert found["clips"] == found["synthetic"] == 4
    assert found["pose_seen"] > 0.98
    assert found["right_hand_seen"] > 0.6
    videos = digests(tmp_path / "synthetic", "*.mp4")
    assert len(videos) == 4
    assert kept.items() <= videos.items()
    assert not list(tmp_path.rglob(".writing-*"))


@pytest.mark.slow
def test_the_demo_runs_the_whole_pipeline_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SIGNS", ("MOM", "DAD", "WANT", "HELLO", "BOOK", "WATER"))
    monkeypatch.setattr(demo, "TRAINING", demo.TRAINING | {"clips": 6, "signers": 3, "sentences": 12})
    monkeypatch.setattr(demo, "RECIPE", {"epochs": 3})
    monkeypatch.setattr(demo, "SHOWN_SIGNS", ("HELLO",))
    result = demo.run_demo(tmp_path / "demo", Silent())
    assert not result.failed
    sign, sentence = result.clips
    assert sign.signed == ("HELLO",)
    assert len(sentence.signed) >= 2
    assert sign.correct == (sign.read == ("HELLO",))
    assert all(clip.captioned.stat().st_size > 10_000 for clip in result.clips)
    page = result.report.read_text()
    assert "synthetic" in page
    assert all(clip.captioned.name in page for clip in result.clips)
    # The path of the sentence is shown as the cascade found it.
    assert bool(sentence.translation.explanation) == bool(sentence.read) == ("How the cascade read it" in page)
    state = open_workspace(tmp_path / "demo").state
    assert state("train-ctc")["metrics"]["synthetic_clips"] > 0
    assert state("build-fst")["metrics"]["graph"] == "demo"
    before = digests(tmp_path / "demo" / "synthetic", "*.mp4")
    again = demo.run_demo(tmp_path / "demo", Silent())
    assert [clip.read for clip in again.clips] == [clip.read for clip in result.clips]
    assert digests(tmp_path / "demo" / "synthetic", "*.mp4") == before
    workspace, words = open_workspace(tmp_path / "demo"), tmp_path / "demo" / "demo-lexicon.csv"
    shown = [[clip.layout for clip in demo._clips(workspace, words, seed)] for seed in (0, 1)]
    assert all(first != second for first, second in zip(*shown, strict=True))  # another seed: another signer, another sentence


def test_the_demo_leaves_other_workspaces_alone(asl, tmp_path):
    asl("init", tmp_path, check=0)
    refused = asl("demo", tmp_path, check=1)
    assert "is a workspace, and not one of the demo" in refused.stderr
