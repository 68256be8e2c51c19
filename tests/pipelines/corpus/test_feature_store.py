import numpy as np
import pytest

from asl.pipelines.corpus import feature_store
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.extract import run_extract
from asl.pipelines.corpus.feature_store import compute_features, open_features, select_parts
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.folder import create_workspace
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import FeatureSettings
from tests.made_up_signing import write_corpus

SETTINGS = FeatureSettings()


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A workspace with five clips, and shards of two clips."""
    monkeypatch.setattr(feature_store, "CLIPS_PER_SHARD", 2)
    workspace = create_workspace(tmp_path / "ws")
    run_extract(workspace, {"poses": [str(write_corpus(tmp_path / "poses", 5, 1))]}, Silent())
    return workspace, read_clips(workspace.clips_file)


def test_clips_of_all_shards_are_returned_as_computed(corpus):
    workspace, clips = corpus
    store = open_features(workspace, clips, SETTINGS, Silent())
    assert len(list(store.folder.glob("*.npy"))) == 3 + 1  # and their lengths
    for i, clip in enumerate(clips):
        values, _ = compute_features(read_pose(workspace.inside(clip.pose)), SETTINGS)
        np.testing.assert_array_equal(store[i], values)
        assert isinstance(store[i].base, np.memmap | np.ndarray)
    hands_only = FeatureSettings(parts="hands")
    hands = open_features(workspace, clips, hands_only, Silent())[0]
    np.testing.assert_array_equal(hands, store.feature_set.keep_modalities(store[0], ["hands"]))
    assert np.isnan(hands).sum() > np.isnan(store[0]).sum()
    assert select_parts(store[0], SETTINGS) is not None


def test_a_killed_build_resumes(corpus, monkeypatch):
    workspace, clips = corpus
    store = open_features(workspace, clips, SETTINGS, Silent())
    complete = {file.name: file.read_bytes() for file in store.folder.iterdir()}
    (store.folder / feature_store.INDEX).unlink()
    (store.folder / "00001.json").unlink()
    unchanged = (store.folder / "00002.npy").stat().st_mtime_ns
    again = open_features(workspace, clips, SETTINGS, Silent())
    assert {file.name: file.read_bytes() for file in again.folder.iterdir()} == complete
    assert (store.folder / "00002.npy").stat().st_mtime_ns == unchanged


@pytest.mark.parametrize("name", ["00001.npy", "lengths.npy", "index.json"])
def test_damage_is_found_when_the_store_or_its_shard_is_opened(corpus, name):
    workspace, clips = corpus
    store = open_features(workspace, clips, SETTINGS, Silent())
    data = bytearray((store.folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (store.folder / name).write_bytes(data)
    with pytest.raises(AslError, match="damaged") as caught:
        open_features(workspace, clips, SETTINGS, Silent())[2]
    assert "computed again" in caught.value.hint


def test_damaged_landmarks_are_named(corpus):
    workspace, clips = corpus
    workspace.inside(clips[3].pose).write_bytes(b"x")
    with pytest.raises(AslError, match=r"landmarks of .* damaged"):
        open_features(workspace, clips, SETTINGS, Silent())
