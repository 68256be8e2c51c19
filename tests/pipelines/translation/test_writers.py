import csv
import json
from pathlib import Path

import av
import pytest
import webvtt

from asl.pipelines.recogniser.reading import Token
from asl.pipelines.translation.outputs import ENDINGS
from asl.pipelines.translation.writers import Translation, render, write_overlay, write_translation
from tests.made_up_signing import signing
from tests.video_files import film

TOKENS = (Token("THANK-YOU", 0.2, 0.9, 0.8, (("PLEASE", 0.15), ("GOOD", 0.02))), Token("fs-ZOË", 1.0, 1.1, 0.5))


@pytest.fixture
def translation(tmp_path) -> Translation:
    return Translation(tmp_path / "my clip é.mp4", TOKENS, signing(0))


def test_json_and_tsv_contain_everything(translation):
    clip = json.loads(render([translation, translation], "json"))["clips"][1]
    assert clip["glosses"] == ["THANK-YOU", "fs-ZOË"]
    assert clip["tokens"][0]["runners_up"][0] == {"gloss": "PLEASE", "confidence": 0.15}
    rows = list(csv.DictReader(render([translation], "tsv").splitlines(), delimiter="\t"))
    assert [(row["gloss"], row["start"], row["end"]) for row in rows] == [
        ("THANK-YOU", "0.200", "0.900"),
        ("fs-ZOË", "1.000", "1.100"),
    ]


@pytest.mark.parametrize("tokens", [TOKENS, TOKENS[:1], ()])
def test_captions_can_be_read_by_webvtt(tokens, tmp_path):
    translation = Translation(tmp_path / "clip.mp4", tokens, signing(0))
    for format in ("vtt", "srt"):
        file = tmp_path / f"clip.{format}"
        write_translation(file, translation, format)
        assert not tokens or file.read_text().endswith("\n")
        captions = (webvtt.read if format == "vtt" else webvtt.from_srt)(str(file)).captions if tokens else []
        assert [caption.text for caption in captions] == [token.gloss for token in tokens]
        for caption, token in zip(captions, tokens, strict=True):
            assert caption.start_in_seconds == pytest.approx(token.start, abs=1)
            assert caption.end_time > caption.start_time


def test_text_says_that_no_sign_was_recognised(translation, tmp_path):
    assert "(no sign recognised)" in render([Translation(tmp_path / "a.mp4", (), signing(0))], "text")
    assert "THANK-YOU  0.80   (else PLEASE 0.15" in render([translation], "text")


def test_every_format_writes_a_file(translation, tmp_path):
    for format, ending in ENDINGS.items():
        file = tmp_path / "out" / f"clip{ending}"
        write_translation(file, translation, format)
        assert file.stat().st_size > 0


@pytest.mark.parametrize("name", ["clip.mp4", "clip.pose"])
def test_the_overlay_is_a_video_of_the_length_of_the_clip(tmp_path, name):
    if name.endswith("mp4"):
        film(tmp_path / name, frames=30, width=322, height=250)
    translation = Translation(tmp_path / name, TOKENS, signing(0, seconds=1.2))
    write_overlay(tmp_path / "out.mp4", translation)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == (30 if name.endswith("mp4") else len(translation.landmarks))
    assert frames[-1].time == pytest.approx((len(frames) - 1) / 25, abs=0.05)
    plain = frames[0].to_ndarray(format="rgb24")
    captioned = frames[12].to_ndarray(format="rgb24")
    strip = len(plain) - (250 if name.endswith("mp4") else round(640 / translation.landmarks.aspect) // 2 * 2)
    assert 0 < strip < len(plain) / 4
    # The caption stands above the picture and hides nothing of it; the gradient of the film's lower rows stays as it was.
    assert (captioned[:strip] > 150).mean() > 0.005 > (plain[:strip] > 150).mean()
    assert captioned[-4:, :, 1].mean() == pytest.approx(plain[-4:, :, 1].mean(), abs=3)


def test_a_failed_overlay_leaves_nothing(tmp_path):
    Path(tmp_path / "clip.mp4").write_bytes(b"no video")
    from asl.pipelines.workspace.errors import BadClip

    with pytest.raises(BadClip):
        write_overlay(tmp_path / "out.mp4", Translation(tmp_path / "clip.mp4", TOKENS, signing(0)))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
