"""Cameras and pipes that are missing or break off."""

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asl.pipelines.media.live_sources import CameraSource, ContainerSource, FileSource, RawSource, raw_format
from asl.pipelines.workspace.errors import AslError, BadInput
from tests.video_files import film


class Camera:
    """A fake camera that returns some pictures, in BGR order as OpenCV does, and is then disconnected."""

    def __init__(self, pictures: int, opened: bool = True):
        self.left, self.opened, self.released = pictures, opened, False

    def isOpened(self) -> bool:
        return self.opened

    def read(self):
        self.left -= 1
        return (True, np.full((48, 64, 3), (1, 2, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def connected(monkeypatch):
    """Connects a camera as number 0 for the duration of a test."""

    def connect(camera: Camera) -> CameraSource:
        cv2 = SimpleNamespace(VideoCapture=lambda number: camera, setLogLevel=lambda level: None)
        monkeypatch.setitem(sys.modules, "cv2", cv2)
        return CameraSource(0, 32)

    return connect


def test_a_disconnected_camera_has_returned_its_pictures(connected):
    camera = Camera(3)
    frames = connected(camera).frames()
    seen = [next(frames) for _ in range(3)]
    assert seen[0].picture.shape == (24, 32, 3)
    assert tuple(seen[0].picture[0, 0]) == (3, 2, 1)
    assert 0 <= seen[0].time <= seen[2].time
    with pytest.raises(AslError, match="stopped sending frames"):
        next(frames)
    assert camera.released


def test_a_camera_that_cannot_be_opened(connected):
    with pytest.raises(BadInput, match="cannot be opened"):
        next(connected(Camera(0, opened=False)).frames())


def test_raw_frames_are_complete_or_reported():
    picture = np.arange(4 * 2 * 3, dtype=np.uint8)
    frames = list(RawSource(io.BytesIO(picture.tobytes() * 2), 4, 2, 100).frames())
    assert len(frames) == 2
    np.testing.assert_array_equal(frames[1].picture.ravel(), picture)
    broken = RawSource(io.BytesIO(picture.tobytes() + b"half"), 4, 2, 100).frames()
    next(broken)
    with pytest.raises(AslError, match="middle of frame 2"):
        next(broken)


def test_sizes_and_rates_of_raw_frames():
    assert raw_format("640x360") == (640, 360, None)
    assert raw_format("640x360@12.5") == (640, 360, 12.5)
    for text in ("", "640", "0x3", "-1x3", "9999999x2", "axb", "4x4@0", "4x4@"):
        with pytest.raises(BadInput, match="not a frame size"):
            raw_format(text)
    frames = list(RawSource(io.BytesIO(bytes(4 * 2 * 3 * 3)), 4, 2, 100, 10.0).frames())
    assert [frame.time for frame in frames] == [0.0, 0.1, 0.2]


def test_an_mp4_file_with_its_index_at_the_end_is_read_from_a_pipe(tmp_path: Path):
    clip = film(tmp_path / "a.mp4", frames=50, width=320, height=240, coding={"qp": "0"})
    assert clip.stat().st_size > 1 << 16  # more than FFmpeg holds in memory, and could go back in
    with subprocess.Popen(["cat", clip], stdout=subprocess.PIPE) as pipe:
        assert len(list(ContainerSource(pipe.stdout, 640).frames())) == 50


def test_input_that_is_not_a_video(tmp_path: Path):
    with pytest.raises(BadInput, match="no video"):
        next(ContainerSource(io.BytesIO(b"nothing of the kind" * 100), 640).frames())
    with pytest.raises(BadInput, match=r"nowhere\.mp4"):
        _ = FileSource(tmp_path / "nowhere.mp4", 640).fps
