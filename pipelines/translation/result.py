"""What a clip was read as, whoever asked: the command line, a program, a report."""

from dataclasses import dataclass
from pathlib import Path

from asl.models.features.holistic import Landmarks
from asl.pipelines.cascade.explanation import PathStep
from asl.pipelines.recogniser.reading import Token


@dataclass(frozen=True)
class Translation:
    """The glosses of a clip in signing order.

    path: the clip's file, or a name for what came from elsewhere. landmarks: as extracted, for an overlay.
    explanation: the cascade's path, if it was asked for. whole: False if no path of the cascade reached a final state of its
    grammar; the tokens are then the best partial reading.
    """

    path: Path
    tokens: tuple[Token, ...]
    landmarks: Landmarks
    explanation: tuple[PathStep, ...] = ()
    whole: bool = True

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.landmarks.seconds

    @property
    def glosses(self) -> tuple[str, ...]:
        return tuple(token.gloss for token in self.tokens)

    def to_text(self) -> str:
        """Glosses in a line, then a line for each with its times, confidence and runners-up."""
        return self._rendered("text")

    def to_json(self) -> str:
        """As `asl translate --format json`."""
        return self._rendered("json")

    def to_tsv(self) -> str:
        """One row for each gloss, with a header."""
        return self._rendered("tsv")

    def to_srt(self) -> str:
        """SubRip captions."""
        return self._rendered("srt")

    def to_vtt(self) -> str:
        """WebVTT captions."""
        return self._rendered("vtt")

    def to_eaf(self) -> str:
        """An ELAN document (XML) that links to `path`."""
        return self._rendered("eaf")

    def _rendered(self, format: str) -> str:
        from asl.pipelines.translation.writers import render  # the writers' libraries load when they are needed

        return render([self], format)
