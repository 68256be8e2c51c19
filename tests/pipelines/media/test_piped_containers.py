import io
from pathlib import Path

import pytest

from asl.pipelines.media.live_sources import ContainerSource, RawSource
from asl.pipelines.media.piped_containers import open_container
from asl.pipelines.workspace.errors import BadInput
from tests.video_files import film


class Pipe(io.RawIOBase):
    """Bytes that can be read once, in order."""

    def __init__(self, data: bytes):
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


@pytest.mark.parametrize(
    ("name", "options", "spooled"),
    [
        ("index-at-the-end.mp4", {}, True),
        ("index-at-the-end.mov", {}, True),
        ("index-first.mp4", {"movflags": "faststart"}, False),
        ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"}, False),
        ("matroska.mkv", {}, False),
        ("transport.ts", {}, False),
    ],
)
def test_containers_are_read_from_a_pipe(tmp_path, name, options, spooled):
    data = film(tmp_path / name, frames=30, width=320, height=240, options=options).read_bytes()
    with open_container(Pipe(data)) as opened:
        assert opened.seekable() == spooled
        assert opened.read() if spooled else all(iter(lambda: opened.read(999), b""))
    frames = list(ContainerSource(Pipe(data), 640).frames())
    assert len(frames) == 30
    assert [round(frame.time, 2) for frame in frames[:3]] == [0.0, 0.04, 0.08]


def test_nothing_of_a_stream_is_lost_by_looking_at_its_start(tmp_path):
    data = film(tmp_path / "x.mp4", options={"movflags": "faststart"}).read_bytes()
    for stream in (data, data[:20], b"12345", b"\0\0\0\0ftypabcdefgh", (1 << 31).to_bytes(4, "big") + b"free" + bytes(100)):
        opened = open_container(Pipe(stream))
        assert b"".join(iter(lambda opened=opened: opened.read(7), b"")) == stream


def test_an_empty_stdin_is_said_to_be_empty(asl, tmp_path: Path):
    for source in (ContainerSource(Pipe(b""), 640), RawSource(Pipe(b""), 4, 4, 640)):
        with pytest.raises(BadInput, match="it is empty") as caught:
            next(source.frames())
        assert caught.value.hint
    assert "there is no video on stdin: it is empty" in asl("translate", "-", cwd=tmp_path, check=2).stderr
