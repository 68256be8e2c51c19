"""What the cascade reads of a frame: one column of scores a label (SPEC §10, Emission)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: What stands in `Columns.gloss` for the frames between signs, and for units that the encoder has no gloss for.
NO_GLOSS = 0


@dataclass
class FrameLabels:
    """What the cascade reads: one row a label 1…N. A frame's score is that of its part tables and of the encoder's gloss.

    rows: (N, P) rows of the part tables. gloss: (N,) label of the encoder's gloss, BETWEEN for none. peak: (N,) whether CTC
    must name the gloss there; elsewhere it may be silent. durations: (N,) frames. names: for people. unit: (N,) that it shows.
    """

    rows: list[tuple[int, ...]] = field(default_factory=list)
    gloss: list[int] = field(default_factory=list)
    peak: list[bool] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    unit: list[int] = field(default_factory=list)

    def add(self, rows: Sequence[int], gloss: int, peak: bool, duration: float, name: str, unit: int) -> int:
        """The label of a new row."""
        self.rows.append(tuple(rows))
        self.gloss.append(gloss)
        self.peak.append(peak)
        self.durations.append(duration)
        self.names.append(name)
        self.unit.append(unit)
        return len(self.rows)
