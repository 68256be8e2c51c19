from dataclasses import replace

import numpy as np
import pytest

from asl.pipelines.corpus import extract_clip
from asl.pipelines.corpus.clip_ranges import effective_range
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.extract_clip import clip_frames
from asl.pipelines.corpus.sources.videos import read
from asl.pipelines.media import video
from asl.pipelines.media.tracker.extraction import _at_constant_rate, _MiddlePicture
from asl.pipelines.workspace.errors import BadClip
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from tests.video_files import film, rotate, sound


def all_frames(path, **options):
    return list(video.frames(path, **({"max_side": 1280} | options)))


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mov", "mpeg4"), ("a.webm", "libvpx"), ("a.avi", "mpeg4"), ("a.gif", "gif"), ("a.mkv", "libx264")],
)
def test_common_containers_are_read_with_their_times(tmp_path, name, codec):
    result = all_frames(film(tmp_path / name, codec=codec))
    assert len(result) == 20
    np.testing.assert_allclose([frame.time for frame in result], np.arange(20) / 25, atol=0.011)
    assert result[0].picture.shape == (48, 64, 3)


def test_rotated_videos_are_turned_upright(tmp_path):
    plain = film(tmp_path / "plain.mp4")
    corners = {0: (0, 0), 1: (0, -1), 2: (-1, -1), 3: (-1, 0)}
    for turns, corner in corners.items():
        turned = tmp_path / f"turned{turns}.mp4"
        turned.write_bytes(plain.read_bytes())
        image = all_frames(rotate(turned, turns))[0].picture
        assert image.shape == ((48, 64, 3) if turns % 2 == 0 else (64, 48, 3))
        assert image[corner][:2].min() > 200, f"{turns} quarter turns clockwise put the bright corner elsewhere"


def test_uneven_frames_keep_their_times(tmp_path):
    times = [0, 0.04, 0.08, 0.3, 0.34, 0.5]
    result = [frame.time for frame in all_frames(film(tmp_path / "a.mp4", frames=6, times=times))]
    np.testing.assert_allclose(result, times, atol=0.001)
    assert not video.is_even(np.array(result))
    assert video.is_even(np.arange(30) / 29.97)
    assert video.nominal_fps(np.arange(30) / 29.97) == pytest.approx(29.97)


def test_range_and_max_side_are_respected(tmp_path):
    path = film(tmp_path / "a.mp4", width=640, height=320)
    result = all_frames(path, start=0.2, end=0.4, max_side=160)
    np.testing.assert_allclose([frame.time for frame in result], np.arange(5, 10) / 25, atol=0.001)
    assert result[0].picture.shape == (80, 160, 3)


def test_fewer_frames_are_the_first_of_every_period():
    def thinned(source_fps, fps, digits=9):
        frames = [video.Frame(round(3 + i / source_fps, digits), np.zeros((2, 2, 3), np.uint8)) for i in range(60)]
        return [round((frame.time - 3) * source_fps) for frame in video.thinned(iter(frames), fps)]

    assert thinned(30, 15) == list(range(0, 60, 2))
    assert thinned(30, 10) == list(range(0, 60, 3))
    assert thinned(30, 25) == [i for i in range(60) if i % 6 != 1]
    assert thinned(24, 30) == list(range(60))
    # WebM and Matroska store whole milliseconds.
    assert thinned(30, 15, digits=3) == list(range(0, 60, 2))
    assert thinned(30, 30, digits=3) == list(range(60))
    assert thinned(60, 30, digits=3) == list(range(0, 60, 2))


def test_a_range_applies_only_if_the_file_reaches_it(tmp_path):
    film(tmp_path / "BOOK" / "a.mp4", frames=50)
    (clip,) = read(tmp_path)
    beyond = replace(clip, start=80.0, end=83.0, range_if_reached=True)
    assert effective_range(beyond, 2.0) == (0.0, None)
    assert effective_range(replace(beyond, start=0.5, end=1.5), 2.0) == (0.5, 1.5)
    assert effective_range(replace(beyond, range_if_reached=False), 2.0) == (80.0, 83.0)
    assert len(list(clip_frames(beyond, LandmarkSettings()))) == 50
    with pytest.raises(BadClip) as caught:
        clip_frames(clip, LandmarkSettings(max_minutes=0.01))
    assert caught.value.reason == "too-long"


def assert_ranges_are_the_same_as_in_the_whole(path, starts):
    whole = all_frames(path, max_side=320)
    for start in starts:
        part = all_frames(path, start=start, end=start + 0.5, max_side=320)
        expected = [frame for frame in whole if start - 1e-6 <= frame.time < start + 0.5]
        assert [frame.time for frame in part] == [frame.time for frame in expected]
        assert all((a.picture == b.picture).all() for a, b in zip(part, expected, strict=True)), start


