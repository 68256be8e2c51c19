"""`asl export`, and translation by a bundle, through the real executable."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.recogniser.bundle import load_bundle
from asl.pipelines.recogniser.reading import read_landmarks
from asl.pipelines.translation.live_reading import LiveReader
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.settings.reading import DecodeSettings
from tests.running_asl import result, run_asl

#: What training needs, and a program that only translates does not.
NOT_NEEDED = ("torch", "pynini", "jiwer", "numba", "matplotlib", "scipy", "onnx")
WITHOUT = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {NOT_NEEDED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from asl.cli.main import main
main()
"""


@pytest.fixture(scope="module")
def causal(trained, tmp_path_factory) -> Path:
    """A workspace whose newest model reads streams, with its bundle."""
    workspace = Path(shutil.copytree(trained, tmp_path_factory.mktemp("causal") / "ws"))
    words = ("--encoder", "tcn", "--hidden", "64", "--causal-features", "--epochs", "120", "--patience", "0", "--threads", "1")
    run_asl("train-ctc", "-w", workspace, *words, "--name", "causal", check=0)
    run_asl("evaluate", "-w", workspace, check=0)
    run_asl("export", "-w", workspace, "--licence", "test only", "--accuracy", "top-1 unknown", check=0)
    return workspace


def without_torch(*words, **how) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WITHOUT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **how)


