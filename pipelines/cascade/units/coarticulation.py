"""Coarticulation: units in the context of their neighbours, as frame labels and as changes that C undoes (SPEC §10, C)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from asl.models.units import Units
from asl.pipelines.cascade.units.frame_labels import FrameLabels
from asl.transducers.levels.context import Change, ContextClass


@dataclass(frozen=True)
class Coarticulation:
    """Costs in nats; a cost of 0 disables its change, and changes that cost more than `max_cost` are left out.

    assimilation: a handshape becomes that of the previous unit at the same location, at `assimilation` · d, where d is the
    distance of the two codes in mean distances of the codebook. reduction: a movement is not made. anticipation: a unit is
    already at the location of the next one, at `anticipation` · d. distances: part → (K, K), for "H" and "L".
    """

    assimilation: float = 0.0
    reduction: float = 0.0
    anticipation: float = 0.0
    max_cost: float = 4.0
    distances: Mapping[str, np.ndarray] = field(default_factory=dict)

    def apply(
        self, units: Units, labels: FrameLabels, rest: int
    ) -> tuple[dict[str, np.ndarray], list[ContextClass], list[Change]]:
        """The tables with one more row per pooled class, the classes of every label, and the changes.

        Adds a label per changed form to `labels`. rest: the label between signs, or 0.
        """
        tables = dict(units.tables)
        base = len(labels.rows)
        if not tables:
            return tables, [ContextClass(-1, -1)] * base, []
        usual_codes = {part: table[:, :-1].argmax(axis=1) for part, table in tables.items()}
        classes = [ContextClass(*(int(usual_codes[part][labels.rows[label][0]]) for part in ("H", "L"))) for label in range(base)]
        if rest:
            classes[rest - 1] = ContextClass(-1, -1)
        forms = _ContextForms(labels, list(tables))
        if self.reduction and rest:
            still = labels.rows[rest - 1][0]
            for label in range(1, base + 1):
                if label != rest:
                    forms.add(label, "M", still, "reduced", self.reduction)
        for part, cost, kind in (("H", self.assimilation, "handshape"), ("L", self.anticipation, "location")):
            if cost:
                pooled_rows = _add_pooled_rows(tables, part, usual_codes[part], units.frames)
                for label, code, nats in self._changes(classes, rest, part, cost):
                    forms.add(label, part, pooled_rows[code], f"{kind} {code}", nats, **{kind: code})
        return tables, classes, forms.changes

    def _changes(self, classes: list[ContextClass], rest: int, part: str, cost: float) -> Iterator[tuple[int, int, float]]:
        """(label, new code, nats): for "H" every handshape at the same location, for "L" every location."""
        codes = defaultdict(set)
        for of_label in classes:
            codes[of_label.location if part == "H" else None].add(of_label.handshape if part == "H" else of_label.location)
        for label, of_label in enumerate(classes, 1):
            if label == rest:
                continue
            code, choices = (of_label.handshape, codes[of_label.location]) if part == "H" else (of_label.location, codes[None])
            for new_code in sorted(choices - {code, -1}):
                nats = cost * float(self.distances[part][code, new_code])
                if nats <= self.max_cost:
                    yield label, new_code, nats


class _ContextForms:
    """Adds the labels of changed units, and collects the changes. parts: names of the tables, in order."""

    def __init__(self, labels: FrameLabels, parts: list[str]):
        self.labels, self.parts = labels, parts
        self.changes: list[Change] = []

    def add(self, label: int, part: str, row: int, kind: str, cost: float, **neighbour: int) -> None:
        """A label like `label` but for one part's row, and the change that leads back to it."""
        labels, index = self.labels, label - 1
        rows = list(labels.rows[index])
        rows[self.parts.index(part)] = row
        name = f"{labels.names[index]} ({kind})"
        new = labels.add(rows, labels.gloss[index], labels.peak[index], labels.durations[index], name, labels.unit[index])
        self.changes.append(Change(new, label, cost, **neighbour))


def _add_pooled_rows(tables: dict[str, np.ndarray], part: str, usual_codes: np.ndarray, frames: np.ndarray) -> dict[int, int]:
    """Adds to the part's table a row per code, pooled over the units with that usual code. Returns code → row."""
    row_of, shares = {}, np.exp(tables[part])
    pooled = []
    for code in np.unique(usual_codes):
        units = usual_codes == code
        weight = np.maximum(frames[units], 1)
        row_of[int(code)] = len(shares) + len(pooled)
        pooled.append(np.log((shares[units] * weight[:, None]).sum(axis=0) / weight.sum()))
    tables[part] = np.concatenate([tables[part], pooled])
    return row_of
