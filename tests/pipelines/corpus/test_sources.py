import json
import os
from pathlib import Path

import numpy as np
import pytest

from asl.pipelines.corpus.sources import arrays, manifest, poses, videos, wlasl
from asl.pipelines.corpus.sources.gather import gather
from asl.pipelines.workspace.errors import BadClip, BadInput
from asl.pipelines.workspace.files import slug
from asl.pipelines.workspace.settings.clips import SourceSettings, SyntheticSettings
from asl.transducers.glossing import normalise_gloss, parse_glosses
from tests.made_up_signing import write_corpus


def gathered(settings: SourceSettings):
    """The clips of sources without synthetic signers."""
    return gather(settings, SyntheticSettings(), Path("nowhere"))


def touch(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_glosses_are_normalised():
    assert normalise_gloss(" thank you ") == "THANK-YOU"
    assert normalise_gloss("fs-Lila") == "fs-LILA"
    assert parse_glosses("me  eat apple") == ("ME", "EAT", "APPLE")
    assert slug("a/b c\\..:x" + "ü" * 100) == "a-b-c-..-x" + "ü" * 50


def test_videos_get_their_gloss_from_the_folder(tmp_path):
    for name in ("BOOK/1.mp4", "deep/Thank You/2.MOV", "3.webm", "BOOK/notes.txt", ".hidden/4.mp4"):
        touch(tmp_path / name)
    result = {clip.name: clip.glosses for clip in videos.read(tmp_path)}
    assert result == {"3.webm": (), "BOOK/1.mp4": ("BOOK",), "deep/Thank You/2.MOV": ("THANK-YOU",)}
    for wrong in (tmp_path / "gone", tmp_path / "3.webm"):
        with pytest.raises(BadInput):
            videos.read(wrong)


def test_pose_names_follow_the_pattern_or_the_folders(tmp_path):
    for name in ("lab__book__7__x.pose", "MILK/a.pose", "plain.pose"):
        touch(tmp_path / name)
    result = {clip.name: (clip.glosses, clip.group) for clip in poses.read(tmp_path, "{group}__{gloss}__{clip}")}
    assert result["lab__book__7__x.pose"] == (("BOOK",), "lab")
    assert result["MILK/a.pose"] == (("MILK",), "")
    assert result["plain.pose"] == ((tmp_path.name.upper(),), "") or result["plain.pose"] == ((), "")
    for wrong in ("{clip}", "{gloss}{gloss}", "{word}_{gloss}"):
        with pytest.raises(BadInput):
            poses.compile_pattern(wrong)
    assert poses.compile_pattern("{gloss}-{signer}").fullmatch("BOOK-ann")["signer"] == "ann"


def test_manifests_in_csv_and_jsonl(tmp_path):
    touch(tmp_path / "a.mp4")
    rows = "path,gloss,signer,split,start,end\na.mp4,me eat,ann,dev,0.5,1.5\ngone.mp4,book,,,,\n"
    clips, missing = manifest.read(touch(tmp_path / "m.csv", rows))
    assert (clips[0].glosses, clips[0].group, clips[0].split, clips[0].start, clips[0].end) == (
        ("ME", "EAT"),
        "ann",
        "validation",
        0.5,
        1.5,
    )
    assert missing == ["gone.mp4"]
    lines = '{"path": "a.mp4", "gloss": ["me", "eat"]}\n\n{"path": "a.mp4", "gloss": "book", "split": "test", "group": null}\n'
    clips, _ = manifest.read(touch(tmp_path / "m.jsonl", lines))
    assert [clip.glosses for clip in clips] == [("ME", "EAT"), ("BOOK",)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("m.csv", "", "no column 'path'"),
        ("m.csv", "path,word\na,b\n", "no column 'gloss'"),
        ("m.csv", "path,gloss,signr\na,b,c\n", "unknown column 'signr'"),
        ("m.csv", "path,gloss,split\na,b,training-ish\n", "line 2: unknown split"),
        ("m.csv", "path,gloss,start\na,b,soon\n", "line 2: start 'soon'"),
        ("m.csv", "path,gloss,start,end\na,b,3,2\n", "not after"),
        ("m.csv", "path,gloss\na,b,c\n", "line 2"),
        ("m.csv", "path,gloss\n,b\n", "empty path"),
        ("m.csv", "path,gloss,start\na,b,-1\n", "start is -1"),
        ("m.jsonl", '{"path": "a"', "line 1: not JSON"),
        ("m.jsonl", "[1]\n", "not a JSON object"),
    ],
)
def test_errors_in_manifests_name_the_line(tmp_path, name, text, words):
    with pytest.raises(BadInput) as caught:
        manifest.read(touch(tmp_path / name, text))
    assert words in caught.value.message


