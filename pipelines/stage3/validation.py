"""Validation clips read by a recogniser and its cascade, before and after stage 3 (SPEC §11)."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asl.pipelines.cascade.explanation import PathStep, explain_path
from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.recogniser.measures import WordErrors, word_errors
from asl.pipelines.recogniser.reading import Reading, read_features
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.stage3.loop import Weights
from asl.pipelines.workspace.settings.reading import DecodeSettings

#: What the weights of the scores are tried times; the first wins a tie.
FACTORS = (1.0, 0.7, 1.4)


@dataclass(frozen=True)
class ReadingChange:
    """A validation sentence as it was read before and after. path: how the cascade reads it now."""

    name: str
    reference: str
    before: str
    after: str
    errors_before: int
    errors_after: int
    path: Sequence[PathStep] = ()


@dataclass(frozen=True)
class Listener:
    """The clips `chosen` of a store. decode: how they are read."""

    store: FeatureStore
    chosen: Sequence[int]
    decode: DecodeSettings

    def best_weights(self, model: TrainedModel, graph: Graph) -> tuple[float, Weights]:
        """The least word error rate, and the weights of encoder, codes and densities that it is found with.

        The criterion moves how sure the encoder is on clips that it has learned; how far that may count elsewhere, these say.
        """
        parts = [
            (graph.encoder_part(one), graph.code_part(one) if graph.code_weight else 0.0, graph.remaining_part(one))
            for one in self._readings(model)
        ]
        decoder, found = graph.decoder(self.decode), []
        for encoder, codes in itertools.product(FACTORS, FACTORS if graph.code_weight else FACTORS[:1]):
            weights = encoder * graph.encoder_weight, codes * graph.code_weight
            scores = (weights[0] * heard + weights[1] * coded + rest for heard, coded, rest in parts)
            errors = self._errors([graph.words(decoder.decode(one)) for one in scores])
            found.append((float(errors.errors.sum() / errors.words.sum()), (*weights, graph.density_weight)))
        return min(found, key=lambda one: one[0])

    def changes(self, before: tuple[TrainedModel, Graph], after: tuple[TrainedModel, Graph]) -> list[ReadingChange]:
        """Every clip as it was read before and is read after."""
        paths = [[graph.best_path(reading, self.decode) for reading in self._readings(model)] for model, graph in (before, after)]
        read = [[graph.words(path) for path in own] for (_, graph), own in zip((before, after), paths, strict=True)]
        errors = [self._errors(own).errors for own in read]
        found = []
        for row, i in enumerate(self.chosen):
            clip, counts = self.store.clips[i], [int(one[row]) for one in errors]
            texts = (" ".join(one) for one in (clip.glosses, read[0][row], read[1][row]))
            path = explain_path(after[1], paths[1][row]) if counts[0] != counts[1] else ()
            found.append(ReadingChange(clip.name, *texts, *counts, path))
        return found

    def compared(self, changes: Sequence[ReadingChange]) -> dict[str, Any]:
        """Word error rates before and after, and their paired difference."""
        texts = [[one.before for one in changes], [one.after for one in changes]]
        before, after = (self._errors([text.split() for text in own]) for own in texts)
        return {
            "validation_clips": len(changes),
            "validation_wer_before": before.rate().percent,
            "validation_wer": after.rate().percent,
            "less": after.minus(before).percent,
        }

    def _readings(self, model: TrainedModel) -> list[Reading]:
        return [read_features(model, self.store[i], mirror=self.decode.mirror_average) for i in self.chosen]

    def _errors(self, read: Sequence[Sequence[str]]) -> WordErrors:
        return word_errors([self.store.clips[i].glosses for i in self.chosen], read)
