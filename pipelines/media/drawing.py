"""Drawing of skeletons and captions on pictures (Pillow)."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from asl.models.features.holistic import BODY_BONES, FACE, HAND_BONES, LEFT_HAND, POSE, RIGHT_HAND

THUMBNAIL_SIDE = 240
BODY_COLOUR, LEFT_COLOUR, RIGHT_COLOUR, FACE_COLOUR = (245, 245, 245), (60, 150, 255), (255, 120, 60), (255, 220, 90)
_FACE_EVERY = 6


def thumbnail(picture: np.ndarray, points: np.ndarray) -> bytes:
    """(H, W, 3) uint8 and (543, 3) landmarks → JPEG of at most THUMBNAIL_SIDE pixels with the skeleton over it."""
    image = Image.fromarray(picture)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    draw_skeleton(image, points)
    return _jpeg(image)


def skeleton_card(points: np.ndarray, aspect: float) -> bytes:
    """(543, 3) landmarks → JPEG of the skeleton alone, for clips without a picture."""
    width, height = (THUMBNAIL_SIDE, THUMBNAIL_SIDE / aspect) if aspect >= 1 else (THUMBNAIL_SIDE * aspect, THUMBNAIL_SIDE)
    image = Image.new("RGB", (max(1, round(width)), max(1, round(height))), (38, 42, 48))
    draw_skeleton(image, points)
    return _jpeg(image)


def draw_skeleton(image: Image.Image, points: np.ndarray) -> None:
    """Draws (543, 3) landmarks, in image widths, on an image, in place. Absent points are not drawn."""
    draw, scale = ImageDraw.Draw(image), image.width
    thickness = max(1, round(image.width / 220))
    for part, bones, colour in (
        (POSE, BODY_BONES, BODY_COLOUR),
        (LEFT_HAND, HAND_BONES, LEFT_COLOUR),
        (RIGHT_HAND, HAND_BONES, RIGHT_COLOUR),
    ):
        xy = points[part, :2] * scale
        for a, b in bones:
            if np.isfinite(xy[[a, b]]).all():
                draw.line([tuple(xy[a]), tuple(xy[b])], fill=colour, width=thickness)
    for x, y in points[FACE, :2][::_FACE_EVERY] * scale:
        if np.isfinite(x):
            draw.point((x, y), fill=FACE_COLOUR)


def caption_height(width: int, height: int) -> int:
    """Height in pixels of the caption strip of a picture of this size."""
    return round(2.6 * _caption_size(width, height))


def caption_strip(width: int, height: int, text: str = "", detail: str = "") -> Image.Image:
    """A dark strip, `width` × `caption_height(width, height)` pixels, to stand above a picture: a line, and a smaller one below.

    Lines that are too long for the picture are set smaller.
    """
    strip = Image.new("RGB", (width, caption_height(width, height)), (24, 26, 30))
    draw, size = ImageDraw.Draw(strip), _caption_size(width, height)
    for line, line_size, middle, colour in ((text, size, 0.95, "white"), (detail, size * 2 // 3, 2.0, (200, 200, 200))):
        if line:
            draw.text((width / 2, size * middle), line, font=_fitting_font(line, line_size, width), fill=colour, anchor="mm")
    return strip


def _caption_size(width: int, height: int) -> int:
    return max(12, min(height // 14, width // 12))


def _fitting_font(text: str, size: int, width: int) -> ImageFont.FreeTypeFont:
    length = _font(size).getlength(text)
    return _font(size) if length <= 0.96 * width else _font(max(6, int(size * 0.96 * width / length)))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