def test_binary_manifests_are_rejected(tmp_path):
    (tmp_path / "m.csv").write_bytes(bytes(range(256)) * 9)
    with pytest.raises(BadInput, match="UTF-8"):
        manifest.read(tmp_path / "m.csv")


FULL = [
    {"gloss": "book", "instances": [
        {"video_id": "1", "split": "train", "signer_id": 4, "fps": 25, "frame_start": 1, "frame_end": -1},
        {"video_id": "2", "split": "test", "signer_id": 5, "fps": 25, "frame_start": 26, "frame_end": 50},
        {"video_id": "3", "split": "val", "signer_id": 5, "fps": 25, "frame_start": 1, "frame_end": -1}]},
    {"gloss": "milk", "instances": [{"video_id": "4", "split": "train", "signer_id": 4, "frame_start": 1, "frame_end": -1}]},
]  # fmt: skip


@pytest.fixture
def wlasl_folder(tmp_path):
    for name in ("1", "2", "4"):
        touch(tmp_path / "videos" / f"{name}.mp4")
    touch(tmp_path / "WLASL.json", json.dumps(FULL))
    touch(
        tmp_path / "nslt_2.json",
        json.dumps({"1": {"subset": "train", "action": [1, 1, 30]}, "9": {"subset": "test", "action": [0, 1, 9]}}),
    )
    touch(tmp_path / "wlasl_class_list.txt", "0\tbook\n1\tthank you\n")
    return tmp_path


def test_wlasl_keeps_its_official_split_and_lists_missing_videos(wlasl_folder):
    settings = SourceSettings(video_root=str(wlasl_folder / "videos"))
    clips, missing, notes = wlasl.read(wlasl_folder / "WLASL.json", settings)
    assert [(clip.name, clip.glosses, clip.split, clip.signer) for clip in clips] == [
        ("1", ("BOOK",), "train", "4"), ("2", ("BOOK",), "test", "5"), ("4", ("MILK",), "train", "4")]  # fmt: skip
    assert (clips[1].start, clips[1].end, clips[1].range_if_reached) == (1.0, 2.0, True)
    assert missing == ["3"]
    assert "1 of 4" in notes[0]


def test_wlasl_vocabulary_and_samples_can_be_limited(wlasl_folder):
    root = str(wlasl_folder / "videos")
    few, _, _ = wlasl.read(wlasl_folder / "WLASL.json", SourceSettings(video_root=root, vocab_size=1))
    assert {clip.glosses for clip in few} == {("BOOK",)}
    _, _, notes = wlasl.read(wlasl_folder / "WLASL.json", SourceSettings(video_root=root, min_samples_per_gloss=2))
    assert "with fewer than 2 videos: 1" in notes[-1]


