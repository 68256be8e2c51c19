import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.translation.clip_landmarks import LandmarkCache, landmark_cache, landmarks_in_order
from asl.pipelines.workspace.folder import create_workspace
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from tests.made_up_signing import signing
from tests.video_files import film

SETTINGS = LandmarkSettings()


def video(path: Path, content: str = "video") -> Path:
    path.write_text(content)
    return path


def test_landmarks_come_back_exactly_and_by_content(tmp_path):
    clip, stored = video(tmp_path / "a.mp4"), signing(3)
    LandmarkCache(tmp_path / "cache", SETTINGS).store(clip, stored)
    cache = LandmarkCache(tmp_path / "cache", SETTINGS)
    for path in (clip, video(tmp_path / "copy.mov")):
        loaded = cache.load(cache.find(path))
        np.testing.assert_array_equal(loaded.points, stored.points)
        assert (loaded.fps, loaded.aspect, loaded.width) == (stored.fps, stored.aspect, stored.width)
    assert cache.find(video(tmp_path / "other.mp4", "movie")) is None
    assert cache.find(tmp_path / "nowhere.mp4") is None
    other = LandmarkCache(tmp_path / "cache", replace(SETTINGS, detection_confidence=0.7))
    assert other.find(clip) is None
    assert LandmarkCache(tmp_path / "cache", replace(SETTINGS, workers=7)).find(clip)


def test_the_longest_unused_go_first_but_nothing_of_this_run(tmp_path):
    size = signing(0, seconds=1.0).points.nbytes + 1000
    clips = [video(tmp_path / f"{number}.mp4", str(number)) for number in range(4)]

    def cache() -> LandmarkCache:
        return LandmarkCache(tmp_path / "cache", SETTINGS, max_bytes=int(2.5 * size))

    for age, clip in enumerate(clips[:2]):
        cache().store(clip, signing(0, seconds=1.0))
        os.utime(cache().find(clip), (age, age))
    cache().load(cache().find(clips[0]))
    third = cache()
    third.store(clips[2], signing(0, seconds=1.0))
    assert [cache().find(clip) is not None for clip in clips] == [True, False, True, False]
    full = cache()
    assert full.find(clips[0])
    assert full.find(clips[2])
    full.store(clips[3], signing(0, seconds=1.0))
    assert full.is_full
    assert cache().find(clips[3]) is None


def test_a_damaged_entry_and_a_folder_that_cannot_be_written_to_are_no_failure(tmp_path):
    clip = video(tmp_path / "a.mp4")
    cache = LandmarkCache(tmp_path / "cache", SETTINGS)
    cache.store(clip, signing(0))
    file = cache.find(clip)
    file.write_bytes(b"\x00" * 40)
    assert cache.load(file) is None
    file.unlink()
    assert cache.load(file) is None
    (tmp_path / "file").write_text("no folder")
    LandmarkCache(tmp_path / "file", SETTINGS).store(clip, signing(0))


def test_landmarks_of_a_video_that_changed_meanwhile_are_not_kept(tmp_path):
    """A recording that goes on while it is tracked: its landmarks are those of its beginning."""
    clip, cache = video(tmp_path / "a.mkv", "beginning"), LandmarkCache(tmp_path / "cache", SETTINGS)
    assert cache.find(clip) is None
    video(clip, "beginning and end")
    cache.store(clip, signing(0))
    assert LandmarkCache(tmp_path / "cache", SETTINGS).find(clip) is None


def test_clips_keep_their_order_whatever_they_are_read_from(tmp_path):
    """A cached video, one that is no video, and a damaged entry whose video shows nobody."""
    clips = [film(tmp_path / f"{number}.mp4", frames=3 + number) for number in range(2)] + [video(tmp_path / "2.mp4")]
    cache = LandmarkCache(tmp_path / "cache", SETTINGS)
    for clip in clips[:2]:
        cache.store(clip, signing(0))
    cache.find(clips[1]).write_bytes(b"damaged")
    sources = [ClipSource(path, "video", path.name) for path in (clips[2], clips[0], clips[1])]
    results = list(landmarks_in_order(sources, replace(SETTINGS, workers=1), LandmarkCache(tmp_path / "cache", SETTINGS)))
    assert [clip for clip, _ in results] == sources
    assert results[0][1].reason == "not-a-video"
    np.testing.assert_array_equal(results[1][1].points, signing(0).points)
    assert results[2][1].reason == "no-signer"


def test_a_workspace_has_a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    workspace = create_workspace(tmp_path / "ws")
    assert landmark_cache(workspace, SETTINGS).folder == workspace.private / "translated"
    assert landmark_cache(None, SETTINGS).folder == tmp_path / "cache" / "asl" / "translated"


@pytest.mark.slow
def test_a_video_is_read_from_the_cache_as_it_was_tracked(real_data, tmp_path):
    clip = ClipSource(real_data / "videos" / "words" / "no.mp4", "video", "no")
    cache = LandmarkCache(tmp_path / "cache", SETTINGS)
    ((_, tracked),) = landmarks_in_order([clip], SETTINGS, cache)
    ((_, cached),) = landmarks_in_order([clip], SETTINGS, LandmarkCache(tmp_path / "cache", SETTINGS))
    np.testing.assert_array_equal(cached.points, tracked.points)
    (entry,) = (file for file in (tmp_path / "cache").rglob("*") if file.is_file())
    entry.write_bytes(b"damaged")
    list(landmarks_in_order([clip], SETTINGS, LandmarkCache(tmp_path / "cache", SETTINGS)))
    np.testing.assert_array_equal(cache.load(entry).points, tracked.points)
