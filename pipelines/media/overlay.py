"""`--overlay`: the video with the signer's skeleton and the glosses drawn on it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from asl.pipelines.media.drawing import draw_caption, draw_skeleton
from asl.pipelines.media.video import Frame, frames
from asl.pipelines.media.video_writer import VideoWriter
from asl.pipelines.recogniser.reading import Token
from asl.pipelines.translation.whole_clips import Translation
from PIL import Image

MAX_SIDE = 1280
#: Of each clip drawn without its video, the picture's width in pixels.
BLANK_WIDTH = 640


def write_overlay(path: Path, translation: Translation) -> None:
    """Writes the annotated video; at the end of a failure nothing is left at `path`."""
    with VideoWriter(path, translation.landmarks.fps) as video:
        for frame in _pictures(translation):
            image = Image.fromarray(frame.picture)
            _annotate(image, frame.time, translation)
            video.write(np.asarray(image), frame.time)


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
