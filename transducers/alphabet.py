"""The gloss alphabet: label 0 is blank, labels 1…V are the glosses in order (SPEC §7, §10)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

BLANK = 0


@dataclass(frozen=True)
class Alphabet:
    """V glosses, in the order of their labels. Raises ValueError if two are equal or one is empty."""

    glosses: tuple[str, ...]

    def __post_init__(self) -> None:
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
        """The label of a gloss, 1…V. Raises KeyError for an unknown one."""
        return self._labels[gloss]

    def labels(self, glosses: Iterable[str]) -> list[int]:
        """The labels of glosses. Raises KeyError for an unknown one."""
        return [self.label(gloss) for gloss in glosses]

    def names(self, labels: Sequence[int]) -> list[str]:
        """The glosses of labels 1…V."""
        return [self.glosses[label - 1] for label in labels]
