"""Videos annotated with the signer's skeleton and captions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from asl.models.features.holistic import Landmarks
from asl.pipelines.media.drawing import caption_height, caption_strip, draw_skeleton
from asl.pipelines.media.video import Frame, frames
from asl.pipelines.media.video_writer import VideoWriter

MAX_SIDE = 1280
#: Width in pixels of the blank picture for clips without a video.
BLANK_WIDTH = 640


@dataclass(frozen=True)
class Caption:
    """What stands above the signer from `start` up to `end` (seconds): a line, and a smaller one below it."""

    start: float
    end: float
    text: str
    detail: str = ""


def draw_overlay(path: Path, source: Path, landmarks: Landmarks, captions: Sequence[Caption]) -> None:
    """Writes the annotated video of a clip (a video or a `.pose` file); on a failure nothing is left at `path`.

    Captions have a strip of their own above the picture: they hide no hands, and a player's controls do not hide them.
    """
    with VideoWriter(path, landmarks.fps) as video:
        for frame in _pictures(source, landmarks):
            image = Image.fromarray(frame.picture)
            draw_skeleton(image, landmarks.points[min(round(frame.time * landmarks.fps), len(landmarks) - 1)])
            caption = next((caption for caption in captions if caption.start <= frame.time < caption.end), None)
            video.write(np.asarray(_captioned(image, caption)), frame.time)


def _captioned(image: Image.Image, caption: Caption | None) -> Image.Image:
    text, detail = (caption.text, caption.detail) if caption else ("", "")
    strip = caption_height(*image.size)
    canvas = Image.new("RGB", (image.width, image.height + strip))
    canvas.paste(caption_strip(*image.size, text, detail), (0, 0))
    canvas.paste(image, (0, strip))
    return canvas


def _pictures(source: Path, landmarks: Landmarks) -> Iterator[Frame]:
    if source.suffix.lower() != ".pose":
        yield from frames(source, max_side=MAX_SIDE)
        return
    blank = np.full((max(2, round(BLANK_WIDTH / landmarks.aspect)), BLANK_WIDTH, 3), 40, dtype=np.uint8)
    for index in range(len(landmarks)):
        yield Frame(index / landmarks.fps, blank.copy())
