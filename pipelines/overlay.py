"""`--overlay`: the video with the signer's skeleton and the glosses drawn on it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from pipelines.drawing import draw_caption, draw_skeleton
from pipelines.recognition import Token
from pipelines.translation import Translation
from pipelines.video import Frame, frames

TIME_BASE = Fraction(1, 90_000)
MAX_SIDE = 1280
CODECS = ("libx264", "libopenh264", "mpeg4")
#: Of each clip drawn without its video, the picture's width in pixels.
BLANK_WIDTH = 640


def write_overlay(path: Path, translation: Translation) -> None:
    """Writes the annotated video; at the end of a failure nothing is left at `path`."""
    temporary = path.with_name(f".writing-{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with av.open(str(temporary), "w", format="mp4") as container:
            _encode(container, translation)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _encode(container, translation: Translation) -> None:
    stream = None
    for frame in _pictures(translation):
        image = Image.fromarray(frame.picture)
        _annotate(image, frame.time, translation)
        picture = _even(np.asarray(image))
        if stream is None:
            stream = _stream(container, picture, translation.landmarks.fps)
        shown = av.VideoFrame.from_ndarray(picture, format="rgb24")
        shown.pts, shown.time_base = round(frame.time / TIME_BASE), TIME_BASE
        container.mux(stream.encode(shown))
    if stream is not None:
        container.mux(stream.encode())


def _stream(container, picture: np.ndarray, fps: float):
    codec = next(name for name in CODECS if name in av.codecs_available)
    stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt, stream.time_base = "yuv420p", TIME_BASE
    return stream


def _pictures(translation: Translation) -> Iterator[Frame]:
    if translation.path.suffix.lower() != ".pose":
        yield from frames(translation.path, max_side=MAX_SIDE)
        return
    found = translation.landmarks
    blank = np.full((max(2, round(BLANK_WIDTH / found.aspect)), BLANK_WIDTH, 3), 40, dtype=np.uint8)
    for index in range(len(found)):
        yield Frame(index / found.fps, blank.copy())


def _annotate(image: Image.Image, time: float, translation: Translation) -> None:
    found = translation.landmarks
    draw_skeleton(image, found.points[min(round(time * found.fps), len(found) - 1)])
    token = _at(translation.tokens, time)
    if token:
        others = "   ".join(f"{gloss} {100 * share:.0f} %" for gloss, share in token.runners_up)
        draw_caption(image, f"{token.gloss}  {100 * token.confidence:.0f} %", others)


def _at(tokens: tuple[Token, ...], time: float) -> Token | None:
    return next((token for token in tokens if token.start <= time < token.end), None)


def _even(picture: np.ndarray) -> np.ndarray:
    """H.264 takes even sides only."""
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
