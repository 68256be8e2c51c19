"""Annotated videos: their formats, their sound, and what is drawn where."""

import av
import numpy as np
import pytest
from PIL import Image

from asl.models.features.holistic import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, empty_points
from asl.pipelines.media.captions import Caption, CaptionStrip
from asl.pipelines.media.drawing import draw_skeleton, joined_forearms
from asl.pipelines.media.overlay import MAX_SIDE, draw_overlay
from asl.pipelines.workspace.errors import BadInput
from tests.made_up_signing import signing
from tests.video_files import film, talking_film

RUNNERS_UP = tuple(f"{gloss} 9 %" for gloss in ("GRANDMOTHER", "UNDERSTAND", "fs-MASSACHUSETTS", "THANK-YOU", "GOOD"))


def streams(path) -> dict[str, tuple[str, float]]:
    """Type → codec and end (seconds) of each stream."""
    with av.open(str(path)) as container:
        ends = {stream.type: (stream.codec_context.name, 0.0) for stream in container.streams}
        for packet in container.demux():
            if packet.pts is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                codec, latest = ends[packet.stream.type]
                ends[packet.stream.type] = codec, max(latest, end)
    return ends


@pytest.mark.parametrize(
    ("original", "ending", "sound"),
    [(".mp4", ".mp4", "aac"), (".mp4", ".mov", "aac"), (".mp4", ".mkv", "aac"), (".mp4", ".webm", "opus"),
     (".webm", ".webm", "opus"), (".webm", ".mov", "aac")],
)  # fmt: skip
def test_the_overlay_keeps_the_sound_in_every_format(tmp_path, original, ending, sound):
    clip = talking_film(tmp_path / f"clip{original}", seconds=1.0)
    assert draw_overlay(tmp_path / f"out{ending}", clip, signing(0, seconds=1.0), []) == []
    written = streams(tmp_path / f"out{ending}")
    assert sound in written["audio"][0]
    assert written["audio"][1] == pytest.approx(1.0, abs=0.1)
    assert written["video"][1] == pytest.approx(1.0, abs=0.1)


def test_sound_stays_in_step_where_pictures_start_later(tmp_path):
    clip = talking_film(tmp_path / "clip.mkv", seconds=1.0, first_picture=0.4)
    draw_overlay(tmp_path / "out.mkv", clip, signing(0, seconds=1.0), [])
    assert streams(tmp_path / "out.mkv")["audio"][1] == pytest.approx(0.6, abs=0.1)


def test_a_damaged_soundtrack_is_said_and_costs_no_picture(tmp_path):
    clip = talking_film(tmp_path / "clip.mp4", seconds=1.0)
    damage_sound(clip)
    notes = draw_overlay(tmp_path / "out.webm", clip, signing(0, seconds=1.0), [])
    assert any("sound" in note for note in notes)
    assert streams(tmp_path / "out.webm")["video"][1] == pytest.approx(1.0, abs=0.1)


def damage_sound(path) -> None:
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.pos]
    for position, size in places[3:]:
        data[position : position + size] = bytes([255]) * size
    path.write_bytes(data)


@pytest.mark.parametrize("ending", [".gif", ".avi", ".jpg"])
def test_other_endings_are_refused_with_those_that_work(tmp_path, ending):
    film(tmp_path / "clip.mp4")
    with pytest.raises(BadInput) as refused:
        draw_overlay(tmp_path / f"out{ending}", tmp_path / "clip.mp4", signing(0), [])
    assert ".mp4, .mov, .mkv, .webm" in refused.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_scaling_is_said(tmp_path):
    film(tmp_path / "clip.mp4", frames=2, width=1920, height=1080)
    assert draw_overlay(tmp_path / "out.mp4", tmp_path / "clip.mp4", signing(0), []) == [
        f"the picture was scaled from 1920×1080 to {MAX_SIDE}×720"
    ]


# Captions ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(1280, 720), (360, 640), (200, 356), (120, 90)])
@pytest.mark.parametrize("gloss", ["NO", "fs-CHARGOGGAGOGGMANCHAUGGAGOGG"])
def test_captions_are_never_cut_off(size, gloss):
    caption = Caption(0.0, 1.0, gloss, "34 %, unsure", ("or " + RUNNERS_UP[0], *RUNNERS_UP[1:]), unsure=True)
    strip = np.asarray(CaptionStrip(size, [caption]).at(0.5)).astype(int)
    lit = (np.abs(strip - strip[0, 0]).sum(axis=2) > 60).any(axis=0)
    assert lit.any()
    margin = round(0.02 * size[0])
    assert not lit[:margin].any()
    assert not lit[-margin:].any()


def test_the_strip_is_as_high_as_its_largest_caption_throughout():
    plain, rich = Caption(0.0, 1.0, "NO", "90 %"), Caption(1.0, 2.0, "NO", "40 %", RUNNERS_UP)
    strip = CaptionStrip((360, 640), [plain, rich])
    assert strip.at(0.5).size == strip.at(1.5).size == strip.at(5.0).size
    assert CaptionStrip((360, 640), [plain]).height < strip.height < 640 / 4


# Skeletons -----------------------------------------------------------------------------------------------------------
def test_forearms_end_at_the_hands():
    points = signing(0).points
    points[:, RIGHT_HAND] = np.nan
    points[:, LEFT_WRIST] += 0.05
    joined = joined_forearms(points)
    np.testing.assert_array_equal(joined[:, LEFT_WRIST], points[:, LEFT_HAND.start])
    np.testing.assert_array_equal(joined[:, 16], points[:, 16])


def test_lines_are_smooth_and_the_rest_of_the_picture_is_untouched():
    points = empty_points(1)[0]
    points[[11, 12], :2] = (0.2, 0.2), (0.7, 0.33)
    rng = np.random.default_rng(0)
    before = rng.integers(100, 110, (300, 400, 3), dtype=np.uint8)
    image = Image.fromarray(before)
    draw_skeleton(image, points)
    changed = (np.asarray(image) != before).any(axis=2)
    assert 0 < changed.mean() < 0.05
    assert len(np.unique(np.asarray(image)[changed].sum(axis=1))) > 40, "edges are blended, not stepped"
