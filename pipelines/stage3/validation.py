"""Decoding of the validation clips with a recogniser and its cascade, before and after stage 3 (SPEC §11).

One half of them tunes the weights of the scores, before training and after every epoch alike. The other half, which no choice
depends on, measures both.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asl.pipelines.cascade.explanation import PathStep, explain_path
from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.recogniser.intervals import groups_of, note_of
from asl.pipelines.recogniser.measures import WordErrors, word_errors
from asl.pipelines.recogniser.reading import Reading, read_features
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.stage3.loop import Weights
from asl.pipelines.workspace.settings.reading import DecodeSettings

#: Factors by which the score weights are varied; the first wins a tie.
WEIGHT_FACTORS = (1.0, 0.7, 1.4)
#: Maximum number of clips that tune, which are decoded after each epoch, and of clips that measure.
MAX_CLIPS = 400


def halves(validation: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The validation clips that tune and those that measure, alternately; of many, MAX_CLIPS each, evenly spread."""
    step = max(1, -(-len(validation) // (2 * MAX_CLIPS)))
    return validation[:: 2 * step], validation[step :: 2 * step]


@dataclass(frozen=True)
class ReadingChange:
    """A validation sentence as decoded before and after. path: the cascade's path afterwards, if the errors changed."""

    name: str
    reference: str
    before: str
    after: str
    errors_before: int
    errors_after: int
    path: Sequence[PathStep] = ()


@dataclass(frozen=True)
class Validator:
    """Decodes the clips at `indices` of a store. decode: decoder settings."""

    store: FeatureStore
    indices: Sequence[int]
    decode: DecodeSettings

    def best_weights(self, model: TrainedModel, graph: Graph) -> tuple[float, Weights]:
        """The lowest word error rate, and the weights of encoder, codes and densities that give it.

        Training changes the encoder's confidence on the training clips. Weights tuned on other clips correct for that.
        """
        parts = [
            (graph.encoder_part(reading), graph.code_part(reading) if graph.code_weight else 0.0, graph.remaining_part(reading))
            for reading in self._readings(model)
        ]
        decoder, results = graph.decoder(self.decode), []
        for encoder, codes in itertools.product(WEIGHT_FACTORS, WEIGHT_FACTORS if graph.code_weight else WEIGHT_FACTORS[:1]):
            weights = encoder * graph.encoder_weight, codes * graph.code_weight
            scores = (
                weights[0] * encoder_part + weights[1] * code_part + remaining for encoder_part, code_part, remaining in parts
            )
            errors = self._errors([graph.words(decoder.decode(of_clip)) for of_clip in scores])
            results.append((float(errors.errors.sum() / errors.words.sum()), (*weights, graph.density_weight)))
        return min(results, key=lambda result: result[0])

    def changes(self, before: tuple[TrainedModel, Graph], after: tuple[TrainedModel, Graph]) -> list[ReadingChange]:
        """The result of every clip before and after."""
        paths = [[graph.best_path(reading, self.decode) for reading in self._readings(model)] for model, graph in (before, after)]
        words = [[graph.words(path) for path in of_graph] for (_, graph), of_graph in zip((before, after), paths, strict=True)]
        errors = [self._errors(hypotheses).errors for hypotheses in words]
        changes = []
        for row, i in enumerate(self.indices):
            clip, counts = self.store.clips[i], [int(by_clip[row]) for by_clip in errors]
            texts = (" ".join(glosses) for glosses in (clip.glosses, words[0][row], words[1][row]))
            path = explain_path(after[1], paths[1][row]) if counts[0] != counts[1] else ()
            changes.append(ReadingChange(clip.name, *texts, *counts, path))
        return changes

    def word_error_rates(self, changes: Sequence[ReadingChange]) -> dict[str, Any]:
        """Word error rates before and after, and their paired difference."""
        before = self._errors([clip.before.split() for clip in changes])
        after = self._errors([clip.after.split() for clip in changes])
        groups = groups_of([self.store.clips[i] for i in self.indices])
        return {
            "validation_clips": len(changes),
            "validation_wer_before": before.rate(groups).percent,
            "validation_wer": after.rate(groups).percent,
            "less": after.minus(before, groups).percent,
            "intervals": note_of(groups),
        }

    def _readings(self, model: TrainedModel) -> list[Reading]:
        return [read_features(model, self.store[i], mirror=self.decode.mirror_average) for i in self.indices]

    def _errors(self, hypotheses: Sequence[Sequence[str]]) -> WordErrors:
        return word_errors([self.store.clips[i].glosses for i in self.indices], hypotheses)
