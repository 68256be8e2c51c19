"""Live translation and profiling of real clips through the real executable, by the bundle that is shipped."""

import io
import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from asl.cli.live_translation import shortcomings
from asl.pipelines.deployment.profiling import read_profile
from asl.pipelines.deployment.profiling_report import write_report
from asl.pipelines.translation.live import LiveFigures
from asl.pipelines.workspace.errors import BadInput
from tests.running_asl import result, run_asl
from tests.video_files import film


@pytest.fixture
def word(real_data) -> Path:
    return real_data / "videos" / "words" / "coffee.mp4"


def glosses(text: str) -> list[str]:
    return [json.loads(line)["gloss"] for line in text.splitlines()]


def as_transport_stream(video: Path) -> bytes:
    """The same pictures in a container that a pipe can carry."""
    out = io.BytesIO()
    with av.open(str(video)) as source, av.open(out, "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return out.getvalue()


@pytest.mark.slow
def test_a_real_clip_live_from_a_file_and_from_a_pipe(word, tmp_path):
    whole = run_asl("translate", word, "--format", "json", cwd=tmp_path, check=0)
    read = result(whole)["clips"][0]["glosses"]
    live = run_asl("translate", word, "--live", "--no-pace", "--format", "json", cwd=tmp_path, check=0)
    assert glosses(live.stdout) == read
    assert "dropped 0" in live.stderr
    data = as_transport_stream(word)
    command = [sys.executable, "-m", "asl", "translate", "--stream", "-", "--no-pace", "--format", "json"]
    piped = subprocess.run(command, input=data, capture_output=True, timeout=120, cwd=tmp_path)
    assert piped.returncode == 0, piped.stderr
    assert glosses(piped.stdout.decode()) == read
    as_it_is = run_asl("translate", "-", "--no-pace", "--format", "json", cwd=tmp_path, stdin=word.read_bytes(), check=0)
    assert as_it_is.stdout == live.stdout, "an MP4 file with its index at the end"


def test_a_stream_says_at_its_end_what_was_wrong_with_it():
    assert shortcomings(LiveFigures(frames=100, dropped=20), words=3) == []
    assert "no sign was recognised in 100 frames" in shortcomings(LiveFigures(frames=100), words=0)[0]
    assert "60 of 110 frames were dropped" in shortcomings(LiveFigures(frames=50, dropped=60), words=1)[0]
    assert shortcomings(LiveFigures(), words=0) == ["the stream had no frames"]


def test_a_stream_that_is_no_video_has_an_error_and_no_figures(tmp_path):
    done = run_asl("translate", "-", "-q", cwd=tmp_path, stdin=b"nothing of the kind" * 100, check=2)
    assert done.stderr.startswith("error: there is no video on stdin")


def test_a_film_without_a_signer_says_that_no_sign_was_recognised(tmp_path):
    done = run_asl("translate", film(tmp_path / "empty.mp4", frames=12), "--live", "--no-pace", cwd=tmp_path, check=0)
    assert done.stdout == ""
    assert "warning: no sign was recognised in 12 frames" in done.stderr


@pytest.mark.parametrize("options", [("-o", "clip.mp4"), ("-o", "first.html", "--compare", "first.json"), ("-o", "mine.html")])
def test_a_profile_replaces_neither_its_inputs_nor_what_somebody_wrote(tmp_path, options):
    for name in ("clip.mp4", "first.json", "mine.html"):
        (tmp_path / name).write_text(name)
    done = run_asl("profile", "clip.mp4", *options, cwd=tmp_path, check=2)
    assert "is an input of this command" in done.stderr or "asl did not write it" in done.stderr
    assert all(path.read_text() == path.name for path in tmp_path.iterdir())


@pytest.mark.slow
def test_a_profile_of_a_real_clip(word, tmp_path):
    page = tmp_path / "first.html"
    made = result(run_asl("profile", word, "-o", page, "--format", "json", cwd=tmp_path, check=0))
    assert set(made["steps"]) == {"video", "keypoints", "features", "encoder", "decoder", "post", "total"}
    assert all(0 <= one["p50"] <= one["p95"] <= one["p99"] for one in made["steps"].values())
    assert made["steps"]["keypoints"]["p50"] > made["steps"]["encoder"]["p50"] > 0
    assert {(one["decoder"], one["mode"]) for one in made["variants"]} == {
        (decoder, mode) for decoder in ("greedy", "ctc-beam") for mode in ("stream", "batch")
    }
    assert made["cold_start_seconds"] > 0
    parts = made["tracker"]
    assert set(parts) == {"body", "hands", "face"}
    assert 0 < parts["body"]["p50"] < made["steps"]["keypoints"]["p50"] < sum(part["p99"] for part in parts.values()) + 5
    assert "Time per frame" in page.read_text()
    write_report(tmp_path / "second.html", made, read_profile(page.with_suffix(".json")))
    assert "earlier p50" in (tmp_path / "second.html").read_text()


def test_what_cannot_be_profiled(word, tmp_path):
    import torch

    if not torch.cuda.is_available():
        assert "nothing was profiled" in run_asl("profile", word, "--device", "cuda", cwd=tmp_path, check=1).stderr
    else:
        assert "runs on the CPU" in run_asl("profile", word, "--device", "cuda", cwd=tmp_path, check=2).stderr
    assert "there is no" in run_asl("profile", "nowhere.mp4", cwd=tmp_path, check=2).stderr
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(BadInput, match="is not a profile"):
        read_profile(tmp_path / "x.json")