def test_a_bundle_says_what_its_model_says_and_needs_no_torch(causal, tmp_path):
    bundle = causal / "bundles" / "causal"
    card = json.loads((bundle / "bundle.json").read_text())
    assert card["stream"]
    assert card["checks"][1]["off"] < 1e-4
    assert "test only" in (bundle / "README.md").read_text()
    assert "top-1 unknown" in (bundle / "README.md").read_text()
    assert "on the test split of its workspace (split by group)" in (bundle / "README.md").read_text()
    details = {row["name"]: row["detail"] for row in result(run_asl("status", "-w", causal, "--format", "json"))["stages"]}
    assert "8 clips of the test split (split by group)" in details["export"]
    assert "split test, split by group, signs 8, top-1" in details["evaluate"]
    poses = sorted(causal.parent.glob("ws/landmarks/**/*.pose"))[:6]
    own = result(run_asl("translate", *poses, "-w", causal, "--insertion-penalty", "0", "--format", "json", check=0))["clips"]
    done = without_torch("translate", *poses, "--model", bundle, "--insertion-penalty", "0", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [one["glosses"] for one in json.loads(done.stdout)["clips"]] == [one["glosses"] for one in own]
    assert any(one["glosses"] for one in own)
    training = without_torch("train-ctc", "-w", causal, cwd=tmp_path)
    assert training.returncode == 1
    assert 'pip install "asl[train]"' in training.stderr
    assert "nothing to do" in run_asl("export", "-w", causal, "--licence", "test only", "--accuracy", "top-1 unknown").stderr
    assert "export" in run_asl("status", "-w", causal, check=0).stdout


def test_a_stream_ends_with_the_glosses_of_the_whole_clip(causal):
    reader = Reader(load_bundle(causal / "bundles" / "causal", threads=1), DecodeSettings(insertion_penalty=0))
    found = 0
    for file in sorted(causal.glob("landmarks/**/*.pose")):
        landmarks = read_pose(file)
        live, words = LiveReader(reader, landmarks.fps), []
        for frame, points in enumerate(landmarks.points):
            words += live.push(points, frame / landmarks.fps, lambda at=frame / landmarks.fps: at)
        words += live.finish(lambda at=landmarks.seconds: at)
        whole = reader.tokens(read_landmarks(reader.model, landmarks, mirror=True))
        assert [one.token.gloss for one in words] == [one.gloss for one in whole]
        for one, token in zip(words, whole, strict=True):
            assert (one.token.start, one.token.end) == pytest.approx((token.start, token.end), abs=0.05)
            assert one.final
            assert one.appeared <= len(landmarks) / landmarks.fps
        found += len(words)
    assert found > 10


def test_pauses_make_words_final_and_memory_stays_bounded(causal):
    reader = Reader(load_bundle(causal / "bundles" / "causal", threads=1), DecodeSettings(insertion_penalty=0))
    landmarks = read_pose(min(causal.glob("landmarks/**/*.pose")))
    nobody = np.full_like(landmarks.points[0], np.nan)
    clip = [*landmarks.points, *[nobody] * 15]
    live, words = LiveReader(reader, 25.0), []
    for frame in range(10 * len(clip)):
        words += live.push(clip[frame % len(clip)], frame / 25, lambda at=frame / 25: at)
        assert live._open is None or len(live._open) <= len(clip)
    assert len(words) >= 8
    assert all(one.final for one in words)


def test_int8_is_smaller_and_checked(causal):
    words = ("--int8", "--name", "small", "--format", "json", "--most-drop", "100")
    made = result(run_asl("export", "-w", causal, *words, check=0))
    exact, small = made["variants"][1:]
    assert small["name"] == "int8"
    assert small["bytes"] < 0.6 * exact["bytes"]  # of so small a model names and shapes are a good part
    assert load_bundle(causal / "bundles" / "small").read(np.zeros((1, 9, 38), np.float32)).views[0].shape == (9, 5)


def test_a_pruned_model_is_smaller_and_trained_again(causal):
    words = ("--prune", "0.5", "--recovery-epochs", "10", "--name", "half", "--format", "json")
    made = result(run_asl("export", "-w", causal, *words, check=0))
    before, after = made["variants"][:2]
    assert (before["name"], after["name"]) == ("before pruning", "torch")
    assert after["bytes"] < 0.5 * before["bytes"]
    assert after["top_1"] >= 0.5
    assert (causal / "models" / "causal-pruned50" / "model.json").is_file()


def test_damaged_and_foreign_bundles_are_refused_with_words(causal, tmp_path):
    bundle = Path(shutil.copytree(causal / "bundles" / "causal", tmp_path / "bundle"))
    pose = next(causal.glob("landmarks/**/*.pose"))
    card = json.loads((bundle / "bundle.json").read_text())

    def refused(message: str) -> None:
        with pytest.raises(BadInput, match=message):
            load_bundle(bundle)

    for change, message in (
        ({"version": 99}, "version 99"),
        ({"features": {"features": "unheard"}}, "damaged"),
        ({"files": card["files"] | {"../../outside": "00"}}, "is outside the bundle"),
        ({"files": {}}, "it has no encoder"),
        ({"glosses": None}, "damaged"),
    ):
        (bundle / "bundle.json").write_text(json.dumps(card | change))
        refused(message)
    (bundle / "bundle.json").write_text(json.dumps(card))
    data = bytearray((bundle / "encoder.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / "encoder.onnx").write_bytes(data)
    refused("encoder.onnx has changed since the export")
    (bundle / "encoder.onnx").unlink()
    assert "encoder.onnx" in run_asl("translate", pose, "--model", bundle, cwd=tmp_path, check=2).stderr
    whole = run_asl("translate", pose, "--model", causal / "bundles/causal", "--decoder", "cascade", check=4)
    assert "asl build-fst" in whole.stderr


def test_what_a_person_put_into_a_bundle_is_not_deleted(causal, tmp_path):
    bundle = Path(shutil.copytree(causal / "bundles" / "causal", tmp_path / "bundle"))
    (bundle / "notes.md").write_text("mine")
    export = ("export", "-w", causal, "-o", bundle)
    for words in ((), ("--dry-run",), ("--force",)):
        said = run_asl(*export, *words, check=2).stderr
        assert "bundle/notes.md would be deleted with the earlier bundle" in said
        assert "hint: move it out" in said
    assert (bundle / "notes.md").read_text() == "mine"
    (bundle / "notes.md").unlink()
    run_asl(*export, check=0)


def test_an_operator_that_nobody_knows_is_said(causal, tmp_path):
    import onnx

    bundle = Path(shutil.copytree(causal / "bundles" / "causal", tmp_path / "bundle"))
    graph = onnx.load(bundle / "encoder.onnx")
    graph.graph.node[0].op_type = "Divination"
    onnx.save(graph, bundle / "encoder.onnx")
    card = json.loads((bundle / "bundle.json").read_text())
    card["files"]["encoder.onnx"] = file_hash(bundle / "encoder.onnx")
    (bundle / "bundle.json").write_text(json.dumps(card))
    said = run_asl("translate", next(causal.glob("landmarks/**/*.pose")), "--model", bundle, cwd=tmp_path, check=2).stderr
    assert "ONNX Runtime cannot run" in said
    assert "Divination" in said


@pytest.mark.slow
def test_a_bundle_carries_its_cascade(signed, tmp_path):
    """Read with the bundle alone, sentences come out as in the workspace; a pruned graph is smaller."""
    run_asl("export", "-w", signed, "--name", "whole", check=0)
    run_asl("export", "-w", signed, "--name", "pruned", "--prune-graph", "20", check=0)
    sizes = [(signed / "bundles" / name / "graph" / "HCMDLG.fst").stat().st_size for name in ("whole", "pruned")]
    assert sizes[1] < sizes[0]
    poses = sorted(signed.glob("landmarks/**/sentence*.pose"))[:6]
    own = result(run_asl("translate", *poses, "-w", signed, "--decoder", "cascade", "--format", "json", check=0))["clips"]
    done = without_torch(
        "translate", *poses, "--model", signed / "bundles/whole", "--decoder", "cascade", "--format", "json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert [one["glosses"] for one in json.loads(done.stdout)["clips"]] == [one["glosses"] for one in own]


def test_what_cannot_be_translated_live(causal, trained, tmp_path):
    bundle = causal / "bundles" / "causal"
    assert "there is no camera 77" in run_asl("translate", "--camera", "77", "--model", bundle, check=2).stderr
    assert "one source at a time" in run_asl("translate", "--camera", "0", "--stream", "-", "--model", bundle, check=2).stderr
    assert "not a frame size" in run_asl("translate", "--stream", "-", "--raw", "12", "--model", bundle, check=2).stderr
    assert "nothing to translate" in run_asl("translate", cwd=tmp_path, check=2).stderr
    assert "written one by one" in run_asl("translate", "x.mp4", "--live", "--format", "srt", "--model", bundle, check=2).stderr
    whole = run_asl("export", "-w", trained, "-o", tmp_path / "whole", check=0)
    assert "the bundle is in" in whole.stderr
    whole = ("--stream", "-", "--raw", "9x9", "--model", tmp_path / "whole")
    assert "needs whole clips" in run_asl("translate", *whole, check=2).stderr
    assert "no video" in run_asl("translate", "--stream", "-", "--model", bundle, check=2).stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert "exists and is not a bundle" in run_asl("export", "-w", trained, "-o", tmp_path / "full", check=2).stderr
    assert (tmp_path / "full" / "thesis.txt").is_file()


def test_a_stream_that_breaks_off_keeps_what_was_recognised(causal):
    words = ("translate", "--no-pace", "--stream", "-", "--raw", "64x48", "--model", causal / "bundles" / "causal")
    done = run_asl(*words, stdin=bytes(64 * 48 * 3 * 4 + 1000), check=1)
    assert "in the middle of frame 5" in done.stderr
    assert "frames 4" in done.stderr
