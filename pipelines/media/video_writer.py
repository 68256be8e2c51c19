"""Writing pictures as an mp4 file, atomically (PyAV)."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from asl.pipelines.workspace.files import UNFINISHED_FILE

TIME_BASE = Fraction(1, 90_000)
CODECS = ("libx264", "libopenh264", "mpeg4")


class VideoWriter:
    """Context manager that writes a video: `with VideoWriter(path, fps) as video: video.write(picture)`.

    On an error, no file is left. The encoder uses one thread, so that equal pictures give equal files.
    """

    def __init__(self, path: Path, fps: float):
        self._path, self._fps, self._stream, self._count = path, fps, None, 0
        self._temporary = path.with_name(f"{UNFINISHED_FILE}{path.name}.tmp")

    def __enter__(self) -> "VideoWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._temporary), "w", format="mp4")
        return self

    def write(self, picture: np.ndarray, time: float | None = None) -> None:
        """Adds a picture, (H, W, 3) uint8 RGB, at `time` seconds; without a time, at the frame rate."""
        picture = _even(picture)
        if self._stream is None:
            self._stream = self._add_stream(picture)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        seconds = self._count / self._fps if time is None else time
        frame.pts, frame.time_base = round(seconds / TIME_BASE), TIME_BASE
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def _add_stream(self, picture: np.ndarray):
        codec = next(name for name in CODECS if name in av.codecs_available)
        stream = self._container.add_stream(codec, rate=Fraction(self._fps).limit_denominator(1001))
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt, stream.time_base = "yuv420p", TIME_BASE
        stream.codec_context.thread_count = 1
        return stream

    def __exit__(self, kind, *_) -> None:
        try:
            if kind is None and self._stream is not None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._temporary.unlink(missing_ok=True)


def _even(picture: np.ndarray) -> np.ndarray:
    """Cropped to even sides, which H.264 requires."""
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
