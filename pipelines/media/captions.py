"""Captions of annotated videos: a strip of their own above the picture, so that they hide no hands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

#: DejaVu, which has the letters of most languages, with its licence.
FONTS = Path(__file__).parent / "fonts"
#: Rows of alternatives at most; the least likely ones that fit into none are left out.
MAX_ROWS = 2
#: A text that is too long is set smaller down to this share of its size, and shortened beyond it.
MIN_SHRINKING = 0.6
MIN_TEXT_HEIGHT, MAX_TEXT_HEIGHT = 14, 56
BACKGROUND, TEXT, NOTE, ALTERNATIVES, UNSURE = (24, 26, 30), (255, 255, 255), (185, 190, 196), (200, 204, 210), (255, 190, 90)
_SEPARATOR = "  ·  "


@dataclass(frozen=True)
class Caption:
    """What stands above the signer from `start` up to `end` (seconds).

    text: the gloss, large. note: beside it, smaller. alternatives: below it, the likeliest first. unsure: in another colour.
    """

    start: float
    end: float
    text: str
    note: str = ""
    alternatives: tuple[str, ...] = ()
    unsure: bool = False


class CaptionStrip:
    """The strip above the pictures of a video. It has the same height throughout, as high as its largest caption needs.

    size: width and height of the picture in pixels.
    """

    def __init__(self, size: tuple[int, int], captions: Sequence[Caption]):
        self.width = size[0]
        self._text_height = max(MIN_TEXT_HEIGHT, min(size[1] // 14, size[0] // 12, MAX_TEXT_HEIGHT))
        self._captions = captions
        rows = max((len(self._rows(caption)) for caption in captions), default=0)
        self.height = round(self._text_height * (1.7 + 0.95 * rows))

    def at(self, seconds: float) -> Image.Image:
        """The strip at a time of the video."""
        return self._picture(next((caption for caption in self._captions if caption.start <= seconds < caption.end), None))

    @lru_cache(maxsize=2)  # noqa: B019 - as few as the captions that follow each other
    def _picture(self, caption: Caption | None) -> Image.Image:
        strip = Image.new("RGB", (self.width, self.height), BACKGROUND)
        if caption:
            draw = ImageDraw.Draw(strip)
            self._draw_text(draw, caption)
            for row, line in enumerate(self._rows(caption)):
                middle = self._text_height * (1.85 + 0.95 * row)
                draw.text((self.width / 2, middle), line, font=self._small, fill=ALTERNATIVES, anchor="mm")
        return strip

    def _draw_text(self, draw: ImageDraw.ImageDraw, caption: Caption) -> None:
        """The gloss with its note beside it, both in the middle."""
        note = f"  {caption.note}" if caption.note else ""
        note_width = self._small.getlength(note)
        text, font = _fitting(caption.text, self._text_height, self._room - note_width)
        left, middle = (self.width - font.getlength(text) - note_width) / 2, 0.85 * self._text_height
        draw.text((left, middle), text, font=font, fill=UNSURE if caption.unsure else TEXT, anchor="lm")
        draw.text((left + font.getlength(text), middle), note, font=self._small, fill=NOTE, anchor="lm")

    def _rows(self, caption: Caption) -> list[str]:
        """The alternatives in rows that fit the width."""
        rows: list[str] = []
        for alternative in caption.alternatives:
            longer = f"{rows[-1]}{_SEPARATOR}{alternative}" if rows else alternative
            if rows and self._small.getlength(longer) <= self._room:
                rows[-1] = longer
            elif len(rows) < MAX_ROWS:
                rows.append(_shortened(alternative, self._small, self._room))
            else:
                break
        return rows

    @property
    def _room(self) -> float:
        return 0.95 * self.width

    @property
    def _small(self) -> ImageFont.FreeTypeFont:
        return _font(max(11, round(0.62 * self._text_height)))


def _fitting(text: str, height: int, width: float) -> tuple[str, ImageFont.FreeTypeFont]:
    """The text and its font, smaller or shortened if it would be wider than `width`."""
    length = _font(height, bold=True).getlength(text)
    share = max(MIN_SHRINKING, min(1.0, width / length)) if length else 1.0
    font = _font(max(MIN_TEXT_HEIGHT, int(height * share)), bold=True)
    return _shortened(text, font, width), font


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text, with … in its middle if it is wider than `width`: the beginning of a gloss and its percentage tell most."""
    kept = len(text)
    shorter = text
    while font.getlength(shorter) > width and kept > 2:
        kept -= 1
        shorter = f"{text[: kept - kept // 3]}…{text[len(text) - kept // 3 :]}"
    return shorter


@lru_cache(maxsize=8)
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")), size)
