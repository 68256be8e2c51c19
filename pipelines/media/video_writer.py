"""Writing pictures as a video file, atomically, with the sound of another file (PyAV)."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from asl.pipelines.media.sound import Sound
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import UNFINISHED_FILE

TIME_BASE = Fraction(1, 90_000)
H264 = ("libx264", "libopenh264", "mpeg4")
#: Encoders of WebM, the best first. VP9 in constant quality; its default speed takes seconds for a frame.
VP9 = ("libvpx-vp9", "libvpx")


@dataclass(frozen=True)
class VideoFormat:
    """A container, the encoders that suit it, and their options."""

    container: str
    codecs: tuple[str, ...]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def codec(self) -> str | None:
        """The first of the encoders that this PyAV has."""
        return next((name for name in self.codecs if name in av.codecs_available), None)


_WEBM_OPTIONS = {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "5"}
FORMATS = {
    ".mp4": VideoFormat("mp4", H264),
    ".mov": VideoFormat("mov", H264),
    ".mkv": VideoFormat("matroska", H264),
    ".webm": VideoFormat("webm", VP9, _WEBM_OPTIONS),
}


def video_format(path: Path) -> VideoFormat:
    """The format that a file's ending names. Raises BadInput if videos are not written in it."""
    known = FORMATS.get(path.suffix.lower())
    if known is None or known.codec is None:
        endings = ", ".join(ending for ending, format in FORMATS.items() if format.codec)
        raise BadInput(f"{path}: videos are not written as '{path.suffix}'", f"choose one of these endings: {endings}")
    return known


class VideoWriter:
    """Context manager that writes a video: `with VideoWriter(path, fps) as video: video.write(picture)`.

    sound: a file whose sound is added, in step with the pictures. On an error, no file is left. The encoder uses one thread,
    so that equal pictures give equal files. Raises BadInput if the ending of the path is none of FORMATS.
    """

    def __init__(self, path: Path, fps: float, sound: Path | None = None):
        self._path, self._fps, self._stream, self._count = path, fps, None, 0
        self._format, self._sound_file, self._sound = video_format(path), sound, None
        self._temporary = path.with_name(f"{UNFINISHED_FILE}{path.name}.tmp")

    @property
    def sound_problem(self) -> str:
        """Why the sound is missing or incomplete, or ""."""
        return self._sound.problem if self._sound else ""

    def __enter__(self) -> "VideoWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Matroska would write random numbers.
        self._container = av.open(str(self._temporary), "w", format=self._format.container, options={"fflags": "+bitexact"})
        return self

    def write(self, picture: np.ndarray, time: float | None = None) -> None:
        """Adds a picture, (H, W, 3) uint8 RGB, at `time` seconds; without a time, at the frame rate."""
        picture = _even(picture)
        if self._stream is None:
            self._add_streams(picture)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        seconds = self._count / self._fps if time is None else time
        frame.pts, frame.time_base = round(seconds / TIME_BASE), TIME_BASE
        self._container.mux(self._stream.encode(frame))
        if self._sound:
            self._sound.write_until(seconds)
        self._count += 1

    def _add_streams(self, picture: np.ndarray) -> None:
        rate = Fraction(self._fps).limit_denominator(1001)
        stream = self._container.add_stream(self._format.codec, rate=rate, options=dict(self._format.options))
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", TIME_BASE
        stream.codec_context.thread_count = 1
        self._stream = stream
        if self._sound_file:
            self._sound = Sound(self._sound_file, self._container)

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None and self._stream is not None:
                self._container.mux(self._stream.encode())
                if self._sound:
                    self._sound.write_until(float("inf"))
            self._container.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            if self._sound:
                self._sound.close()
            self._temporary.unlink(missing_ok=True)


def _even(picture: np.ndarray) -> np.ndarray:
    """Cropped to even sides, which H.264 requires."""
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
