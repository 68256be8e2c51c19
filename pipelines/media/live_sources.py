"""Where a live picture comes from: a camera, a stream on stdin, or a file at its own pace."""

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

from asl.pipelines.media.video import Frame, frames, picture_of, probe, scaled
from asl.pipelines.workspace.errors import AslError, BadClip, BadInput

#: A raw picture: this many bytes a pixel, red green blue.
CHANNELS = 3
MAX_RAW_SIDE = 8192


@dataclass(frozen=True)
class FileSource:
    """A video file, its frames at their own times."""

    path: Path
    max_side: int

    @property
    def fps(self) -> float:
        """Raises BadInput: no such file, or no video."""
        try:
            return probe(self.path).fps
        except BadClip as bad:
            raise BadInput(f"{self.path}: {bad.message}", "name a video; --live plays one") from bad

    def frames(self) -> Iterator[Frame]:
        """Raises AslError: damaged or cut off."""
        try:
            yield from frames(self.path, max_side=self.max_side)
        except BadClip as bad:
            raise AslError(f"{self.path}: {bad.message}", "what was recognised before stands") from bad


@dataclass(frozen=True)
class CameraSource:
    """A camera by its number, as OpenCV counts them."""

    number: int
    max_side: int
    fps = None

    def frames(self) -> Iterator[Frame]:
        """Raises BadInput: no such camera; AslError: it disappeared."""
        with _silent_opencv() as cv2, _camera(cv2, self.number) as camera:
            begun = time.perf_counter()
            while True:
                there, picture = camera.read()
                if not there:
                    raise AslError(f"camera {self.number} stopped giving pictures", "is it still plugged in?")
                yield Frame(time.perf_counter() - begun, scaled(np.ascontiguousarray(picture[..., ::-1]), self.max_side))


@contextmanager
def _silent_opencv() -> Iterator[Any]:
    import cv2  # MediaPipe brings it

    cv2.setLogLevel(0)
    yield cv2


def check_camera(number: int) -> None:
    """Raises BadInput where it can be seen at once that there is no such camera."""
    if sys.platform == "linux" and not Path(f"/dev/video{number}").exists():
        known = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
        raise BadInput(f"there is no camera {number}", f"there are: {', '.join(known)}" if known else "no camera is plugged in")


@contextmanager
def _camera(cv2, number: int) -> Iterator[Any]:
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise BadInput(f"camera {number} cannot be opened", "is it used by another program, and may you use it?")
        yield camera
    finally:
        camera.release()


@dataclass(frozen=True)
class ContainerSource:
    """A video container (MPEG-TS, Matroska, fragmented MP4…) from a pipe. Frames have the container's times, else those at which
    they are read."""

    stream: BinaryIO
    max_side: int
    fps = None

    def frames(self) -> Iterator[Frame]:
        """Raises BadInput: no video in it; AslError: it broke off in the middle of a frame."""
        count = 0
        try:
            with av.open(self.stream, metadata_errors="replace") as container:
                if not container.streams.video:
                    raise BadInput("there is no video in the stream", "raw pictures need --raw WIDTHxHEIGHT")
                begun, first, last = time.perf_counter(), None, -1.0
                for frame in container.decode(container.streams.video[0]):
                    count += 1
                    first = frame.time if first is None else first
                    at = time.perf_counter() - begun if frame.time is None else frame.time - first
                    if at > last:
                        last = at
                        yield Frame(at, picture_of(frame, self.max_side))
        except av.error.FFmpegError as error:
            if not count:
                raise BadInput(f"stdin is no video: {error.strerror or error}", "raw pictures need --raw WIDTHxHEIGHT") from error
            raise AslError(f"the stream broke off after {count} frames", "what was recognised stands") from error


@dataclass(frozen=True)
class RawSource:
    """Raw pictures from a pipe, red green blue, one byte each. fps: their rate; without it, they are of when they are read."""

    stream: BinaryIO
    width: int
    height: int
    max_side: int
    fps: float | None = None

    def frames(self) -> Iterator[Frame]:
        """Raises AslError: the stream ended in the middle of a frame."""
        size, count, begun = self.width * self.height * CHANNELS, 0, time.perf_counter()
        while data := _exactly(self.stream, size):
            if len(data) < size:
                raise AslError(f"the stream ended in the middle of frame {count + 1}", "what was recognised stands")
            picture = np.frombuffer(data, np.uint8).reshape(self.height, self.width, CHANNELS)
            yield Frame(count / self.fps if self.fps else time.perf_counter() - begun, scaled(picture, self.max_side))
            count += 1


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """As many bytes, or fewer at the end: a pipe gives what it has."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def raw_format(text: str) -> tuple[int, int, float | None]:
    """'640x360' → (640, 360, None), '640x360@25' → (640, 360, 25.0). Raises BadInput."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})(?:@(\d{1,3}(?:\.\d+)?))?", text.lower())
    width, height, fps = found.groups() if found else ("0", "0", None)
    sizes = int(width), int(height)
    if not all(0 < one <= MAX_RAW_SIDE for one in sizes) or (fps and not float(fps)):
        raise BadInput(f"'{text}' is no picture size", "for example --raw 640x360, or with frames a second --raw 640x360@25")
    return *sizes, float(fps) if fps else None
