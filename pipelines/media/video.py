"""Decoding of videos frame by frame, with presentation times and upright pictures (SPEC §1; PyAV)."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from asl.pipelines.workspace.errors import BadClip

FIRST_LENIENT_PYAV = 19
MAX_SIDE = 8192
#: Minimum share of the duration in the header that must be decodable; otherwise the file counts as cut off.
MIN_DECODED_SHARE = 0.9
DEFAULT_FPS = 25.0
#: Times are compared with this tolerance, seconds.
TIME_TOLERANCE = 1e-6
#: A frame that comes this share of a period too early counts for the period: time stamps are rounded, in WebM to milliseconds.
PERIOD_TOLERANCE = 0.1
#: Containers with an index of key frames, in which a range may be decoded from the key frame before it.
INDEXED_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
#: Ranges that begin earlier are reached by decoding from the start, which takes no longer.
SEEK_FROM_SECONDS = 2.0
#: How far before a time to look for a key frame: further if the one that is found is after it.
SEEK_MARGINS_SECONDS = (0.0, 2.0, 20.0)


@dataclass(frozen=True)
class Frame:
    """A frame of a video. time: seconds from the start of the file. picture: (H, W, 3) uint8 RGB, upright."""

    time: float
    picture: np.ndarray


@dataclass(frozen=True)
class VideoInfo:
    """The header of a video. seconds: its duration, 0 if unknown."""

    width: int
    height: int
    fps: float
    seconds: float


def probe(path: Path) -> VideoInfo:
    """Reads the header of a video. Raises BadClip if it is empty, unreadable, not a video, audio only, or too large."""
    with _open(path) as container:
        return _info(container.streams.video[0], container)


def frames(path: Path, *, max_side: int, start: float = 0.0, end: float | None = None) -> Iterator[Frame]:
    """The frames of a video from `start` up to `end` (seconds), scaled down to max_side, in order of time.

    Raises BadClip as `probe` does, and if the file is cut off.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        info = _info(stream, container)
        stream.thread_type = "NONE"  # there is already one worker process per core
        yield from _decode(container, stream, info, max_side, start, end)


def open_media(file):
    """A media file, by name or opened, for reading. Metadata that are not UTF-8 are no reason to refuse it.

    PyAV before version 19 raises an error for these unless it is told otherwise; later versions have no such option.
    """
    lenient = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < FIRST_LENIENT_PYAV else {}
    return av.open(file, **lenient)


def _open(path: Path):
    try:
        if path.is_dir():
            raise BadClip("not-a-file", "it is a folder, not a video")
        if path.stat().st_size == 0:
            raise BadClip("empty-file", "the file is empty")
        container = open_media(str(path))
    except av.error.FFmpegError as error:
        raise BadClip("not-a-video", f"it is not a video, or it is cut off: {error.strerror or error}") from error
    except OSError as error:
        raise BadClip("unreadable", error.strerror or str(error)) from error
    if not container.streams.video:
        container.close()
        raise BadClip("no-video", "it contains only audio" if container.streams.audio else "it contains no video")
    return container


def _info(stream, container) -> VideoInfo:
    context = stream.codec_context
    width, height = context.width, context.height
    if max(width, height) > MAX_SIDE:
        raise BadClip("too-large", f"the frames are {width}×{height}; the maximum is {MAX_SIDE} per side")
    if min(width, height) < 1:
        raise BadClip("not-a-video", "the video has no frame size")
    rate = stream.average_rate or stream.guessed_rate
    seconds = float(stream.duration * stream.time_base) if stream.duration else 0.0
    seconds = seconds or (container.duration or 0) / av.time_base
    return VideoInfo(width, height, float(rate) if rate else DEFAULT_FPS, seconds)


