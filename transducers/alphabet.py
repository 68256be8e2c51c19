"""The gloss alphabet: label 0 is blank, labels 1…V are the glosses in order (SPEC §7, §10)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

BLANK = 0


@dataclass(frozen=True)
class Alphabet:
    """glosses: V different names, sorted. Raises ValueError if they are not."""

    glosses: tuple[str, ...]

    def __post_init__(self):
        if len(set(self.glosses)) != len(self.glosses) or not all(self.glosses):
            raise ValueError("glosses must be different and not empty")

    def __len__(self) -> int:
        return len(self.glosses)

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {gloss: label for label, gloss in enumerate(self.glosses, BLANK + 1)}

    def __contains__(self, gloss: str) -> bool:
        return gloss in self._labels

    def label(self, gloss: str) -> int:
        """1…V. Raises KeyError for an unknown gloss."""
        return self._labels[gloss]

    def labels(self, glosses: Iterable[str]) -> list[int]:
        return [self.label(gloss) for gloss in glosses]

    def names(self, labels: Sequence[int]) -> list[str]:
        return [self.glosses[label - 1] for label in labels]
