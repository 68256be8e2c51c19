"""Trains the recognisers of one model, for the stage and for studies (SPEC §5, §7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import label_table
from asl.pipelines.recogniser.torch_model import save_model
from asl.pipelines.training.clip_selection import ClipSelection
from asl.pipelines.training.ctc_loop import CtcRun, TrainingOutcome
from asl.pipelines.training.distributed import SINGLE_PROCESS, Ranks
from asl.pipelines.training.examples import examples_of
from asl.pipelines.training.initialisation import build, choose_device, cpu_threads, load_encoder, standardisation_of
from asl.pipelines.training.model_stage import forget
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.settings.training import EncoderSettings, PhonologySettings, TrainSettings

STAGE = "train-ctc"
#: Above this many parameters per training clip, a model is likely to overfit (SPEC §5).
MAX_PARAMETERS_PER_CLIP = 1000
#: Distance between the seeds of two members of a model. It is larger than any series of seeds in a study.
MEMBER_SEED_STEP = 100_003


@dataclass(frozen=True)
class Choice:
    """The settings that determine a recogniser."""

    train: TrainSettings
    features: FeatureSettings
    encoder: EncoderSettings
    phonology: PhonologySettings

    @classmethod
    def of(cls, workspace: Workspace, flags: Mapping[str, Any]) -> "Choice":
        return cls(*(workspace.settings(section, flags) for section in ("train", "features", "encoder", "phonology")))

    @property
    def parts(self) -> tuple[Any, ...]:
        return (self.train, self.features, self.encoder, self.phonology)


def train_model(
    folder: Path,
    choice: Choice,
    store: FeatureStore,
    corpus: ClipSelection,
    start: Path | None,
    fingerprint: str,
    progress: Progress,
    ranks: Ranks = SINGLE_PROCESS,
) -> tuple[dict[str, Any], list[str]]:
    """Trains the recognisers of a model, resuming from the checkpoints in `folder`, and writes the model there.

    start: folder of a model whose encoder weights are the starting point. Returns metrics and warnings, empty except on rank 0.
    """
    train, clips = choice.train, store.clips
    table = label_table([clips[i] for i in corpus.train], choice.phonology.asl_lex)
    data = examples_of(store, corpus, table, standardisation_of(start))
    outcomes = []
    for number in range(train.members):
        settings = replace(train, seed=train.seed + MEMBER_SEED_STEP * number)
        recogniser = build(data.feature_set, len(corpus.alphabet), choice.encoder, settings, table.tiers)
        if start:
            load_encoder(recogniser, start)
        member_folder = folder / f"member{number}" if number else folder
        member_folder.mkdir(exist_ok=True)
        device = ranks.device(choose_device(train.device))
        with cpu_threads(train.threads, recogniser):
            outcomes.append(CtcRun(recogniser, data, settings, member_folder, device, ranks).run(progress))
    if ranks.rank:
        return {}, []
    metrics = _metrics(corpus, clips, outcomes, folder)
    card = {"stage": STAGE, "fingerprint": fingerprint, "training": settings_of(choice.encoder, choice.phonology, train)}
    card |= {"metrics": metrics}
    models = [outcome.model.cpu() for outcome in outcomes]
    save_model(folder, models, corpus.alphabet, choice.features, data.mean, data.deviation, card)
    forget(folder)
    warnings = [warning for outcome in outcomes for warning in outcome.warnings]
    return metrics, warnings + _size_warnings(metrics)


def _metrics(corpus: ClipSelection, clips: Sequence[Clip], outcomes: Sequence[TrainingOutcome], folder: Path) -> dict[str, Any]:
    """Flat figures. Losses and validation scores are means over the members, at the epoch that each kept."""
    best_epochs = [outcome.history[outcome.best_epoch] for outcome in outcomes]
    parameters = outcomes[0].model.parameter_count()

    def mean(key: str) -> float | None:
        return round(float(np.mean([figures[key] for figures in best_epochs])), 4) if key in best_epochs[0] else None

    return {
        "model": folder.name,
        "glosses": len(corpus.alphabet),
        "train_clips": len(corpus.train),
        "synthetic_clips": sum(clips[i].synthetic for i in corpus.train) or None,
        "validation_clips": len(corpus.validation),
        "clips_outside_vocabulary": corpus.left_out,
        "parameters": parameters,
        "parameters_per_clip": round(parameters / len(corpus.train), 1),
        "members": len(outcomes) if len(outcomes) > 1 else None,
        "epochs": len(outcomes[0].history),
        "kept_epoch": outcomes[0].best_epoch + 1,
        "loss": mean("loss"),
        "blank_share": mean("blank_share"),
        "validation_score": mean("validation_score"),
        "seconds": round(sum(figures["seconds"] for outcome in outcomes for figures in outcome.history), 1),
    }


def _size_warnings(metrics: Mapping[str, Any]) -> list[str]:
    if metrics["parameters_per_clip"] <= MAX_PARAMETERS_PER_CLIP:
        return []
    return [
        f"{metrics['parameters_per_clip']:.0f} parameters per training clip; above {MAX_PARAMETERS_PER_CLIP} expect overfitting"
    ]