def _decode(container, stream, info: VideoInfo, max_side: int, start: float, end: float | None) -> Iterator[Frame]:
    last, decoded = -np.inf, -np.inf
    try:
        for time, frame in _timed(container, stream, info, start):
            decoded = max(decoded, time)
            if end is not None and time >= end:
                return
            if time <= last or time < start - TIME_TOLERANCE:
                continue
            last = time
            yield Frame(time, frame_picture(frame, max_side))
    except av.error.FFmpegError as error:
        raise BadClip("cut-off", f"it is damaged or cut off after {max(decoded, 0.0):.1f} s") from error
    if decoded == -np.inf:
        raise BadClip("no-frames", "no frame could be decoded")
    duration = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if decoded + 1 / info.fps < MIN_DECODED_SHARE * duration:
        raise BadClip("cut-off", f"it is cut off: only {decoded:.1f} of {duration:.1f} s can be decoded")
    if last == -np.inf:
        raise BadClip("empty-range", f"it ends at {decoded:.1f} s, before the start of the range at {start:.1f} s")


def _timed(container, stream, info: VideoInfo, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """The frames with their times in seconds after the first frame, from a key frame before `start` where there is an index."""
    decoded = container.decode(stream)
    first = next(decoded, None)
    if first is None:
        return
    if first.time is not None and start > SEEK_FROM_SECONDS and container.format.name in INDEXED_FORMATS:
        decoded = _from_key_frame(container, stream, first.time + start)
    else:
        decoded = itertools.chain([first], decoded)
    for count, frame in enumerate(decoded, 1):
        time = frame.time if frame.time is not None else count / info.fps
        yield time - (first.time if first.time is not None else 1 / info.fps), frame


def _from_key_frame(container, stream, time: float) -> Iterator[av.VideoFrame]:
    """Decodes from the last key frame that is shown at `time` or before, seconds; from the start if none can be found.

    Frames that are shown before their key frame may refer to pictures that were skipped, and are not decoded correctly.
    """
    for margin in SEEK_MARGINS_SECONDS:
        container.seek(max(0, round((time - margin) / stream.time_base)), stream=stream)
        decoded = itertools.dropwhile(lambda frame: not frame.key_frame, container.decode(stream))
        key_frame = next(decoded, None)
        if key_frame is not None and key_frame.time is not None and key_frame.time <= time + TIME_TOLERANCE:
            return itertools.chain([key_frame], decoded)
    container.seek(0, stream=stream)
    return container.decode(stream)


def thinned(decoded: Iterable[Frame], fps: float) -> Iterator[Frame]:
    """The first frame of every period of 1/fps seconds."""
    first, last_period = None, -1
    for frame in decoded:
        first = frame.time if first is None else first
        period = math.floor((frame.time - first) * fps + PERIOD_TOLERANCE)
        if period > last_period:
            last_period = period
            yield frame


def frame_picture(frame, max_side: int) -> np.ndarray:
    """A decoded frame as (H, W, 3) uint8 RGB, upright, scaled down to max_side."""
    scale = min(1.0, max_side / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture = frame.to_ndarray(format="rgb24", width=width, height=height)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def scale_down(picture: np.ndarray, max_side: int) -> np.ndarray:
    """(H, W, 3) uint8, scaled down if a side is larger than max_side."""
    if max(picture.shape[:2]) <= max_side:
        return picture
    return frame_picture(av.VideoFrame.from_ndarray(picture, format="rgb24"), max_side)


def nominal_fps(times: np.ndarray) -> float:
    """The frame rate of (T,) times in seconds, from their median interval."""
    return 1.0 / float(np.median(np.diff(times))) if len(times) > 1 else DEFAULT_FPS


def is_even(times: np.ndarray) -> bool:
    """Whether (T,) times in seconds have a constant rate: no interval differs from the median by more than a fifth."""
    if len(times) < 3:
        return True
    step = float(np.median(np.diff(times)))
    mean_step = (times[-1] - times[0]) / (len(times) - 1)
    return abs(mean_step / step - 1) < 0.02 and bool(np.abs(np.diff(times) - step).max() < 0.2 * step)
