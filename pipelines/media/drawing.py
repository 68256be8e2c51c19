"""Skeletons and captions drawn on pictures (Pillow)."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from asl.models.features.holistic import FACE, LEFT_HAND, POSE, RIGHT_HAND
from asl.pipelines.media.pose_files import BODY_BONES, HAND_BONES

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
    """(543, 3) landmarks → JPEG of the skeleton alone, for clips that came without a picture."""
    width, height = (THUMBNAIL_SIDE, THUMBNAIL_SIDE / aspect) if aspect >= 1 else (THUMBNAIL_SIDE * aspect, THUMBNAIL_SIDE)
    image = Image.new("RGB", (max(1, round(width)), max(1, round(height))), (38, 42, 48))
    draw_skeleton(image, points)
    return _jpeg(image)


def draw_skeleton(image: Image.Image, points: np.ndarray) -> None:
    """Draws (543, 3) landmarks in image widths over an image, in place; what was not seen is not drawn."""
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


def draw_caption(image: Image.Image, text: str, detail: str = "") -> None:
    """A caption in a dark band along the lower edge, with a smaller second line."""
    size = max(12, image.height // 14)
    big, small = _font(size), _font(max(10, size * 2 // 3))
    band = round(size * (2.4 if detail else 1.6))
    shade = Image.new("RGBA", (image.width, band), (0, 0, 0, 170))
    image.paste(shade.convert("RGB"), (0, image.height - band), shade.getchannel("A"))
    draw = ImageDraw.Draw(image)
    draw.text((image.width / 2, image.height - band + size * 0.85), text, font=big, fill="white", anchor="mm")
    if detail:
        draw.text((image.width / 2, image.height - size * 0.6), detail, font=small, fill=(200, 200, 200), anchor="mm")


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
