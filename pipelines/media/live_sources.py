"""Sources of live video: a camera, a stream on stdin, or a file in real time."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from asl.pipelines.media.piped_containers import open_container
from asl.pipelines.media.video import Frame, frame_picture, frames, open_media, probe, scale_down
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError, BadClip, BadInput

#: Bytes per pixel of a raw frame (red, green, blue).
CHANNELS = 3
MAX_RAW_SIDE = 8192
#: What can be done if no container is recognised on stdin.
NO_CONTAINER = "name the file, or pipe ffmpeg -i CLIP -f mpegts -; raw frames need --raw WIDTHxHEIGHT"


@dataclass(frozen=True)
class FileSource:
    """A video file, with the times of its frames."""

    path: Path
    max_side: int

    @property
    def fps(self) -> float:
        """Frame rate of the file. Raises BadInput if it is missing or not a video."""
        try:
            return probe(self.path).fps
        except BadClip as bad:
            raise BadInput(f"{self.path}: {bad.message}", "name a video file") from bad

    def frames(self) -> Iterator[Frame]:
        """The frames of the file. Raises AslError if it is damaged or cut off."""
        try:
            yield from frames(self.path, max_side=self.max_side)
        except BadClip as bad:
            raise AslError(f"{self.path}: {bad.message}", "everything up to there was translated") from bad


@dataclass(frozen=True)
class CameraSource:
    """A camera, numbered as in OpenCV."""

    number: int
    max_side: int
    fps = None

    def frames(self) -> Iterator[Frame]:
        """The frames of the camera. Raises BadInput if it cannot be opened, AslError if it is disconnected."""
        with _silent_opencv() as cv2, _camera(cv2, self.number) as camera:
            started = time.perf_counter()
            while True:
                has_picture, picture = camera.read()
                if not has_picture:
                    raise AslError(f"camera {self.number} stopped sending frames", "check that it is still connected")
                yield Frame(time.perf_counter() - started, scale_down(np.ascontiguousarray(picture[..., ::-1]), self.max_side))


@contextmanager
def _silent_opencv() -> Iterator[Any]:
    import cv2

    cv2.setLogLevel(0)
    yield cv2


def check_camera(number: int) -> None:
    """Raises BadInput if there is no such camera, as far as this can be checked without opening it."""
    if sys.platform == "linux" and not Path(f"/dev/video{number}").exists():
        cameras = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
        hint = f"available cameras: {', '.join(cameras)}" if cameras else "no camera is connected"
        raise BadInput(f"there is no camera {number}", hint)


@contextmanager
def _camera(cv2, number: int) -> Iterator[Any]:
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise BadInput(f"camera {number} cannot be opened", "check that no other program uses it, and your permissions")
        yield camera
    finally:
        camera.release()


@dataclass(frozen=True)
class ContainerSource:
    """A video container (MPEG-TS, Matroska, MP4, …) from a pipe; an MP4 file with its index at the end is first read to its end.

    Frames have the times of the container, or else the times at which they are read.
    """

    stream: BinaryIO
    max_side: int
    fps = None

    def frames(self) -> Iterator[Frame]:
        """The frames of the stream. Raises BadInput if it contains no video, AslError if it ends within a frame."""
        count = 0
        try:
            with open_container(self.stream) as stream, open_media(stream) as container:
                if not container.streams.video:
                    raise BadInput("there is no video in the stream", "raw frames need --raw WIDTHxHEIGHT")
                started, first, last = time.perf_counter(), None, -1.0
                for frame in container.decode(container.streams.video[0]):
                    count += 1
                    first = frame.time if first is None else first
                    seconds = time.perf_counter() - started if frame.time is None else frame.time - first
                    if seconds > last:
                        last = seconds
                        yield Frame(seconds, frame_picture(frame, self.max_side))
        except av.error.FFmpegError as error:
            if not count:
                reason = error.strerror or error
                raise BadInput(f"there is no video on stdin: {reason}", NO_CONTAINER) from error
            raise AslError(
                f"the stream ended abruptly after {counted(count, 'frame')}", "everything up to there was translated"
            ) from error


@dataclass(frozen=True)
class RawSource:
    """Raw RGB frames from a pipe, one byte per channel. fps: frame rate; without it, frames are timed as they are read."""

    stream: BinaryIO
    width: int
    height: int
    max_side: int
    fps: float | None = None

    def frames(self) -> Iterator[Frame]:
        """The frames of the stream. Raises BadInput if it is empty, AslError if it ends within a frame."""
        size, count, started = self.width * self.height * CHANNELS, 0, time.perf_counter()
        while data := _read(self.stream, size):
            if len(data) < size:
                raise AslError(f"the stream ended in the middle of frame {count + 1}", "everything up to there was translated")
            picture = np.frombuffer(data, np.uint8).reshape(self.height, self.width, CHANNELS)
            yield Frame(count / self.fps if self.fps else time.perf_counter() - started, scale_down(picture, self.max_side))
            count += 1
        if not count:
            raise BadInput("there are no frames on stdin: it is empty", "pipe raw RGB frames into it, for example from ffmpeg")


def _read(stream: BinaryIO, size: int) -> bytes:
    """Reads `size` bytes, or fewer at the end of the stream. A single read of a pipe may return fewer."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def raw_format(text: str) -> tuple[int, int, float | None]:
    """Width, height and frame rate: '640x360' → (640, 360, None), '640x360@25' → (640, 360, 25.0). Raises BadInput."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})(?:@(\d{1,3}(?:\.\d+)?))?", text.lower())
    width, height, fps = match.groups() if match else ("0", "0", None)
    sides = int(width), int(height)
    if not all(0 < side <= MAX_RAW_SIDE for side in sides) or (fps and not float(fps)):
        hint = "write for example --raw 640x360, or with a frame rate --raw 640x360@25"
        raise BadInput(f"'{text}' is not a frame size", hint)
    return *sides, float(fps) if fps else None
