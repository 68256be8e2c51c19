"""The frame labels that the cascade reads, and what each is scored by (SPEC §10, Emission)."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class FrameLabels:
    """The input labels 1…N of the cascade. The score of a frame adds its part tables and the encoder's gloss.

    rows: (N, P) row of each part's table. gloss: (N,) label of the gloss in the encoder; NO_GLOSS between signs, and where the
    encoder does not know the gloss. peak: (N,) whether CTC must output the gloss there; elsewhere it may output a blank.
    durations: (N,) mean frames. names: (N,) for people. unit: (N,) the unit that is seen. The field names are keys of graph.json.
    """

    rows: list[tuple[int, ...]] = field(default_factory=list)
    gloss: list[int] = field(default_factory=list)
    peak: list[bool] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    unit: list[int] = field(default_factory=list)

    def add(self, rows: Sequence[int], gloss: int, peak: bool, duration: float, name: str, unit: int) -> int:
        """Appends a label and returns it."""
        self.rows.append(tuple(rows))
        self.gloss.append(gloss)
        self.peak.append(peak)
        self.durations.append(duration)
        self.names.append(name)
        self.unit.append(unit)
        return len(self.rows)
