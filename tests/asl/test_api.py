"""The Python API gives what the command line gives."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import asl
from asl.models.features.holistic import FACE, RIGHT_HAND
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from tests.conftest import ROOT
from tests.made_up_signing import signing
from tests.running_asl import run_asl

HEAVY = ("numpy", "torch", "scipy", "mediapipe", "onnxruntime", "pynini", "av")


@pytest.fixture(scope="module")
def recogniser():
    return asl.load()


def test_importing_it_loads_nothing_heavy():
    code = f"import sys, asl; dir(asl); print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_is_there_and_documented():
    for name in asl.__all__:
        assert name == "__version__" or getattr(asl, name).__doc__
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        asl.nothing_of_the_kind  # noqa: B018
    assert set(asl.__all__) <= set(dir(asl))


def test_a_clip_is_read_as_by_the_command(recogniser, tmp_path):
    file = tmp_path / "clip.pose"
    asl.write_pose(file, signing(0))
    for isolated in (False, True):
        words = ("translate", file, "--format", "json", *(["--isolated"] if isolated else []))
        (clip,) = json.loads(run_asl(*words, cwd=tmp_path, check=0).stdout)["clips"]
        translation = recogniser.translate(file, isolated=isolated)
        assert list(translation.glosses) == clip["glosses"]
        assert [round(token.confidence, 4) for token in translation.tokens] == [token["confidence"] for token in clip["tokens"]]
        assert json.loads(translation.to_json())["clips"] == [clip]


def test_landmarks_files_and_features_agree(recogniser, tmp_path):
    landmarks = signing(1)
    asl.write_pose(tmp_path / "clip.pose", landmarks)
    again = asl.read_pose(tmp_path / "clip.pose")
    np.testing.assert_allclose(asl.features(again), asl.features(landmarks), atol=1e-3)
    assert asl.features(landmarks).shape[1] == 36
    assert len(asl.features(landmarks, fps=50.0)) == pytest.approx(2 * len(asl.features(landmarks)), abs=2)
    assert recogniser.translate(landmarks, isolated=True).glosses == recogniser.translate(again, isolated=True).glosses


def test_a_translation_is_written_in_every_format(recogniser):
    translation = recogniser.translate(signing(0), isolated=True)
    (gloss,) = translation.glosses
    for text in (translation.to_text(), translation.to_json(), translation.to_tsv(), translation.to_srt(), translation.to_vtt()):
        assert gloss in text
    assert translation.to_vtt().startswith("WEBVTT")
    assert "ANNOTATION_DOCUMENT" in translation.to_eaf()
    assert gloss in recogniser.glosses


def test_decoders_and_workspaces(trained, recogniser):
    own = asl.load(workspace=trained)
    assert set(own.glosses) != set(recogniser.glosses)
    for decoder in ("greedy", "ctc-beam"):
        assert set(own.translate(signing(0), decoder=decoder).glosses) <= set(own.glosses)
    name = next(path.name for path in (trained / "models").iterdir())
    assert asl.load(name, workspace=trained).glosses == asl.load(trained / "models" / name).glosses == own.glosses


def test_wrong_input_is_refused(recogniser, tmp_path):
    with pytest.raises(asl.BadInput, match="no model 'nowhere'"):
        asl.load("nowhere")
    with pytest.raises(asl.BadInput, match="not a workspace"):
        asl.load(workspace=tmp_path)
    with pytest.raises(asl.BadInput, match="'gready'"):
        recogniser.translate(signing(0), decoder="gready")
    with pytest.raises(asl.AslError, match="cascade"):
        recogniser.translate(signing(0), decoder="cascade")
    for fps in (None, -3, 0):
        with pytest.raises(asl.BadInput, match=f"rate of the pictures is {fps}"):
            recogniser.translate([np.zeros((8, 8, 3), np.uint8)], fps=fps)
    for clip in (None, 5, signing(0).points):
        with pytest.raises(asl.BadInput, match="a clip is a path, Landmarks, or pictures"):
            recogniser.translate(clip, fps=25)
    with pytest.raises(asl.BadInput, match="got ndarray"):
        asl.features(signing(0).points)
    with pytest.raises(asl.BadInput, match="-1 frames per second"):
        asl.features(signing(0), fps=-1)
    with pytest.raises(asl.BadInput, match="rate of the pictures is -1"):
        recogniser.stream(fps=-1)
    for picture in (np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(asl.BadInput, match="a picture is"):
            recogniser.translate([picture], fps=25)
    for read in (recogniser.translate, asl.extract, asl.read_pose):
        with pytest.raises(asl.BadInput, match=r"nothing\.mp4 does not exist"):
            read(tmp_path / "nothing.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(asl.BadClip, match="empty"):
        recogniser.translate(tmp_path / "empty.mp4")
    nobody = asl.Landmarks(np.full((30, 543, 3), np.nan, np.float32), 25.0)
    for clip in (nobody, asl.Landmarks(np.empty((0, 543, 3), np.float32), 25.0)):
        with pytest.raises(asl.BadClip, match="no landmarks"):
            recogniser.translate(clip)
    with pytest.raises(asl.BadInput, match="phon63") as refused:
        asl.features(signing(0), "phon63")
    assert refused.value.hint == "did you mean 'phon36'?"
    assert refused.value.__notes__ == ["hint: did you mean 'phon36'?"]
    with pytest.raises(asl.BadInput, match="not open"):
        recogniser.stream().push(np.zeros((8, 8, 3), np.uint8), 0.0)


def test_privacy_settings_hold_for_programs_as_for_commands(trained, tmp_path, monkeypatch):
    asl.write_pose(tmp_path / "clip.pose", signing(0))
    monkeypatch.setenv("ASL_LANDMARKS_FACE_MESH", "false")
    for recogniser in (asl.load(), asl.load(workspace=trained)):
        for clip in (tmp_path / "clip.pose", signing(0)):
            landmarks = recogniser.translate(clip, isolated=True).landmarks
            assert np.isnan(landmarks.points[:, FACE]).all()
            assert np.isfinite(landmarks.points[:, RIGHT_HAND]).any()


def test_large_pictures_are_scaled_down_as_those_of_a_file(recogniser):
    picture = Image.open(ROOT / "tests" / "golden" / "signer.png").convert("RGB").resize((1600, 1600))
    assert recogniser.translate([np.asarray(picture)] * 2, fps=25).landmarks.width == LandmarkSettings().max_side


@pytest.mark.slow
def test_pictures_and_streams_read_what_the_file_reads(recogniser, real_data):
    import av

    file = real_data / "videos" / "words" / "eat.mp4"
    with av.open(str(file)) as video:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
    glosses = recogniser.translate(file).glosses
    fps = (len(frames) - 1) / (frames[-1][0] - frames[0][0])
    assert recogniser.translate((picture for _, picture in frames), fps=fps).glosses == glosses
    with recogniser.stream() as stream:
        words = [word for time, picture in frames for word in stream.push(picture, time)] + stream.finish()
        with pytest.raises(asl.BadInput, match="after one"):
            stream.push(frames[0][1], frames[0][0])
    assert tuple(word.gloss for word in words) == glosses
    assert all(word.final and 0 <= word.start < word.end and 0 < word.confidence <= 1 for word in words)
