"""Files that no one would send on purpose. Each must be named with a reason, and its good neighbours done."""

import json
import os

import numpy as np
import pytest

from asl.pipelines.media.pose_files import write_pose
from tests.made_up_signing import signing
from tests.video_files import film, rotate, sound

NOISE = np.random.default_rng(0).bytes(3000)


def hostile_videos(folder):
    """Every kind of bad video, each with the reasons that may be given for it."""
    whole = film(folder / "spare" / "whole.mp4", frames=50, width=160, height=120).read_bytes()
    streamed = film(folder / "spare" / "s.mp4", frames=50, width=160, height=120, options={"movflags": "faststart"}).read_bytes()
    webm = film(folder / "spare" / "whole.webm", frames=30, codec="libvpx").read_bytes()
    avi = film(folder / "spare" / "whole.avi", frames=30, codec="mpeg4").read_bytes()
    clips = folder / "videos" / "BOOK"
    clips.mkdir(parents=True)
    written = {
        "zero.mp4": b"",
        "text.mp4": b"this is a text\n" * 50,
        "noise.mp4": NOISE,
        "noise.webm": NOISE,
        "noise.avi": NOISE,
        "noise.gif": b"GIF89a" + NOISE,
        "html.mov": b"<html><body>404 not found</body></html>",
        "header-only.mp4": whole[:40],
        "cut.mp4": whole[: len(whole) // 2],
        "cut-streamed.mp4": streamed[: len(streamed) // 2],
        "cut.webm": webm[:200],
        "cut.avi": avi[:150],
        "zeros.mkv": bytes(5000),
        "pickle.mp4": b"\x80\x04\x95cposix\nsystem\n(S'touch owned'\ntR.",
    }
    for name, data in written.items():
        (clips / name).write_bytes(data)
    sound(clips / "sound.mp4")
    film(clips / "one-frame.mp4", frames=1)
    film(clips / "tenth-of-a-second.mp4", frames=3)
    film(clips / "wide.mp4", frames=2, width=10_000, height=16)
    film(clips / "no-signer.gif", frames=5, codec="gif")
    rotate(film(clips / "rotated.mp4", frames=5), 1)
    film(clips / "slow.mp4", frames=5, fps=15)
    film(clips / "fast.mp4", frames=12, fps=60)
    film(clips / "uneven.mp4", frames=5, times=[0, 0.02, 0.3, 0.31, 0.9])
    film(clips / "日本語 – ünïcode ☃.mp4", frames=3)
    film(clips / ("long" * 50 + ".mp4"), frames=3)
    film(clips / "-rf; echo $HOME.mp4", frames=3)
    (clips / "folder.mp4").mkdir()
    (clips / "dangling.mp4").symlink_to(folder / "nowhere.mp4")
    return 14 + 13


def test_hostile_videos_are_listed_and_their_neighbours_done(asl, tmp_path):
    bad = hostile_videos(tmp_path)
    for seed in range(4):
        write_pose(tmp_path / "good" / "MILK" / f"{seed}.pose", signing(1, seed))
    asl("init", tmp_path / "ws", check=0)
    sources = ("--videos", tmp_path / "videos", "--poses", tmp_path / "good")
    done = asl("extract", "-w", tmp_path / "ws", *sources, "--format", "json", "--max-minutes", "1", check=3)
    found = json.loads(done.stdout)
    assert found["metrics"]["clips"] == 4
    reasons = {failure["name"]: failure["reason"] for failure in found["failures"]}
    assert len(reasons) >= bad
    for name, reason in (
        ("zero.mp4", "empty-file"), ("text.mp4", "not-a-video"), ("sound.mp4", "no-video"), ("one-frame.mp4", "too-short"),
        ("wide.mp4", "too-large"), ("rotated.mp4", "no-signer"), ("uneven.mp4", "no-signer"), ("cut-streamed.mp4", "cut-off"),
        ("folder.mp4", "unreadable"), ("日本語 – ünïcode ☃.mp4", "no-signer"),
    ):  # fmt: skip
        assert reasons[f"BOOK/{name}"] == reason
    assert all(failure["message"] for failure in found["failures"])
    assert not (tmp_path / "owned").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "spare", "videos", "ws"]


def bad_poses(folder):
    write_pose(folder / "spare" / "whole.pose", signing(0))
    whole = (folder / "spare" / "whole.pose").read_bytes()
    huge = bytearray(whole)
    start = whole.index(np.float32(25).tobytes())
    huge[start + 4 : start + 8] = (2**32 - 1).to_bytes(4, "little")
    return {
        "zero.pose": b"",
        "text.pose": b"hello" * 100,
        "noise.pose": NOISE,
        "cut.pose": whole[: len(whole) // 3],
        "cut-header.pose": whole[:60],
        "billions-of-frames.pose": bytes(huge),
        "nan.pose": whole[:-40_000] + np.full(10_000, np.nan, np.float32).tobytes(),
        "pickle.pose": b"\x80\x04\x95cposix\nsystem\n(S'touch owned'\ntR.",
    }


def test_hostile_inputs_of_translate(asl, trained, tmp_path):
    names = bad_poses(tmp_path)
    for name, data in names.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    sound(tmp_path / "in" / "sound.mp4")
    write_pose(tmp_path / "in" / "good.pose", signing(1, 50))
    done = asl("translate", "-w", trained, tmp_path / "in", "--format", "json", "--isolated", check=3)
    clips = json.loads(done.stdout)["clips"]
    assert any(clip["path"].endswith("good.pose") and clip["glosses"] == ["SIGN1"] for clip in clips)
    assert "billions-of-frames.pose" in done.stderr.replace("\n", "")
    for name in ("zero.pose", "text.pose", "cut.pose"):
        alone = asl("translate", "-w", trained, tmp_path / "in" / name, check=2)
        assert alone.stdout == ""


HEADER = "path,gloss\n"


@pytest.mark.parametrize(
    ("option", "name", "data"),
    [
        ("--manifest", "empty.csv", b""),
        ("--manifest", "binary.csv", NOISE),
        ("--manifest", "columns.csv", b"file,word\na,b\n"),
        ("--manifest", "ragged.csv", b"path,gloss\na,b,c\n"),
        ("--manifest", "quote.csv", b'path,gloss\n"a,b\n'),
        ("--manifest", "missing.csv", b"path,gloss\nnowhere.mp4,book\n"),
        ("--manifest", "escape.csv", b"path,gloss\n../../../etc/nowhere.mp4,book\n"),
        ("--manifest", "bad.jsonl", b"{\n"),
        ("--manifest", "deep.jsonl", b"[" * 100_000),
        ("--landmarks", "text.npz", b"text"),
        ("--landmarks", "noise.npz", b"PK\x03\x04" + NOISE),
        ("--landmarks", "zero.npz", b""),
        ("--wlasl", "bad.json", b"{"),
        ("--wlasl", "list.json", b"[1, 2]"),
        ("--wlasl", "deep.json", b"[" * 100_000),
        ("--wlasl", "zero.json", b""),
    ],
)
def test_hostile_tables_are_refused(asl, tmp_path, option, name, data):
    asl("init", tmp_path / "ws", check=0)
    (tmp_path / name).write_bytes(data)
    more = ("--video-root", tmp_path) if option == "--wlasl" else ()
    done = asl("extract", "-w", tmp_path / "ws", option, tmp_path / name, *more, check=2)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "data", [b"[train\n", b"train = 1\n", b"[train]\nepochs = []\n", b"\xff\xfe\x00", b"version = 'x'\n", b"a = " + b"[" * 20_000]
)
def test_hostile_workspace_files_are_refused(asl, tmp_path, data):
    (tmp_path / "asl.toml").write_bytes(data)
    for command in ("status", "train-ctc"):
        done = asl(command, "-w", tmp_path)
        assert done.returncode in (2, 4)
        assert done.stderr.startswith("error: ")


def test_an_unreadable_file_is_one_failure(asl, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    write_pose(tmp_path / "p" / "A" / "good.pose", signing(0))
    write_pose(tmp_path / "p" / "A" / "secret.pose", signing(0))
    (tmp_path / "p" / "A" / "secret.pose").chmod(0)
    asl("init", tmp_path / "ws", check=0)
    done = asl("extract", "-w", tmp_path / "ws", "--poses", tmp_path / "p", "--format", "json", check=3)
    assert json.loads(done.stdout)["failures"][0]["reason"] == "unreadable"
