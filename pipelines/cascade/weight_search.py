"""Tunes a cascade on validation clips: weights of encoder, codes and G, the cost of a gloss, and minimum durations."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.recogniser.measures import word_errors
from asl.pipelines.recogniser.reading import Reading
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings

#: The values that are tried; earlier ones win ties.
ENCODER_WEIGHTS = (0.6, 0.3, 1.0)
CODE_WEIGHTS = (0.1, 0.0, 0.05, 0.2, 0.4, 0.8)
LANGUAGE_WEIGHTS = (1.0, 0.5, 2.0, 4.0)
PENALTIES = (0.0, 3.0, -3.0, 6.0, 10.0)
SHORTEST = (0.5, 0.3, 0.7, 0.9)
#: The settings that need a new graph for each value.
GRID = {"language_weight": LANGUAGE_WEIGHTS, "penalty": PENALTIES, "shortest": SHORTEST}
#: Most clips that weights are tuned on.
MAX_CLIPS = 400


@dataclass(frozen=True)
class Trial:
    """A choice of weights and its word error rate on the validation clips."""

    encoder_weight: float
    code_weight: float
    language_weight: float
    penalty: float
    shortest: float
    wer: float


@dataclass(frozen=True)
class SearchedWeights:
    """settings: with the best weights. trials: all that were tried, in order."""

    settings: GraphSettings
    trials: tuple[Trial, ...] = ()


def search_weights(
    settings: GraphSettings, build: Callable[[GraphSettings, Path], Graph], clips: Sequence[tuple[Clip, Reading]],
    decode: DecodeSettings, progress: Progress,
) -> SearchedWeights:  # fmt: skip
    """Coordinate search over GRID. For each graph, all pairs of encoder and code weights are tried.

    build: builds the cascade of the given settings in a folder.
    """
    chosen = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, min(MAX_CLIPS, len(clips))).round().astype(int))]
    trials: list[Trial] = []
    progress.start("tune weights", sum(map(len, GRID.values())))
    best = settings
    with tempfile.TemporaryDirectory(prefix="asl-") as name:
        for key, values in GRID.items():
            for value in values:
                candidate = replace(best, **{key: value})
                graph = build(candidate, Path(name))
                trials += _trials(candidate, graph, chosen, decode)
                progress.advance()
            best_trial = min(trials, key=lambda trial: trial.wer)
            best = replace(best, **{key: getattr(best_trial, key) for key in vars(best_trial) if key != "wer"})
    return SearchedWeights(best, tuple(trials))


def _trials(settings: GraphSettings, graph: Graph, clips: Sequence[tuple[Clip, Reading]], decode: DecodeSettings) -> list[Trial]:
    """The trials of one graph: every pair of encoder and code weights."""
    parts = [(graph.encoder_part(reading), graph.code_part(reading), graph.remaining_part(reading)) for _, reading in clips]
    references = [list(clip.glosses) for clip, _ in clips]
    decoder = graph.decoder(decode)
    trials = []
    for encoder in ENCODER_WEIGHTS:
        for code in CODE_WEIGHTS if graph.coder else (0.0,):
            hypotheses = []
            for encoder_part, code_part, remaining in parts:
                scores = encoder * encoder_part + remaining + (0.0 if code_part is None else code * code_part)
                hypotheses.append(graph.words(decoder.decode(scores)))
            errors = word_errors(references, hypotheses)
            wer = float(errors.errors.sum() / errors.words.sum())
            trials.append(Trial(encoder, code, settings.language_weight, settings.penalty, settings.shortest, round(wer, 5)))
    return trials
