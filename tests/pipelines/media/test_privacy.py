import numpy as np
import pytest

from asl.models.features.feature_sets import FEATURE_SETS
from asl.models.features.holistic import FACE, LEFT_HAND, RIGHT_HAND
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import compute_features
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.media.privacy import without_private_points
from asl.pipelines.workspace.settings.clips import FeatureSettings, LandmarkSettings
from tests.made_up_signing import signing, write_corpus
from tests.video_files import film


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_anonymised_landmarks_give_the_same_features(name):
    clip, settings = signing(2), FeatureSettings(features=name)
    reduced = without_private_points(clip, LandmarkSettings(anonymise=True))
    np.testing.assert_array_equal(compute_features(reduced, settings)[0], compute_features(clip, settings)[0])


def test_only_face_points_that_features_need_are_stored_or_none():
    clip = signing(1)

    def seen(**settings) -> np.ndarray:
        return np.isfinite(without_private_points(clip, LandmarkSettings(**settings)).points[..., 0]).all(axis=0)

    assert seen().all()
    assert seen(anonymise=True)[FACE].sum() < 40
    assert seen(anonymise=True)[LEFT_HAND].all()
    assert not seen(face_mesh=False)[FACE].any()
    assert seen(face_mesh=False)[RIGHT_HAND].all()
    assert seen(face_mesh=False, anonymise=True).sum() < seen(anonymise=True).sum()


def test_restrictions_apply_to_every_source_and_extract_again(asl, tmp_path):
    asl("init", tmp_path / "ws", check=0)
    extract = ("extract", "-w", tmp_path / "ws", "--poses", write_corpus(tmp_path / "p", 2, 2))
    asl(*extract, check=0)
    full = read_clips(tmp_path / "ws" / "clips.jsonl")
    assert "4 files of earlier runs" in asl(*extract, "--no-face-mesh", "--anonymise", check=0).stderr
    less = read_clips(tmp_path / "ws" / "clips.jsonl")
    assert len(less) == len(full) == 4
    assert {clip.id for clip in full}.isdisjoint(clip.id for clip in less)
    assert all(clip.seen[1] == 0 < clip.seen[2] for clip in less)
    sizes = [sum((tmp_path / "ws" / clip.pose).stat().st_size for clip in clips) for clips in (full, less)]
    assert sizes[1] < 0.3 * sizes[0]
    assert not read_pose(tmp_path / "ws" / less[0].pose).present[:, 1].any()


@pytest.mark.slow
def test_an_anonymised_video_leaves_no_picture(asl, real_data, tmp_path):
    clip = real_data / "videos" / "words" / "eat.mp4"
    (tmp_path / "v" / "EAT").mkdir(parents=True)
    (tmp_path / "v" / "EAT" / "eat.mp4").symlink_to(clip)
    film(tmp_path / "v" / "EAT" / "nobody.mp4", frames=3)
    asl("init", tmp_path / "ws", check=0)
    asl("extract", "-w", tmp_path / "ws", "--videos", tmp_path / "v", "--anonymise", check=3)
    assert not list((tmp_path / "ws").rglob("*.jpg"))
    (only,) = read_clips(tmp_path / "ws" / "clips.jsonl")
    assert only.seen[0] > 0.9