@pytest.mark.parametrize(
    ("name", "codec", "coding"),
    [
        ("b.mp4", "libx264", {"g": "37", "bf": "3", "sc_threshold": "0"}),
        ("open.mp4", "libx264", {"g": "23", "bf": "4", "x264-params": "open-gop=1:b-pyramid=strict"}),
        ("b.mkv", "libx264", {"g": "41", "bf": "3"}),
        ("one.mp4", "libx264", {"g": "1000", "bf": "2"}),
        ("odd.webm", "libvpx", {"g": "29"}),
        ("no-index.ts", "libx264", {"g": "30", "bf": "3"}),
        ("no-index.avi", "mpeg4", {"g": "30"}),
    ],
)
def test_a_range_has_the_same_frames_whatever_the_key_frames(tmp_path, name, codec, coding):
    path = film(tmp_path / name, frames=200, codec=codec, coding=coding)
    assert_ranges_are_the_same_as_in_the_whole(path, (1.0, 2.04, 2.96, 3.0, 4.6, 6.333, 7.96))


def test_a_range_of_a_real_video_has_the_same_frames(real_data):
    path = max((real_data / "videos" / "sentences").glob("*.mp4"), key=lambda path: video.probe(path).seconds)
    seconds = video.probe(path).seconds
    assert_ranges_are_the_same_as_in_the_whole(path, (2.1, seconds / 2, seconds - 0.6))


def test_a_range_is_reached_without_decoding_all_that_comes_before(tmp_path, monkeypatch):
    path = film(tmp_path / "long.mp4", frames=1500, coding={"g": "50"})
    decoded, timed = [], video._timed
    monkeypatch.setattr(video, "_timed", lambda *given: (decoded.append(pair) or pair for pair in timed(*given)))
    assert len(all_frames(path, start=50.0, end=51.0)) == 25
    assert len(decoded) <= 80


def test_a_range_after_the_end_is_empty(tmp_path):
    with pytest.raises(BadClip) as caught:
        all_frames(film(tmp_path / "a.mp4", frames=100), start=50.0, end=51.0)
    assert caught.value.reason == "empty-range"


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.mp4"])
def test_a_jump_of_the_time_stamps_is_a_reason(tmp_path, name):
    times = [*(i / 25 for i in range(10)), *(5000 + i / 25 for i in range(10))]
    path = film(tmp_path / name, times=times, codec="libvpx" if name == "a.webm" else "libx264")
    with pytest.raises(BadClip) as caught:
        list(clip_frames(ClipSource(path, "video", name), LandmarkSettings(max_minutes=200)))
    assert caught.value.reason == "time-jump"
    assert "after 0.4 s" in caught.value.message


def test_a_clip_that_is_longer_than_its_header_says_is_too_long(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", frames=100)
    monkeypatch.setattr(extract_clip, "probe", lambda path: replace(video.probe(path), seconds=1.0))
    with pytest.raises(BadClip) as caught:
        list(clip_frames(ClipSource(path, "video", "a"), LandmarkSettings(max_minutes=2 / 60)))
    assert caught.value.reason == "too-long"


def test_uneven_times_do_not_grow_without_bound():
    times, middle = np.cumsum([0.0001] * 41 + [9.0] * 20), _MiddlePicture()
    middle.add(np.zeros((4, 4, 3)))
    with pytest.raises(BadClip) as caught:
        _at_constant_rate(times, np.zeros((len(times), 543, 3), np.float32), np.zeros((len(times), 33)), middle)
    assert caught.value.reason == "time-jump"


def bad_files(folder):
    whole = film(folder / "whole.mp4", frames=60, width=320, height=240).read_bytes()
    streamed = film(folder / "whole.mkv", frames=60, width=320, height=240).read_bytes()
    for name, data in (
        ("cut.mp4", whole[: len(whole) // 2]), ("zero.mp4", b""), ("text.mp4", b"I am no video\n" * 40),
        ("noise.webm", np.random.default_rng(0).bytes(5000)), ("half.mkv", streamed[:300]),
    ):  # fmt: skip
        (folder / name).write_bytes(data)
    sound(folder / "sound.mp4")
    (folder / "folder.mp4").mkdir()
    return {
        "cut.mp4": "not-a-video", "zero.mp4": "empty-file", "text.mp4": "not-a-video", "noise.webm": "not-a-video",
        "sound.mp4": "no-video", "folder.mp4": "not-a-file", "gone.mp4": "unreadable",
    }  # fmt: skip


def test_files_that_are_not_videos_have_a_reason(tmp_path):
    for name, reason in bad_files(tmp_path).items():
        with pytest.raises(BadClip) as caught:
            all_frames(tmp_path / name)
        assert caught.value.reason == reason, name
        assert caught.value.message
    with pytest.raises(BadClip):
        all_frames(tmp_path / "half.mkv")


def test_a_file_with_a_missing_end_is_reported_as_cut_off(tmp_path):
    streamable = {"movflags": "faststart"}
    whole = film(tmp_path / "a.mp4", frames=60, width=320, height=240, options=streamable).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadClip) as caught:
        all_frames(tmp_path / "cut.mp4")
    assert caught.value.reason == "cut-off"


def test_absurd_sizes_are_rejected_before_decoding(tmp_path):
    path = film(tmp_path / "wide.mp4", frames=2, width=10_000, height=16)
    with pytest.raises(BadClip) as caught:
        video.probe(path)
    assert caught.value.reason == "too-large"


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40, 1000])
def test_the_middle_picture_is_from_the_second_quarter(count):
    middle = _MiddlePicture()
    for index in range(count):
        middle.add(np.array([index]))
    assert middle.picture[0] == middle.index
    assert count / 4 - 1 <= middle.index <= count / 2
