"""The tiers of an ELAN file: names, participants and annotations with their times."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asl.models.features.tiers import Segment
from asl.pipelines.workspace.errors import BadInput

if TYPE_CHECKING:
    from pympi.Elan import Eaf

MAX_EAF_BYTES = 64 << 20


@dataclass(frozen=True)
class Tier:
    """A tier of a file. participant: who signs, "" if the file does not say. segments: in order of start."""

    name: str
    participant: str
    segments: tuple[Segment, ...]

    def within(self, start: float, end: float) -> list[Segment]:
        """The annotations whose middle is in [start, end), in order of start."""
        middles, segments = self._by_middle
        inside = segments[bisect_left(middles, start) : bisect_left(middles, end)]
        return sorted(inside, key=lambda segment: (segment.start, segment.end))

    @cached_property
    def _by_middle(self) -> tuple[list[float], list[Segment]]:
        """The middles of the annotations, sorted, and the annotations: a recording is cut into thousands of utterances."""
        segments = sorted(self.segments, key=_middle)
        return [_middle(segment) for segment in segments], segments


def _middle(segment: Segment) -> float:
    return (segment.start + segment.end) / 2


def read_tiers(file: Path) -> list[Tier]:
    """The tiers of a file, in its order. Raises BadInput if it is not an ELAN file.

    A reference annotation has the times of the annotation that it refers to, through any number of tiers. Annotations without
    times of their own (time subdivisions) share the time between their neighbours evenly, as ELAN draws them.
    """
    from pympi.Elan import Eaf

    safe_bytes(file)
    try:
        return tiers_of(Eaf(str(file), suppress_version_warning=True))
    except Exception as error:  # the library raises plain Exception
        raise BadInput(f"{file} is not an ELAN file", "open and save it in ELAN") from error


def tiers_of(document: "Eaf") -> list[Tier]:
    """The tiers of a document, in its order. May raise any exception if references or times are missing."""
    spans = _spans(document)
    return [_tier(name, document.tiers[name], spans) for name in document.get_tier_names()]


def safe_bytes(file: Path) -> bytes:
    """The bytes of an ELAN file. Raises BadInput if it cannot be read, is too large or declares XML entities."""
    try:
        if file.stat().st_size > MAX_EAF_BYTES:
            raise BadInput(f"{file} is larger than {MAX_EAF_BYTES >> 20} MiB", "check that it is an ELAN file")
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the file's permissions") from error
    # ELAN writes neither document types nor entities, and expanding entities can exhaust memory.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise BadInput(f"{file} declares XML entities", "ELAN files have none")
    return data


def _tier(name: str, content, spans: Mapping[str, tuple[float, float]]) -> Tier:
    aligned, references, attributes, _ = content
    values = {id: value for id, (_, _, value, _) in aligned.items()} | {id: value for id, (_, value, _, _) in references.items()}
    segments = [Segment(name, str(value or ""), *spans[id]) for id, value in values.items()]
    segments.sort(key=lambda segment: (segment.start, segment.end))  # stable: subdivisions of an annotation keep their order
    return Tier(name, (attributes.get("PARTICIPANT") or "").strip(), tuple(segments))


def _spans(document) -> dict[str, tuple[float, float]]:
    """Start and end in seconds of every annotation, by its id."""
    spans: dict[str, tuple[float, float]] = {}
    parents: dict[str, str] = {}
    for aligned, references, _, _ in document.tiers.values():
        spans |= _aligned_spans(aligned, document.timeslots)
        parents |= {id: parent for id, (parent, _, _, _) in references.items()}
    return spans | {id: spans[_root(id, parents)] for id in parents}


def _aligned_spans(
    annotations: Mapping[str, tuple], slots: Mapping[str, int | None]
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Times of a tier's aligned annotations; slots without a time are placed evenly between those that have one."""
    ends = [slot for begin, end, _, _ in annotations.values() for slot in (begin, end)]
    chain = [slot for i, slot in enumerate(ends) if i == 0 or slot != ends[i - 1]]
    known = [i for i, slot in enumerate(chain) if slots[slot] is not None]
    times = np.interp(np.arange(len(chain)), known, [slots[chain[i]] for i in known]) if known else np.zeros(len(chain))
    seconds = dict(zip(chain, (times / 1000).tolist(), strict=True))
    return ((id, (seconds[begin], seconds[end])) for id, (begin, end, _, _) in annotations.items())


def _root(id: str, parents: Mapping[str, str]) -> str:
    """The aligned annotation at the end of a chain of references. Raises ValueError if the chain is a circle."""
    seen = set()
    while id in parents:
        if id in seen:
            raise ValueError(f"annotation {id} refers to itself")
        seen.add(id)
        id = parents[id]
    return id
