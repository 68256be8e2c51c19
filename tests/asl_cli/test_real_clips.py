"""The road on real recordings, which lie outside the project; skipped where they are not at hand."""

import json
import shutil

import av
import pytest

pytestmark = pytest.mark.slow


def test_videos_are_extracted_and_a_model_of_real_signs_translates_one(real_data, asl, tmp_path):
    rows = [f"{real_data / 'videos' / 'words'}/{name}.mp4,{name},ann" for name in ("eat", "no")]
    (tmp_path / "manifest.csv").write_text("path,gloss,signer\n" + "\n".join(rows) + "\n")
    workspace = tmp_path / "ws"
    asl("init", workspace, check=0)
    sources = ("--manifest", tmp_path / "manifest.csv", "--poses", real_data / "twenty", "--drop-duplicates")
    done = asl("extract", "-w", workspace, *sources, "--test-groups", "harshit", "--format", "json", check=0)
    metrics = json.loads(done.stdout)["metrics"]
    assert metrics["clips"] == 267
    assert metrics["pose_seen"] > 0.95
    assert metrics["left_out_as_duplicates"] == 6, "two sources took six clips from the same place"
    assert done.stderr.count("warning") <= 1
    page = (workspace / "reports" / "extract.html").read_text()
    assert page.count("<figure>") == 267
    assert "http" not in page.replace("http://www.w3.org", "")
    asl("train-ctc", "-w", workspace, "--min-clips", "4", "--epochs", "25", check=0)
    found = json.loads(asl("evaluate", "-w", workspace, "--format", "json", check=0).stdout)["results"]
    assert found["top_1"]["value"] > 0.3, "twenty signs: chance is 0.05"
    clip = real_data / "videos" / "words" / "eat.mp4"
    out = tmp_path / "out"
    asl("translate", "-w", workspace, clip, "--isolated", "--format", "json", "--format", "eaf", "--format", "vtt", "-o", out,
        "--overlay", out / "overlay.mp4", check=0)  # fmt: skip
    token = json.loads((out / "eat.json").read_text())["clips"][0]["tokens"][0]
    assert 0 <= token["start"] < token["end"]
    assert {path.suffix for path in out.iterdir()} == {".json", ".eaf", ".vtt", ".mp4"}
    with av.open(str(clip)) as one, av.open(str(out / "overlay.mp4")) as other:
        assert len(list(one.decode(video=0))) == len(list(other.decode(video=0)))


def test_arrays_of_a_webcam_data_set_are_read(real_data, asl, tmp_path):
    asl("init", tmp_path, check=0)
    done = asl(
        "extract",
        "-w",
        tmp_path,
        "--landmarks",
        real_data / "wlasl50" / "landmarks.npz",
        "--split-by",
        "random",
        "--allow-duplicates",
        "--format",
        "json",
    )
    assert done.returncode in (0, 3)
    metrics = json.loads(done.stdout)["metrics"]
    assert metrics["clips"] + metrics["failed"] == 423
    assert metrics["glosses"] == 50
    assert metrics["face_seen"] == 0


def test_a_clip_records_its_tracker_and_mixing_trackers_is_said(real_data, tmp_path, asl):
    for name in ("coffee", "day"):
        (tmp_path / name).mkdir()
        shutil.copy(real_data / "videos" / "words" / f"{name}.mp4", tmp_path / name)
    common = ("extract", "-w", tmp_path / "ws", "--workers", "1", "--videos")
    asl("init", tmp_path / "ws", check=0)
    asl(*common, tmp_path / "coffee", check=0)
    mixed = asl(*common, tmp_path / "day", "--add", "--track-fps", "10", check=0)
    clips = [json.loads(line) for line in (tmp_path / "ws" / "clips.jsonl").read_text().splitlines()]
    assert {clip["name"]: clip["tracker"] for clip in clips} == {"coffee.mp4": "asl", "day.mp4": "asl, 10 frames/s"}
    assert next(clip["fps"] for clip in clips if clip["name"] == "day.mp4") == pytest.approx(10, abs=0.2)
    assert "the videos were tracked in different ways (asl: 1; asl, 10 frames/s: 1)" in mixed.stderr
