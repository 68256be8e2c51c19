"""Training examples: features that are read from disk when they are needed, glosses and labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asl.models.features.feature_sets import FeatureSet, standardisation
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import Labels, LabelTable
from asl.pipelines.training.clip_selection import ClipSelection
from asl.transducers.alphabet import Alphabet

#: How much a clip of each annotation level weighs in the loss of its glosses, relative to the other levels (SPEC §7).
LEVEL_WEIGHTS = (0.5, 0.3, 0.2)


@dataclass(frozen=True)
class Example:
    """One clip. features: (T, size), NaN where absent. glosses: labels 1…V in signing order. labels: further annotations.

    name: for messages. id: of the clip, unique in its workspace.
    """

    features: np.ndarray
    glosses: tuple[int, ...]
    name: str = ""
    labels: Labels = Labels()
    id: str = ""


@dataclass(frozen=True)
class TrainingData:
    """Training and validation examples; the sequences may create their examples on access.

    mean, deviation: (expanded,), from the training clips only. level_weights: level → loss weight of its clips.
    """

    feature_set: FeatureSet
    train: Sequence[Example]
    validation: Sequence[Example]
    mean: np.ndarray
    deviation: np.ndarray

    @cached_property
    def level_weights(self) -> dict[int, float]:
        return level_weights([example.labels.level for example in self.train])

    @cached_property
    def validated_on_single_signs(self) -> bool:
        """Whether every validation clip has one gloss."""
        return all(len(example.glosses) == 1 for example in self.validation)


def level_weights(levels: Sequence[int]) -> dict[int, float]:
    """Level → the weight of each of its clips in the loss of glosses, in the ratio of LEVEL_WEIGHTS.

    levels: of the training clips, over which the mean of the weights is 1. A clip weighs at most 2.5 times as much as another,
    however rare its level is, and every clip is seen once per epoch.
    """
    counts = Counter(levels)
    mean = sum(LEVEL_WEIGHTS[level] * count for level, count in counts.items()) / max(1, len(levels))
    return {level: LEVEL_WEIGHTS[level] / mean for level in counts}


def examples_of(
    store: FeatureStore, corpus: ClipSelection, table: LabelTable, given: tuple[np.ndarray, np.ndarray] | None = None
) -> TrainingData:
    """Examples of a corpus, with the standardisation of its training clips, original and mirrored (SPEC §3).

    given: a (mean, deviation) to use instead.
    """
    mean, deviation = given or standardise(store, corpus.train)

    def examples(indices: Sequence[int]) -> StoredExamples:
        clips = (store.clips[i] for i in indices)
        labels = [
            table.labels(clip, len(store[i]), store.fps, corpus.alphabet.label) for i, clip in zip(indices, clips, strict=True)
        ]
        return StoredExamples(store, indices, labels, corpus.alphabet)

    return TrainingData(store.feature_set, examples(corpus.train), examples(corpus.validation), mean, deviation)


@dataclass(frozen=True)
class StoredExamples(Sequence[Example]):
    """Examples of the clips at `indices` of a store. Features are read from disk on access."""

    store: FeatureStore
    indices: Sequence[int]
    labels: Sequence[Labels]
    alphabet: Alphabet

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        clip, features = self.store.clips[self.indices[index]], self.store[self.indices[index]]
        return Example(features, tuple(self.alphabet.labels(clip.glosses)), clip.name, self.labels[index], clip.id)


def standardise(store: FeatureStore, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (expanded,) of the encoder input of these clips, original and mirrored."""
    mirror = store.feature_set.mirror
    features = (version for i in indices for version in (store[i], mirror(store[i])))
    return standardisation(map(store.feature_set.expand, features))
