"""What neighbours do to a unit, as columns that the cascade can see and changes that C can undo (SPEC §10, C)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from asl.models.units import Units
from asl.pipelines.cascade.units.frame_labels import FrameLabels
from asl.transducers.levels.context import Change, Place


@dataclass(frozen=True)
class Coarticulation:
    """Costs in nats; 0 leaves a change out, and one that costs more than `most` is left out.

    assimilation: a handshape takes that of the unit before, at the same location, at `assimilation` · d; d is the distance of
    their codes, in mean distances of the codebook. reduction: a movement is not made. anticipation: a unit stands where the
    next one will be, likewise times the distance. distances: part → (K, K), of "H" and "L".
    """

    assimilation: float = 0.0
    reduction: float = 0.0
    anticipation: float = 0.0
    most: float = 4.0
    distances: Mapping[str, np.ndarray] = field(default_factory=dict)

    def apply(self, units: Units, columns: FrameLabels, rest: int) -> tuple[dict[str, np.ndarray], list[Place], list[Change]]:
        """The tables with a row more for each pooled class, the units as neighbours, and the changes; adds forms to columns."""
        tables = dict(units.tables)
        base = len(columns.rows)
        if not tables:
            return tables, [Place(-1, -1)] * base, []
        usual = {part: table[:, :-1].argmax(axis=1) for part, table in tables.items()}
        places = [Place(*(int(usual[part][columns.rows[label][0]]) for part in ("H", "L"))) for label in range(base)]
        if rest:
            places[rest - 1] = Place(-1, -1)
        changes = _Forms(columns, list(tables))
        if self.reduction and rest:
            still = columns.rows[rest - 1][0]
            for label in range(1, base + 1):
                if label != rest:
                    changes.add(label, "M", still, "reduced", self.reduction)
        for part, cost, kind in (("H", self.assimilation, "handshape"), ("L", self.anticipation, "location")):
            if cost:
                pooled = _pool(tables, part, usual[part], units.frames)
                for label, other, nats in self._changed(places, rest, part, cost):
                    changes.add(label, part, pooled[other], f"{kind} {other}", nats, **{kind: other})
        return tables, places, changes.found

    def _changed(self, places: list[Place], rest: int, part: str, cost: float):
        """(label, the other class, nats) of every handshape at the same location, or of every location."""
        others = defaultdict(set)
        for place in places:
            others[place.location if part == "H" else None].add(place.handshape if part == "H" else place.location)
        for label, place in enumerate(places, 1):
            if label == rest:
                continue
            own, near = (place.handshape, others[place.location]) if part == "H" else (place.location, others[None])
            for other in sorted(near - {own, -1}):
                nats = cost * float(self.distances[part][own, other])
                if nats <= self.most:
                    yield label, other, nats


class _Forms:
    def __init__(self, columns: FrameLabels, parts: list[str]):
        self.columns, self.parts, self.found = columns, parts, []

    def add(self, label: int, part: str, row: int, kind: str, cost: float, **where: int) -> None:
        """A column like that of `label` but for one part, and the change that leads back."""
        own = self.columns
        rows = list(own.rows[label - 1])
        rows[self.parts.index(part)] = row
        name = f"{own.names[label - 1]} ({kind})"
        kept = own.gloss[label - 1], own.peak[label - 1], own.durations[label - 1]
        new = own.add(rows, *kept, name, own.unit[label - 1])
        self.found.append(Change(new, label, cost, **where))


def _pool(tables: dict[str, np.ndarray], part: str, usual: np.ndarray, frames: np.ndarray) -> dict[int, int]:
    """Adds to the part's table a row for each code, pooled over the units whose usual one it is; code → row."""
    rows, shares = {}, np.exp(tables[part])
    new = []
    for code in np.unique(usual):
        own = usual == code
        weight = np.maximum(frames[own], 1)
        rows[int(code)] = len(shares) + len(new)
        new.append(np.log((shares[own] * weight[:, None]).sum(axis=0) / weight.sum()))
    tables[part] = np.concatenate([tables[part], new])
    return rows