def test_wlasl_subset_files_name_classes_from_the_list(wlasl_folder):
    clips, missing, _ = wlasl.read(wlasl_folder / "nslt_2.json", SourceSettings(video_root=str(wlasl_folder / "videos")))
    assert [(clip.glosses, clip.split) for clip in clips] == [(("THANK-YOU",), "train")]
    assert missing == ["9"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", '[{"word": 1}]', '{"1": {"subset": "train"}}', '{"1": {"subset": "odd", "action": [0, 1, 2]}}', "[" * 5000],
)
def test_wrong_wlasl_metadata_is_rejected(wlasl_folder, text):
    touch(wlasl_folder / "bad.json", text)
    with pytest.raises(BadInput):
        wlasl.read(wlasl_folder / "bad.json", SourceSettings(video_root=str(wlasl_folder / "videos")))


def test_wlasl_official_counts(real_data):
    """The official test sizes; a leak or a different split would change them."""
    folder = real_data / "wlasl-meta"
    for size, tests in ((100, 258), (300, 668), (1000, 1876)):
        names = wlasl._class_names(folder / f"nslt_{size}.json")
        instances = list(wlasl._subset(json.loads((folder / f"nslt_{size}.json").read_text()), names))
        assert sum(instance.split == "test" for instance in instances) == tests
        assert len({instance.gloss for instance in instances}) == size


def save(path: Path, **arrays_) -> Path:
    np.savez(path, **arrays_)
    return path


def test_an_array_that_was_written_anew_is_read_anew(tmp_path):
    file, layout = tmp_path / "clips.npz", tmp_path / "mine.toml"
    values = np.ones((1, 3, 63), np.float32)
    text = '[mine]\nfps = 30.0\naspect = 1.0\nparts = [{ component = "right_hand", points = "all", dims = "xyz" }]\n'
    for number, fps in ((1.0, 30.0), (2.0, 25.0)):
        layout.write_text(text.replace("30.0", str(fps)) + "# " + "x" * int(number))
        np.savez(file, landmarks=number * values, gloss=np.array(["A"] * int(number))[:1])
        os.utime(file, (number, number))
        (clip,) = arrays.read(file, str(layout))
        landmarks = arrays.landmarks_of(clip.path, clip.row, clip.layout)
        assert (landmarks.fps, np.nanmax(landmarks.points)) == (fps, number)


def test_arrays_are_split_by_their_layout(tmp_path):
    values = np.zeros((2, 5, 258), dtype=np.float32)
    values[0, :4, 11 * 4 : 11 * 4 + 4] = (0.6, 0.5, -0.1, 0.9)
    values[0, 1:3, 33 * 4 + 63 :] = 0.25
    file = save(tmp_path / "a.npz", landmarks=values, gloss=np.array(["book", "-"]), collector=np.array(["ann", "bob"]))
    clips = arrays.read(file, "")
    assert [(clip.glosses, clip.group, clip.layout) for clip in clips] == [
        (("BOOK",), "ann", "holistic-258"),
        (("-",), "bob", "holistic-258"),
    ]
    result = arrays.landmarks_of(file, 0, clips[0].layout)
    assert len(result) == 4, "frames with nothing at the end are padding"
    np.testing.assert_allclose(result.points[0, 11], (0.6, 0.5 * 3 / 4, -0.1), rtol=1e-5)
    assert result.present.tolist() == [[True, False, False, seen] for seen in (False, True, True, False)]
    with pytest.raises(BadClip):
        arrays.landmarks_of(file, 1, "")


def test_a_custom_layout(tmp_path):
    layout = 'fps = 30\naspect = 1.0\nparts = [{ component = "right_hand", points = [0, 8], dims = "xyz" }]\n'
    touch(tmp_path / "mine.toml", "[mine]\n" + layout)
    file = save(tmp_path / "a.npz", landmarks=np.ones((1, 3, 6), np.float32), gloss=np.array(["x"]))
    (clip,) = arrays.read(file, str(tmp_path / "mine.toml"))
    result = arrays.landmarks_of(file, 0, clip.layout)
    assert result.fps == 30
    assert np.isfinite(result.points[0, :, 0]).nonzero()[0].tolist() == [522, 530]


@pytest.mark.parametrize(
    "content",
    [
        {"landmarks": np.zeros((1, 3, 258), np.float32)},
        {"landmarks": np.zeros((1, 3, 7), np.float32), "gloss": np.array(["x"])},
        {"landmarks": np.zeros((1, 258), np.float32), "gloss": np.array(["x"])},
        {"landmarks": np.zeros((2, 3, 258), np.float32), "gloss": np.array(["x"])},
        {"landmarks": np.zeros((1, 3, 258), np.float32), "gloss": np.array(["x"]), "split": np.array(["odd"])},
        {"landmarks": np.zeros((1, 3, 258), np.float32), "gloss": np.array([{"code": 1}], dtype=object)},
    ],
)
def test_wrong_arrays_are_rejected(tmp_path, content):
    with pytest.raises(BadInput):
        arrays.read(save(tmp_path / "a.npz", **content), "")


def test_files_that_are_not_npz_are_rejected(tmp_path):
    for name, data in (("text.npz", b"hello"), ("zero.npz", b""), ("cut.npz", b"PK\x03\x04" + bytes(90))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadInput):
            arrays.read(tmp_path / name, "")
    with pytest.raises(BadInput):
        arrays.read(tmp_path / "gone.npz", "")


def test_sources_are_combined_and_names_made_unique(tmp_path):
    write_corpus(tmp_path / "p", glosses=1, clips=2)
    touch(tmp_path / "v" / "BOOK" / "1.mp4")
    both = gathered(SourceSettings(videos=[str(tmp_path / "v"), str(tmp_path / "v")], poses=[str(tmp_path / "p")]))
    assert [clip.name for clip in both.clips][:2] == ["BOOK/1.mp4", "BOOK/1.mp4#2"]
    assert len(both.clips) == 4
    with pytest.raises(BadInput, match="no source"):
        gathered(SourceSettings())
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="contain no clips"):
        gathered(SourceSettings(videos=[str(tmp_path / "empty")]))
