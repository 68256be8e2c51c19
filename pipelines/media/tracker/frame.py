"""What every tracker gives for a picture."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class TrackedFrame:
    """points (543, 3) in image widths, NaN where absent; visibility (33,) of the pose points, 0–1."""

    points: np.ndarray
    visibility: np.ndarray


class FrameTracker(Protocol):
    """Tracks one signer from picture to picture."""

    def warm_up(self) -> None:
        """Makes the first picture as fast as the others."""

    def track(self, picture: np.ndarray) -> TrackedFrame:
        """The next picture (H, W, 3) of the clip, RGB, uint8."""

    def reset(self) -> None:
        """Forgets the clip, so that the next picture is the first one of another."""

    def part_seconds(self) -> dict[str, float]:
        """Seconds that the last picture took, by part of the signer: body, hands, face. Empty if they cannot be told apart."""

    def close(self) -> None:
        """Frees what the tracker holds."""
