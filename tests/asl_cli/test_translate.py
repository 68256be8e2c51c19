"""`asl translate`: what it reads, what it writes and where, and what it refuses; with the bundle that is shipped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from asl.pipelines.media.pose_files import write_pose
from tests.docs.test_json_schema import mismatches
from tests.made_up_signing import signing
from tests.running_asl import result, run_asl
from tests.video_files import film


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder outside any workspace, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def poses(here) -> Path:
    write_pose(here / "a" / "x.pose", signing(1))
    write_pose(here / "b" / "x.pose", signing(2))
    return here


def translate(folder: Path, *words, check: int = 0):
    return run_asl("translate", *words, "-q", cwd=folder, check=check)


@pytest.mark.parametrize(
    "words",
    [
        ("rec", "--overlay", "rec"),
        ("rec/x.mp4", "--overlay", "rec/x.mp4"),
        ("rec/x.mp4", "-o", "rec/x.mp4", "--format", "srt"),
        ("rec/x.mp4", "--overlay", "link.mp4"),
        ("rec/x.mp4", "-o", "hard.srt", "--overwrite"),
        ("rec", "-o", "od", "--format", "srt", "--overwrite"),
    ],
)
def test_no_recording_is_ever_replaced(here, words):
    video = here / "rec" / "x.mp4"
    video.parent.mkdir()
    video.write_bytes(b"the only recording")
    (here / "link.mp4").symlink_to(video)
    (here / "hard.srt").hardlink_to(video)
    (here / "od").mkdir()
    (here / "od" / "x.srt").hardlink_to(video)
    said = translate(here, *words, check=2).stderr
    assert "is an input" in said or "is the name of a video" in said
    assert "hint:" in said
    assert video.read_bytes() == b"the only recording"


def test_clips_of_one_name_have_outputs_of_their_own(poses):
    translate(poses, "a/x.pose", "b/x.pose", "-o", "od", "--format", "srt", "--overlay", "films")
    written = sorted(path.relative_to(poses).as_posix() for top in ("od", "films") for path in (poses / top).rglob("*.*"))
    assert written == ["films/a/x.mp4", "films/b/x.mp4", "od/a/x.srt", "od/b/x.srt"]


def test_what_asl_did_not_write_stays(poses):
    translate(poses, "a", "-o", "od", "--format", "srt")
    translate(poses, "a", "-o", "od", "--format", "srt")
    (poses / "od" / "x.srt").write_text("corrected\n")
    assert "x.srt exists" in translate(poses, "a", "-o", "od", "--format", "srt", check=2).stderr
    assert "x.srt exists" in translate(poses, "a", "-o", "od/x.srt", check=2).stderr
    assert (poses / "od" / "x.srt").read_text() == "corrected\n"
    translate(poses, "a", "-o", "od", "--format", "srt", "--overwrite", "--isolated")
    assert "-->" in (poses / "od" / "x.srt").read_text()


def test_the_ending_says_which_format(poses):
    translate(poses, "a/x.pose", "-o", "x.srt", "--isolated")
    text = (poses / "x.srt").read_text()
    assert text.startswith("1\n00:00:")
    assert text.endswith("\n")
    write_pose(poses / "still.pose", replace(signing(1), points=signing(1).points[:1].repeat(40, axis=0)))
    translate(poses, "still.pose", "-o", "still.vtt")
    assert (poses / "still.vtt").read_text() == "WEBVTT\n\n"
    translate(poses, "a", "b", "-o", "all.jsonl")
    lines = [json.loads(line) for line in (poses / "all.jsonl").read_text().splitlines()]
    assert [line["clips"][0]["path"] for line in lines] == ["a/x.pose", "b/x.pose"]


def test_json_says_what_failed_and_what_read_the_rest(poses):
    from asl.pipelines.translation.json_schema import TranslateOutput

    (poses / "b" / "bad.pose").write_bytes(b"hello")
    (poses / "b" / "z.mp4").write_bytes(b"no video")
    done = translate(poses, "a", "b", "--format", "json", "--isolated", check=3)
    written = result(done)
    assert mismatches(written, TranslateOutput) == []
    assert [clip["path"] for clip in written["clips"]] == ["a/x.pose", "b/x.pose"]
    assert [(clip["path"], clip["reason"]) for clip in written["failed"]] == [
        ("b/bad.pose", "bad-pose"),
        ("b/z.mp4", "not-a-video"),
    ]
    assert (written["model"]["name"], written["decoder"], written["version"]) == ("everyday", "isolated", 2)
    translate(poses, "a", "b", "-o", "od", "--format", "json", "--format", "jsonl", check=3)
    for name in ("od/b/bad.json", "od/b/bad.jsonl"):
        own = json.loads((poses / name).read_text())
        assert mismatches(own, TranslateOutput) == []
        assert not own["clips"]
    none = translate(poses, "b/bad.pose", "--format", "json", check=2)
    assert result(none)["failed"][0]["reason"] == "bad-pose"


def test_a_bad_clip_alone_is_an_error_with_a_hint(poses):
    (poses / "bad.pose").write_bytes(b"hello")
    (poses / "worse.pose").write_bytes(b"")
    said = translate(poses, "bad.pose", check=2)
    assert said.stdout == ""
    assert "error: bad.pose: it is not a valid .pose file" in said.stderr
    assert "hint: write it again" in said.stderr
    both = translate(poses, "bad.pose", "worse.pose", check=2).stderr
    assert "worse.pose" in both
    assert "error: none of the 2 clips could be translated" in both


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a/x.pose", "--raw", "4x4"), "--raw applies to live translation only"),
        (("a/x.pose", "--no-pace"), "--no-pace applies to live translation only"),
        (("a/x.pose", "--graph", "g"), "the decoder is ctc-beam"),
        (("a/x.pose", "--live", "-o", "x.txt"), "--output does not apply to live translation"),
        (("--stream", "-", "--isolated"), "--isolated does not apply to live translation"),
        (("-", "--overlay", "x.mp4"), "--overlay does not apply to live translation"),
        (("-", "a/x.pose"), "one source at a time, not 2"),
        (("a/x.pose", "nowhere.mp4", "nor-here.mp4"), "nowhere.mp4, nor-here.mp4 do not exist"),
        (("a/x.pose", "--overlay", "p.txt"), "p.txt"),
    ],
)
def test_options_that_would_be_ignored_and_wrong_paths_are_refused(poses, words, message):
    said = translate(poses, *words, check=2).stderr
    assert message in said
    assert "hint:" in said
    assert sorted(path.name for path in poses.iterdir()) == ["a", "b"]


def test_a_table_grows_below_one_header(poses):
    rows = translate(poses, "a", "b", "--format", "tsv", "--isolated").stdout.splitlines()
    assert rows[0].startswith("file\tstart")
    assert sum(row.startswith("file") for row in rows) == 1
    assert {row.split("\t")[0] for row in rows[1:]} == {"a/x.pose", "b/x.pose"}


def test_a_batch_that_fails_altogether_leaves_an_earlier_table(poses):
    translate(poses, "a", "-o", "x.tsv", "--isolated")
    table = (poses / "x.tsv").read_text()
    assert table.count("\n") > 1
    (poses / "bad.pose").write_bytes(b"hello")
    said = translate(poses, "bad.pose", "-o", "x.tsv", "--isolated", check=2)
    assert "bad.pose: it is not a valid .pose file" in said.stderr
    assert (poses / "x.tsv").read_text() == table
    translate(poses, "bad.pose", "-o", "new.tsv", check=2)
    assert not (poses / "new.tsv").exists()


BATCH = ("a/x.pose", "long.mp4", "-o", "all.tsv", "--isolated")


def stopped(folder: Path, how: signal.Signals, *words) -> tuple[int, str]:
    """Exit code and messages of a batch that is ended when its first clip is in all.tsv, and the second one takes long."""
    film(folder / "long.mp4", frames=4000)
    command = [sys.executable, "-m", "asl", "translate", *BATCH, *words]
    listen = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    with open(folder / "said.txt", "w") as said:
        process = subprocess.Popen(command, cwd=folder, stderr=said, preexec_fn=listen)
        until = time.monotonic() + 60
        while not ((folder / "all.tsv").is_file() and "x.pose" in (folder / "all.tsv").read_text()) and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(how)
        process.wait(timeout=30)
    return process.returncode, (folder / "said.txt").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "completed work is kept"), (("--no-cache",), "what was written so far is kept")],
)
def test_an_interrupted_batch_says_what_is_kept(poses, words, message):
    code, said = stopped(poses, signal.SIGINT, *words)
    assert code == 130, said
    assert message in said
    assert ("begins with the first clip again" in said) == ("--no-cache" in words)


def test_after_a_kill_the_same_command_replaces_what_it_had_written_but_no_edit(poses):
    assert stopped(poses, signal.SIGKILL)[0] == -signal.SIGKILL
    written = (poses / "all.tsv").read_text()
    film(poses / "long.mp4", frames=5)
    (poses / "all.tsv").write_text(written + "a row by hand\n")
    assert "all.tsv exists, and asl did not write it" in translate(poses, *BATCH, check=2).stderr
    (poses / "all.tsv").write_text(written)
    translate(poses, *BATCH, check=3)  # nobody is in the film
    assert (poses / "all.tsv").read_text() == written


@pytest.mark.slow
def test_an_interrupted_batch_keeps_its_results_and_goes_on(real_data, here):
    """Ctrl-C after the first result: it is there, nothing is said of semaphores, and its video is not tracked again."""
    for name in ("bad", "no", "eat"):
        shutil.copy(real_data / "videos" / "words" / f"{name}.mp4", here)
    # One worker: of several, the first clip may be the last to be ready, and all results are then written at once.
    command = [sys.executable, "-m", "asl", "translate", ".", "-o", "../all.tsv", "--workers", "1"]
    process = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    table = here.parent / "all.tsv"
    until = time.monotonic() + 300
    while not (table.is_file() and table.read_text().count("\n") >= 2) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "completed work is kept" in said
    assert "semaphore" not in said
    assert "Traceback" not in said
    first = table.read_text()
    assert first.endswith("\n")
    cached = len(list((here.parent / "cache").rglob("*.safetensors")))
    assert 1 <= cached < 3
    translate(here, ".", "-o", "../all.tsv")
    assert table.read_text().startswith(first)
    assert len(list((here.parent / "cache").rglob("*.safetensors"))) == 3
    again = time.monotonic()
    translate(here, ".", "-o", "../again.tsv")
    assert time.monotonic() - again < 10, "nothing was tracked"
    assert (here.parent / "again.tsv").read_text() == table.read_text()
