"""Drawing of skeletons on pictures (Pillow)."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from asl.models.features.holistic import BODY_BONES, FACE, HAND_BONES, LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST

THUMBNAIL_SIDE = 240
BODY_COLOUR, LEFT_COLOUR, RIGHT_COLOUR, FACE_COLOUR = (245, 245, 245), (60, 150, 255), (255, 120, 60), (255, 220, 90)
#: Around all lines, so that white ones are seen before a white wall.
OUTLINE_COLOUR = (20, 22, 26)
_FACE_EVERY = 6
MIN_LINE_WIDTH = 1.4
#: Pillow draws without anti-aliasing: lines are drawn this many times larger, and scaled down.
SUPERSAMPLING = 3


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
    xy = joined_forearms(points)[:, :2] * image.width
    width = max(MIN_LINE_WIDTH, (image.width * image.height) ** 0.5 / 165)
    box = _surroundings(xy, image.size, margin=2 * width + 2)
    if box is None:
        return
    part = image.crop(box)
    # Enlarged without interpolation, so that what no line covers returns as it was.
    large = part.resize((part.width * SUPERSAMPLING, part.height * SUPERSAMPLING), Image.Resampling.NEAREST)
    _draw_lines(ImageDraw.Draw(large), (xy - box[:2]) * SUPERSAMPLING, width * SUPERSAMPLING)
    image.paste(large.reduce(SUPERSAMPLING), box[:2])


def joined_forearms(points: np.ndarray) -> np.ndarray:
    """(…, 543, 3) points, with the wrists of the pose moved to those of the hands that were seen.

    Pose and hands are tracked by different nets, whose wrists lie apart: forearms would end beside the hands.
    """
    joined = points.copy()
    for wrist, hand in ((LEFT_WRIST, LEFT_HAND.start), (RIGHT_WRIST, RIGHT_HAND.start)):
        seen = np.isfinite(points[..., hand, 0])
        joined[..., wrist, :] = np.where(seen[..., None], points[..., hand, :], points[..., wrist, :])
    return joined


def _surroundings(xy: np.ndarray, size: tuple[int, int], margin: float) -> tuple[int, int, int, int] | None:
    """The box of the image that the points and their lines cover, or None if that is nothing."""
    seen = xy[np.isfinite(xy).all(axis=1)]
    if not len(seen):
        return None
    low = np.floor(np.clip(seen.min(axis=0) - margin, 0, size)).astype(int)
    high = np.ceil(np.clip(seen.max(axis=0) + margin, 0, size)).astype(int)
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])) if (high > low).all() else None


def _draw_lines(draw: ImageDraw.ImageDraw, xy: np.ndarray, width: float) -> None:
    """Body and face, then the hands over them. xy, width: in pixels of the canvas."""
    _draw_bones(draw, xy, BODY_BONES, BODY_COLOUR, width)
    for point in xy[FACE][::_FACE_EVERY]:
        if np.isfinite(point).all():
            _draw_dot(draw, point, FACE_COLOUR, 0.7 * width)
    for hand, colour in ((LEFT_HAND, LEFT_COLOUR), (RIGHT_HAND, RIGHT_COLOUR)):
        _draw_bones(draw, xy[hand], HAND_BONES, colour, 0.9 * width)


def _draw_bones(
    draw: ImageDraw.ImageDraw, xy: np.ndarray, bones: Sequence[tuple[int, int]], colour: tuple[int, int, int], width: float
) -> None:
    """The bones whose ends were seen, with an outline around all of them."""
    seen = [xy[list(bone)] for bone in bones if np.isfinite(xy[list(bone)]).all()]
    for line_colour, line_width in ((OUTLINE_COLOUR, 1.6 * width), (colour, width)):
        for ends in seen:
            draw.line([tuple(end) for end in ends], fill=line_colour, width=max(1, round(line_width)))
            for end in ends:  # round, so that neighbours meet
                _draw_dot(draw, end, line_colour, line_width)


def _draw_dot(draw: ImageDraw.ImageDraw, middle: np.ndarray, colour: tuple[int, int, int], width: float) -> None:
    draw.ellipse([*(middle - width / 2), *(middle + width / 2)], fill=colour)


def _jpeg(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
