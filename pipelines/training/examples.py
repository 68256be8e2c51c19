"""Clips as training examples: features that stay on disk until they are needed, glosses, and labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asl.models.features.feature_sets import FeatureSet, standardisation
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import Labels, LabelTable
from asl.pipelines.training.clip_selection import ClipSelection
from asl.transducers.alphabet import Alphabet


@dataclass(frozen=True)
class Example:
    """features: (T, size), NaN where absent. glosses: 1…V, in signing order. name: the clip's. labels: what else is known."""

    features: np.ndarray
    glosses: tuple[int, ...]
    name: str = ""
    labels: Labels = Labels()


@dataclass(frozen=True)
class TrainingData:
    """What a run trains and validates on, sequences that may make their examples as they are asked for them.

    mean, deviation: (expanded,), from the training clips only. levels: of the training clips' annotation.
    """

    feature_set: FeatureSet
    train: Sequence[Example]
    validation: Sequence[Example]
    mean: np.ndarray
    deviation: np.ndarray

    @cached_property
    def levels(self) -> list[int]:
        return [one.labels.level for one in self.train]


def examples_of(
    store: FeatureStore, corpus: ClipSelection, table: LabelTable, given: tuple[np.ndarray, np.ndarray] | None = None
) -> TrainingData:
    """Examples, and the standardisation of the training clips alone (SPEC §3): as they are and mirrored.

    given: a standardisation to use in its place.
    """
    mean, deviation = given or standardise(store, corpus.train)

    def examples(chosen: Sequence[int]) -> Examples:
        clips = (store.clips[i] for i in chosen)
        labels = [
            table.labels(clip, len(store[i]), store.fps, corpus.alphabet.label) for i, clip in zip(chosen, clips, strict=True)
        ]
        return Examples(store, chosen, labels, corpus.alphabet)

    return TrainingData(store.feature_set, examples(corpus.train), examples(corpus.validation), mean, deviation)


@dataclass(frozen=True)
class Examples(Sequence[Example]):
    """Clips of a store, by their places in it, as examples whose features stay on disk until they are asked for."""

    store: FeatureStore
    chosen: Sequence[int]
    labels: Sequence[Labels]
    alphabet: Alphabet

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        clip, features = self.store.clips[self.chosen[index]], self.store[self.chosen[index]]
        return Example(features, tuple(self.alphabet.labels(clip.glosses)), clip.name, self.labels[index])


def standardise(store: FeatureStore, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of these clips' encoder input, as they are and mirrored."""
    mirror = store.feature_set.mirror
    shown = (one for i in indices for one in (store[i], mirror(store[i])))
    return standardisation(map(store.feature_set.expand, shown))
