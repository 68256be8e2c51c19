"""A model's glosses with aliases taken for the gloss that they stand for, as evaluations compare them."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from asl.pipelines.corpus.aliases import NO_ALIASES, Aliases


class MergedGlosses:
    """The V glosses of a model as W ≤ V classes: glosses with the same meaning are one class."""

    def __init__(self, glosses: Sequence[str], aliases: Aliases = NO_ALIASES):
        self.aliases = aliases
        meanings = self.aliases.all(glosses)
        #: (W,) names of the classes, in order of their first gloss.
        self.names = tuple(dict.fromkeys(meanings))
        self._class_of = {name: i for i, name in enumerate(self.names)}
        self._classes = [self._class_of[meaning] for meaning in meanings]

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, gloss: str) -> bool:
        return self.aliases.gloss(gloss) in self._class_of

    def index(self, gloss: str) -> int:
        """The class of a gloss. Raises KeyError if the model does not know it."""
        return self._class_of[self.aliases.gloss(gloss)]

    def merged(self, scores: np.ndarray) -> np.ndarray:
        """(V,) log probabilities of glosses → (W,) of classes."""
        if len(self.names) == len(self._classes):
            return scores
        return np.array([np.logaddexp.reduce(scores[members]) for members in self._members])

    @cached_property
    def _members(self) -> list[np.ndarray]:
        return [np.flatnonzero(np.array(self._classes) == i) for i in range(len(self.names))]
