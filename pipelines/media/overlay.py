"""Videos annotated with the signer's skeleton and captions."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from asl.models.features.holistic import Landmarks
from asl.pipelines.media.captions import Caption, CaptionStrip
from asl.pipelines.media.drawing import draw_skeleton
from asl.pipelines.media.video import Frame, frames, probe
from asl.pipelines.media.video_writer import VideoWriter

MAX_SIDE = 1280
#: Width in pixels of the blank picture for clips without a video.
BLANK_WIDTH = 640


def draw_overlay(path: Path, source: Path, landmarks: Landmarks, captions: Sequence[Caption]) -> list[str]:
    """Writes the annotated video of a clip (a video or a `.pose` file); on a failure nothing is left at `path`.

    Captions have a strip of their own above the picture: they hide no hands, and a player's controls do not hide them.
    The sound is kept. Returns what differs from the original: a smaller picture, missing sound. Raises BadInput if videos
    are not written with the ending of `path`.
    """
    is_video, strip = source.suffix.lower() != ".pose", None
    with VideoWriter(path, landmarks.fps, sound=source if is_video else None) as video:
        for frame in _pictures(source, landmarks):
            image = Image.fromarray(frame.picture)
            strip = strip or CaptionStrip(image.size, captions)
            draw_skeleton(image, landmarks.points[min(round(frame.time * landmarks.fps), len(landmarks) - 1)])
            video.write(np.asarray(_joined(strip.at(frame.time), image)), frame.time)
    notes = [video.sound_problem, _scaling(source) if is_video else ""]
    return [note for note in notes if note]


def _joined(strip: Image.Image, image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (image.width, image.height + strip.height))
    canvas.paste(strip, (0, 0))
    canvas.paste(image, (0, strip.height))
    return canvas


def _scaling(source: Path) -> str:
    """How the picture was scaled down, or ""."""
    info = probe(source)
    share = MAX_SIDE / max(info.width, info.height)
    if share >= 1:
        return ""
    return f"the picture was scaled from {info.width}×{info.height} to {round(info.width * share)}×{round(info.height * share)}"


def _pictures(source: Path, landmarks: Landmarks) -> Iterator[Frame]:
    if source.suffix.lower() != ".pose":
        yield from frames(source, max_side=MAX_SIDE)
        return
    blank = np.full((max(2, round(BLANK_WIDTH / landmarks.aspect)), BLANK_WIDTH, 3), 40, dtype=np.uint8)
    for index in range(len(landmarks)):
        yield Frame(index / landmarks.fps, blank.copy())
