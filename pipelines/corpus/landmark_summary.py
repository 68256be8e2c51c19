"""What is kept of a clip's landmarks once they are stored, for the list of clips, the search for copies and the report.

The process that extracts a clip makes it, so that no `.pose` file of a large corpus is read again.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus.copies import Trace, trace
from asl.pipelines.media.pose_files import parse_pose
from asl.pipelines.reports.skeleton_player import animation
from asl.pipelines.workspace.errors import BadClip

#: The report shows this many clips, the worst detections.
MAX_CARDS = 400


@dataclass(frozen=True)
class Card:
    """A clip in the report. animation: of `skeleton_player`. frame: (543, 3) points of the frame in which most is seen."""

    animation: dict[str, Any]
    frame: np.ndarray
    aspect: float


@dataclass(frozen=True)
class LandmarkSummary:
    """The landmarks of a stored `.pose` file. digest: SHA-256 of the file. seen: shares of frames with each component.

    trace: for the search for copies, None for synthetic clips, which are not searched.
    """

    digest: str
    fps: float
    frames: int
    seen: tuple[float, float, float, float]
    trace: Trace | None
    card: Card | None

    @property
    def quality(self) -> float:
        """How well the signer was detected: in which share of the frames the body was seen, and a hand."""
        return self.seen[0] * (0.2 + max(self.seen[2:]))


def summary_of(data: bytes, *, synthetic: bool) -> LandmarkSummary:
    """The summary of the bytes of a `.pose` file. Raises BadClip if they are not valid."""
    landmarks = parse_pose(data)
    seen = tuple(round(float(share), 4) for share in landmarks.present.mean(axis=0))
    card = Card(animation(landmarks), _clearest_frame(landmarks), landmarks.aspect)
    traced = None if synthetic else trace(landmarks)
    return LandmarkSummary(hashlib.sha256(data).hexdigest(), landmarks.fps, len(landmarks), seen, traced, card)


def read_summary(path: Path, *, synthetic: bool) -> LandmarkSummary:
    """The summary of a `.pose` file of the workspace. Raises BadClip if it is missing or damaged."""
    try:
        return summary_of(path.read_bytes(), synthetic=synthetic)
    except OSError as error:
        raise BadClip("unreadable", f"{path.name}: {error.strerror}") from error


def _clearest_frame(landmarks: Landmarks) -> np.ndarray:
    """(543, 3) points of the frame with the most components, close to the middle."""
    seen = landmarks.present.sum(axis=1)
    distance_from_middle = np.abs(np.arange(len(seen)) - len(seen) / 2)
    return landmarks.points[np.lexsort((distance_from_middle, -seen))[0]]


class Summaries:
    """The summaries of the clips of a run, by id. Only the MAX_CARDS worst detections keep their cards, which are large."""

    def __init__(self):
        self._by_id: dict[str, LandmarkSummary] = {}
        self._with_card: list[tuple[float, str, str]] = []

    def add(self, id: str, name: str, summary: LandmarkSummary) -> None:
        """Adds a clip; of equally good detections, those whose names come first keep their cards."""
        self._by_id[id] = summary
        self._with_card.append((summary.quality, name, id))
        if len(self._with_card) >= 2 * MAX_CARDS:
            self._with_card.sort()
            self._drop_cards(id for _, _, id in self._with_card[MAX_CARDS:])
            del self._with_card[MAX_CARDS:]

    def _drop_cards(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._by_id[id] = replace(self._by_id[id], card=None)

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def __getitem__(self, id: str) -> LandmarkSummary:
        return self._by_id[id]
