"""Videos decoded frame by frame, with their true times and the right way up (SPEC §1; PyAV)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from asl.pipelines.workspace.errors import BadClip

MAX_SIDE = 8192
#: Of the length that the header announces, this share must be there, or the file was cut off.
WHOLE_SHARE = 0.9
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Frame:
    """time: seconds from the start of the file. picture: (H, W, 3) uint8 RGB, upright."""

    time: float
    picture: np.ndarray


@dataclass(frozen=True)
class VideoInfo:
    """What the header says. seconds is 0 where it does not say."""

    width: int
    height: int
    fps: float
    seconds: float


def probe(path: Path) -> VideoInfo:
    """The header of a video. Raises BadClip: empty, unreadable, not a video, audio only, too large."""
    with _opened(path) as container:
        return _info(container.streams.video[0], container)


def frames(path: Path, *, max_side: int, start: float = 0.0, end: float | None = None) -> Iterator[Frame]:
    """The frames of a video from start up to end (seconds), scaled down to max_side, in order of time.

    Raises BadClip as `probe` does, and when the file turns out to be cut off.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        info = _info(stream, container)
        stream.thread_type = "NONE"  # one worker process a core already
        yield from _decoded(container, stream, info, max_side, start, end)


def _opened(path: Path):
    try:
        if path.is_dir():
            raise BadClip("not-a-file", "a folder, not a video")
        if path.stat().st_size == 0:
            raise BadClip("empty-file", "the file is empty")
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise BadClip("not-a-video", f"not a video, or cut off: {error.strerror or error}") from error
    except OSError as error:
        raise BadClip("unreadable", error.strerror or str(error)) from error
    if not container.streams.video:
        container.close()
        raise BadClip("no-video", "there is only sound in it" if container.streams.audio else "there is no video in it")
    return container


def _info(stream, container) -> VideoInfo:
    context = stream.codec_context
    width, height = context.width, context.height
    if max(width, height) > MAX_SIDE:
        raise BadClip("too-large", f"pictures of {width}×{height}; at most {MAX_SIDE} a side")
    if min(width, height) < 1:
        raise BadClip("not-a-video", "the video has no picture size")
    rate = stream.average_rate or stream.guessed_rate
    seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
    seconds = seconds or (container.duration or 0) / av.time_base
    return VideoInfo(width, height, float(rate) if rate else DEFAULT_FPS, seconds)


def _decoded(container, stream, info: VideoInfo, max_side: int, start: float, end: float | None) -> Iterator[Frame]:
    first, last, count = None, -np.inf, 0
    try:
        for frame in container.decode(stream):
            count += 1
            time = frame.time if frame.time is not None else count / info.fps
            first = time if first is None else first
            time -= first
            if end is not None and time >= end:
                return
            if time <= last or time < start - 1e-6:
                continue
            last = time
            yield Frame(time, picture_of(frame, max_side))
    except av.error.FFmpegError as error:
        raise BadClip("cut-off", f"damaged or cut off after {count} frames") from error
    if count == 0:
        raise BadClip("no-frames", "no frame in it could be decoded")
    announced = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if last + 1 / info.fps < WHOLE_SHARE * announced:
        raise BadClip("cut-off", f"cut off: {last:.1f} of {announced:.1f} s are there")


def picture_of(frame, max_side: int) -> np.ndarray:
    """A decoded frame as (H, W, 3) uint8 RGB, upright, scaled down to max_side."""
    scale = min(1.0, max_side / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture = frame.to_ndarray(format="rgb24", width=width, height=height)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def scaled(picture: np.ndarray, max_side: int) -> np.ndarray:
    """(H, W, 3) uint8 → the same, scaled down to max_side where it is larger."""
    if max(picture.shape[:2]) <= max_side:
        return picture
    return picture_of(av.VideoFrame.from_ndarray(picture, format="rgb24"), max_side)


def nominal_fps(times: np.ndarray) -> float:
    """The frame rate of (T,) times in seconds, from their median step."""
    return 1.0 / float(np.median(np.diff(times))) if len(times) > 1 else DEFAULT_FPS


def is_even(times: np.ndarray) -> bool:
    """Whether frames come at a constant rate: none is more than a fifth of a step from its place."""
    if len(times) < 3:
        return True
    step = float(np.median(np.diff(times)))
    mean_step = (times[-1] - times[0]) / (len(times) - 1)
    return abs(mean_step / step - 1) < 0.02 and bool(np.abs(np.diff(times) - step).max() < 0.2 * step)
