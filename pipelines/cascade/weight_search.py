"""What a cascade is tuned by on validation clips: how much the encoder, the codes and G count, and what a gloss and time cost."""

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

#: What is tried of each; what stands first wins a tie.
ENCODER_WEIGHTS = (0.6, 0.3, 1.0)
CODE_WEIGHTS = (0.1, 0.0, 0.05, 0.2, 0.4, 0.8)
LANGUAGE_WEIGHTS = (1.0, 0.5, 2.0, 4.0)
PENALTIES = (0.0, 3.0, -3.0, 6.0, 10.0)
SHORTEST = (0.5, 0.3, 0.7, 0.9)
#: What a graph is built for.
GRID = {"language_weight": LANGUAGE_WEIGHTS, "penalty": PENALTIES, "shortest": SHORTEST}
#: Clips that are tuned on at most.
MAX_CLIPS = 400


@dataclass(frozen=True)
class Trial:
    """Weights and the word error rate on the validation clips with them."""

    encoder_weight: float
    code_weight: float
    language_weight: float
    penalty: float
    shortest: float
    wer: float


@dataclass(frozen=True)
class SearchedWeights:
    """settings: with the best weights. trials: everything that was tried, in order."""

    settings: GraphSettings
    trials: tuple[Trial, ...] = ()


def search_weights(
    settings: GraphSettings, build: Callable[[GraphSettings, Path], Graph], clips: Sequence[tuple[Clip, Reading]],
    decode: DecodeSettings, progress: Progress,
) -> SearchedWeights:  # fmt: skip
    """Coordinate by coordinate: G's weight, the cost of a gloss and the shortest units; for each graph the weights of its scores.

    build: makes the cascade of given settings in a folder.
    """
    chosen = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, min(MAX_CLIPS, len(clips))).round().astype(int))]
    trials: list[Trial] = []
    progress.start("search_weights", sum(map(len, GRID.values())))
    best = settings
    with tempfile.TemporaryDirectory(prefix="asl-") as name:
        for key, values in GRID.items():
            for value in values:
                one = replace(best, **{key: value})
                graph = build(one, Path(name))
                trials += _trials(one, graph, chosen, decode)
                progress.advance()
            found = min(trials, key=lambda trial: trial.wer)
            best = replace(best, **{key: getattr(found, key) for key in vars(found) if key != "wer"})
    return SearchedWeights(best, tuple(trials))


def _trials(settings: GraphSettings, graph: Graph, clips: Sequence[tuple[Clip, Reading]], decode: DecodeSettings) -> list[Trial]:
    """The word error rates of one graph under every pair of weights of its scores."""
    parts = [(graph.encoder_part(reading), graph.code_part(reading), graph.rest_part(reading)) for _, reading in clips]
    truth = [list(clip.glosses) for clip, _ in clips]
    decoder = graph.decoder(decode)
    trials = []
    for encoder in ENCODER_WEIGHTS:
        for code in CODE_WEIGHTS if graph.coder else (0.0,):
            read = []
            for of_encoder, of_codes, rest in parts:
                scores = encoder * of_encoder + rest + (0.0 if of_codes is None else code * of_codes)
                read.append(graph.words(decoder.decode(scores)))
            errors = word_errors(truth, read)
            wer = float(errors.errors.sum() / errors.words.sum())
            trials.append(Trial(encoder, code, settings.language_weight, settings.penalty, settings.shortest, round(wer, 5)))
    return trials
