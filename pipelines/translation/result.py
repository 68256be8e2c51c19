"""What a clip was read as, whoever asked: the command line, a program, a report."""

from dataclasses import dataclass
from pathlib import Path

from asl.models.features.holistic import Landmarks
from asl.pipelines.cascade.explanation import PathStep
from asl.pipelines.recogniser.reading import Token


@dataclass(frozen=True)
class Translation:
    """A clip's glosses in signing order. landmarks: as extracted, for the overlay.

    explanation: the cascade's path, where asked for. whole: False where no path of the cascade came to an end of its grammar,
    and the tokens are the best partial reading.
    """

    path: Path
    tokens: tuple[Token, ...]
    landmarks: Landmarks
    explanation: tuple[PathStep, ...] = ()
    whole: bool = True

    @property
    def seconds(self) -> float:
        return self.landmarks.seconds
