import os
import signal
from pathlib import Path

import pytest

from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus import extract_clip
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.media.pose_files import read_pose, write_pose
from asl.pipelines.media.tracker.mediapipe_holistic import check_mediapipe
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from tests.made_up_signing import signing
from tests.video_files import film


def kill_worker_of_guilty_clip(task, settings):
    if "guilty" in task.source.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def videos(folder: Path, *names: str) -> list[extract_clip.Task]:
    return [extract_clip.Task(ClipSource(folder / name, "video", name), folder / f"{name}.pose") for name in names]


def test_a_worker_that_dies_fails_only_its_clip(tmp_path, monkeypatch):
    tasks = videos(tmp_path, "a", "guilty", "b", "c", "d", "e")
    monkeypatch.setattr(extract_clip, "_work", kill_worker_of_guilty_clip)
    outcomes = {task.source.name: outcome for task, outcome in extract_clip.run(tasks, LandmarkSettings(), Workers(2))}
    assert outcomes.pop("guilty").reason == "worker-died"
    assert outcomes == dict.fromkeys("abcde", 7)


def test_an_error_of_a_library_does_not_end_the_batch(tmp_path, monkeypatch):
    write_pose(tmp_path / "a.pose", signing(0))
    monkeypatch.setattr(extract_clip, "pose_bytes", lambda *_: 1 / 0)
    task = extract_clip.Task(ClipSource(tmp_path / "a.pose", "pose", "a"), tmp_path / "out.pose")
    ((_, outcome),) = extract_clip.run([task], LandmarkSettings(), None)
    assert isinstance(outcome, BadClip)
    assert "ZeroDivisionError" in outcome.message


def test_a_range_of_a_pose_file_is_cut_out(tmp_path):
    write_pose(tmp_path / "a.pose", signing(0, seconds=3))
    task = extract_clip.Task(ClipSource(tmp_path / "a.pose", "pose", "a", start=0.4, end=1.0), tmp_path / "out.pose")
    assert [outcome.frames for _, outcome in extract_clip.run([task], LandmarkSettings(), None)] == [15]
    whole, part = read_pose(tmp_path / "a.pose"), read_pose(tmp_path / "out.pose")
    assert isinstance(part, Landmarks)
    assert (part.points[0, 11] == whole.points[10, 11]).all()
    nothing = extract_clip.Task(ClipSource(tmp_path / "a.pose", "pose", "a", start=50.0), tmp_path / "out2.pose")
    assert next(extract_clip.run([nothing], LandmarkSettings(), None))[1].reason == "empty-range"


@pytest.mark.parametrize("version", ["0.10.30", "0.10.35", "1.0.0"])
def test_a_mediapipe_without_holistic_is_reported(monkeypatch, version):
    monkeypatch.setattr("asl.pipelines.media.tracker.mediapipe_holistic.metadata.version", lambda _: version)
    with pytest.raises(AslError, match="no Holistic") as caught:
        check_mediapipe()
    assert "pip install" in caught.value.hint
    monkeypatch.setattr("asl.pipelines.media.tracker.mediapipe_holistic.metadata.version", lambda _: "0.10.21")
    check_mediapipe()


@pytest.mark.slow
def test_a_clip_is_the_same_alone_and_with_others_and_any_number_of_workers(real_data, tmp_path):
    names = ["words/baby.mp4", "words/eat.mp4", "words/no.mp4"]
    sources = [ClipSource(real_data / "videos" / name, "video", name, end=0.6) for name in names]

    def extract(label: str, numbered, count: int) -> dict[str, bytes]:
        tasks = [extract_clip.Task(source, tmp_path / label / f"{i}.pose") for i, source in numbered]
        for task, outcome in extract_clip.run(tasks, LandmarkSettings(), Workers(count)):
            assert not isinstance(outcome, BadClip), (task, outcome)
        return {task.source.name: task.pose.read_bytes() for task in tasks}

    numbered = list(enumerate(sources))
    alone = extract("alone", numbered[1:2], 1)
    together = extract("together", numbered, 1)
    backwards = extract("backwards", numbered[::-1], 2)
    assert together == backwards
    assert alone[names[1]] == together[names[1]]


@pytest.mark.slow
def test_the_signer_of_a_real_clip_is_detected(real_data, tmp_path):
    source = ClipSource(real_data / "videos" / "words" / "eat.mp4", "video", "eat")
    task = extract_clip.Task(source, tmp_path / "eat.pose", tmp_path / "eat.jpg")
    list(extract_clip.run([task], LandmarkSettings(), None))
    seen = read_pose(task.pose).present.mean(axis=0)
    assert seen[0] > 0.95
    assert seen[2:].max() > 0.4
    assert task.thumbnail.read_bytes()[:2] == b"\xff\xd8"
    film(tmp_path / "gradient.mp4", frames=3)
    nobody = extract_clip.Task(ClipSource(tmp_path / "gradient.mp4", "video", "g"), tmp_path / "g.pose")
    assert next(extract_clip.run([nobody], LandmarkSettings(), None))[1].reason == "no-signer"
