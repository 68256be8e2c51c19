"""The terminal view of a live translation: the skeleton in braille, the words, and the delay."""

import sys
from collections.abc import Sequence

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from asl.pipelines.translation.json_documents import live_word, one_line
from asl.pipelines.translation.live_reading import LiveWord
from asl.pipelines.translation.reader import Provenance

#: Size of the skeleton in braille characters; each has two by four dots.
WIDTH, HEIGHT = 44, 18
MAX_WORDS = 12
#: Bit of each dot of a braille character, by row and column (Unicode block 2800).
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(points: np.ndarray, aspect: float, bones: Sequence[tuple[int, int]]) -> str:
    """(543, 3) points in image widths, NaN where absent → lines of braille, WIDTH × HEIGHT characters."""
    dots = np.zeros((4 * HEIGHT, 2 * WIDTH), dtype=bool)
    scale = min(2 * WIDTH, 4 * HEIGHT * aspect)  # dots per image width
    for first, last in bones:
        ends = points[[first, last], :2] * scale
        if np.isfinite(ends).all():
            steps = int(np.abs(ends[1] - ends[0]).max()) + 2
            line = np.linspace(ends[0], ends[1], min(steps, 500)).round().astype(int)
            line = line[(line >= 0).all(axis=1) & (line[:, 0] < 2 * WIDTH) & (line[:, 1] < 4 * HEIGHT)]
            dots[line[:, 1], line[:, 0]] = True
    cells = (dots.reshape(HEIGHT, 4, WIDTH, 2).transpose(0, 2, 1, 3) * _DOTS).sum(axis=(2, 3))
    return "\n".join("".join(chr(0x2800 + cell) for cell in row) for row in cells)


class LiveView:
    """A panel on stderr if that is a terminal, else nothing."""

    def __init__(self, quiet: bool, bones: Sequence[tuple[int, int]]):
        self.bones, self.words = bones, []
        console = Console(stderr=True)
        # On a terminal, words on stdout are printed above the panel; to a file or a pipe they are not redirected.
        options = {"console": console, "refresh_per_second": 12, "transient": True, "redirect_stdout": sys.stdout.isatty()}
        self.live = Live(**options) if console.is_terminal and not quiet else None

    def __enter__(self) -> "LiveView":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_) -> None:
        if self.live:
            self.live.stop()

    def show(self, update) -> None:
        """Adds the words that became final and redraws the panel."""
        self.words = [*self.words, *update.final][-MAX_WORDS:]
        if self.live:
            self.live.update(self._panel(update))

    def _panel(self, update) -> Panel:
        text = Text()
        for word in (self.words + list(update.open))[-MAX_WORDS:]:
            style = "bold" if word.final else "dim italic"
            text.append(f"{word.token.gloss} ", style)
            text.append(f"{word.token.confidence:.2f}  ", "dim")
        figures = update.figures
        delay_ms = 1000 * float(np.median(list(figures.delays)[-50:])) if figures.delays else 0.0
        status = f"{figures.frames} frames, {figures.dropped} dropped, {delay_ms:.0f} ms behind"
        return Panel(Group(Text(braille(update.points, update.aspect, self.bones)), text), title="asl", subtitle=status)


def write_word(word: LiveWord, provenance: Provenance | None) -> None:
    """Prints a final word on stdout, and flushes it: as JSON with its provenance, without one as text."""
    token = word.token
    if provenance:
        sys.stdout.write(one_line(live_word(word, provenance)))
    else:
        runners_up = ", ".join(f"{gloss} {share:.2f}" for gloss, share in token.runners_up)
        alternatives = f"   (else {runners_up})" if runners_up else ""
        print(f"  {token.start:6.2f} – {token.end:.2f} s  {token.gloss}  {token.confidence:.2f}{alternatives}")
    sys.stdout.flush()
