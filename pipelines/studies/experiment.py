"""One run of a study: a recogniser trained and tested with given settings and a seed, stored by its fingerprint.

Models are stored in experiments/<fingerprint>/, with the outcome of every test. A finished run is reused by any study, and an
interrupted training resumes from its last epoch.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.cascade.graph_building import build_graph, coder_for, graph_inputs
from asl.pipelines.cascade.graph_folder import Graph, load_graph
from asl.pipelines.corpus.clips import Clip, read_clips
from asl.pipelines.corpus.feature_store import FeatureStore, open_features
from asl.pipelines.corpus.labels import lexicon_input
from asl.pipelines.jobs.processes import peak_memory_mb
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model, read_card, stage_of
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model
from asl.pipelines.studies.evaluation import measure
from asl.pipelines.training.clip_selection import ClipSelection, select_clips
from asl.pipelines.training.model_stage import begin, plan_of
from asl.pipelines.training.recogniser_training import STAGE as TRAINING
from asl.pipelines.training.recogniser_training import Choice, train_model
from asl.pipelines.training.stage1_model import STAGE as PRETRAINING
from asl.pipelines.training.stage1_model import pretrain_model
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.code_versions import versions_of
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.locks import system_lock
from asl.pipelines.workspace.plans import Plan, settings_of
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings
from asl.pipelines.workspace.settings.training import PretrainSettings
from asl.transducers.alphabet import Alphabet
from asl.transducers.level_names import FULL_CASCADE

STAGE, STAGE_1 = "experiment", "experiment-stage-1"
#: One thread per run, so that its results do not depend on the number of parallel runs.
THREADS = 1


@dataclass(frozen=True)
class Variant:
    """What determines a run, apart from its seed.

    settings: overrides of [train], [encoder], [features], [phonology], [decode] and [graph]. stage_1: overrides of [pretrain]
    if each run begins with its own stage 1, else None. start: a pre-trained model, by name or folder. glosses: the vocabulary,
    () for all. clips_per_gloss: training clips drawn for each gloss with the run's seed, 0 for all.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_1: Mapping[str, Any] | None = None
    start: str = ""
    glosses: tuple[str, ...] = ()
    clips_per_gloss: int = 0


@dataclass(frozen=True)
class Experiment:
    """A variant with a seed. Settings are resolved when the study begins, so that later edits of asl.toml have no effect.

    plan: the plan of the training. decode, split: how the model is tested. pretrain, stage_1: settings and plan of the
    run's own stage 1, if it has one. start: the model whose encoder the training starts from, if one is given. graph: settings
    of the cascade, if the model is tested with one.
    """

    workspace: Workspace
    variant: Variant
    split: str
    choice: Choice
    decode: DecodeSettings
    plan: Plan
    start: Path | None
    pretrain: PretrainSettings | None
    stage_1: Plan | None
    graph: GraphSettings | None

    @property
    def folder(self) -> Path:
        """The model's folder, shared by all tests of the same training."""
        return self.workspace.experiments / self.plan.fingerprint

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.plan.settings) | self._testing | {"split": self.split}

    @property
    def fingerprint(self) -> str:
        files = graph_inputs(self.graph) if self.graph else {}
        return value_hash([self.plan.fingerprint, self._testing, files, self.split, versions_of(*self.tested_with)])

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose code makes the outcome."""
        return (*self.plan.steps, *(self.stage_1.steps if self.stage_1 else ()), *self.tested_with)

    @property
    def tested_with(self) -> tuple[str, ...]:
        """The steps whose code tests the trained model."""
        return ("evaluate", "build-fst") if self.graph else ("evaluate",)

    @property
    def _testing(self) -> dict[str, Any]:
        """Settings that take effect only after training."""
        return settings_of(self.decode, *([self.graph] if self.graph else []))

    @property
    def outcome_file(self) -> Path:
        return self.folder / f"outcome-{self.fingerprint}.json"

    @property
    def outcome(self) -> dict[str, Any] | None:
        """The outcome of the run, or None if its file is missing or incomplete."""
        try:
            return json.loads(self.outcome_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def set_up(workspace: Workspace, variant: Variant, seed: int, split: str) -> Experiment:
    """Resolves a variant's settings. Raises BadInput if they are wrong or name a model that does not exist."""
    run_settings = {"seed": seed, "threads": THREADS}
    choice = Choice.of(workspace, variant.settings)
    choice = replace(choice, train=replace(choice.train, **run_settings))
    lexicon = lexicon_input(choice.phonology.asl_lex)
    start = find_model(workspace, variant.start) if variant.start else None
    inputs = lexicon | ({"pretrained": file_hash(start / WEIGHTS)} if start else {})
    pretrain = stage_1 = None
    if variant.stage_1 is not None:
        pretrain = replace(workspace.settings("pretrain", variant.stage_1), **run_settings)
        stage_1 = plan_of(STAGE_1, workspace, (choice.features, choice.encoder, pretrain), lexicon, ("pretrain",))
        inputs["stage 1"] = stage_1.fingerprint
    plan = plan_of(STAGE, workspace, choice.parts, inputs, (STAGE, *([stage_of(start)] if start else [])))
    data = {"glosses": list(variant.glosses), "clips_a_gloss": variant.clips_per_gloss}
    plan = replace(plan, settings=dict(plan.settings) | data)
    decode = workspace.settings("decode", variant.settings)
    graph = workspace.settings("graph", variant.settings) if decode.decoder == "cascade" else None
    return Experiment(workspace, variant, split, choice, decode, plan, start, pretrain, stage_1, graph)


def run_experiment(experiment: Experiment) -> None:
    """Trains and tests unless the outcome exists, and writes it to the run's folder."""
    experiment.folder.mkdir(parents=True, exist_ok=True)
    with system_lock(experiment.folder / "lock"):  # so that two tests of the same training train only once
        if experiment.outcome:
            return
        clips = read_clips(experiment.workspace.clips_file)
        stage_1 = _train(experiment, clips)
        model = load_model(experiment.folder)
        graph, figures = _cascade(experiment, model, clips) if experiment.graph else (None, {})
        results = measure(experiment.workspace, Reader(model, experiment.decode, graph), clips, experiment.split, Silent())
        lists = ("clips", "read_sentences", "by_gloss", "confusions")
        outcome = {
            "version": 1,
            "seed": experiment.choice.train.seed,
            "settings": experiment.settings,
            "stage_1": stage_1,
            "training": read_card(experiment.folder)["metrics"],
            "graph": figures,
            "history": _history(experiment.folder),
            "results": {key: value for key, value in results.items() if key not in lists},
            "clips": _by_clip(results),
            "memory_mb": peak_memory_mb(),
        }
        write_json(experiment.outcome_file, outcome)


def _train(experiment: Experiment, clips: Sequence[Clip]) -> dict[str, Any]:
    """Trains the model unless it exists. Returns the metrics of its own stage 1, {} if it has none."""
    corpus = _corpus(experiment, clips)
    stage_1 = _stage_1_folder(experiment, len(corpus.alphabet)) if experiment.stage_1 else None
    if not (experiment.folder / CARD).is_file():
        store = open_features(experiment.workspace, clips, experiment.choice.features, Silent())
        if stage_1:
            _run_stage_1(stage_1, experiment, store, len(corpus.alphabet))
        begin(experiment.folder, experiment.plan)
        train_model(
            experiment.folder,
            experiment.choice,
            store,
            corpus,
            stage_1 or experiment.start,
            experiment.plan.fingerprint,
            Silent(),
        )
    return read_card(stage_1)["metrics"] if stage_1 else {}


def _cascade(experiment: Experiment, model: TrainedModel, clips: Sequence[Clip]) -> tuple[Graph, dict[str, Any]]:
    """Builds the cascade from the run's training clips, with the codebooks of its stage 1 if it has one; and its metrics."""
    corpus = _corpus(experiment, clips)
    store = open_features(experiment.workspace, clips, experiment.choice.features, Silent())
    codebooks = _stage_1_folder(experiment, len(corpus.alphabet)) if experiment.stage_1 else None
    folder = experiment.folder / f"graph-{experiment.fingerprint}"
    folder.mkdir(exist_ok=True)
    built, _ = build_graph(
        store, experiment.graph, experiment.decode, model, coder_for(store, codebooks), folder, Silent(), corpus.train
    )
    (cascade_size,) = (size for size in built.sizes if size["name"] == FULL_CASCADE)
    return load_graph(folder, model), dict(built.metrics) | {"file_mb": round(cascade_size["bytes"] / 2**20, 3)}


def _corpus(experiment: Experiment, clips: Sequence[Clip]) -> ClipSelection:
    return narrowed(
        select_clips(clips, experiment.choice.train.min_clips), clips, experiment.variant, experiment.choice.train.seed
    )


def trainings(experiment: Experiment, clips: Sequence[Clip]) -> dict[Path, tuple[str, int]]:
    """The trainings that a run still needs: folder → (stage, passes over a training clip: epochs × clips × members).

    Early stopping may end them before. Raises BadInput as `narrowed` does.
    """
    corpus, train = _corpus(experiment, clips), experiment.choice.train
    needed = {experiment.folder: (TRAINING, train.epochs * len(corpus.train) * train.members)}
    if experiment.stage_1:
        unlabelled = sum(clip.split == "train" for clip in clips)
        folder = _stage_1_folder(experiment, len(corpus.alphabet))
        needed[folder] = (PRETRAINING, experiment.pretrain.epochs * unlabelled)
    if (experiment.folder / CARD).is_file():
        return {}
    return {folder: work for folder, work in needed.items() if not (folder / CARD).is_file()}


def _stage_1_folder(experiment: Experiment, glosses: int) -> Path:
    """Folder of the stage 1 with an encoder for this many glosses, shared by all runs with the same stage 1."""
    return experiment.workspace.experiments / f"stage1-{experiment.stage_1.fingerprint}-{glosses}"


def _run_stage_1(folder: Path, experiment: Experiment, store: FeatureStore, glosses: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with system_lock(folder / "lock"):
        if not (folder / CARD).is_file():
            begin(folder, experiment.stage_1)
            lexicon, fingerprint = experiment.choice.phonology.asl_lex, experiment.stage_1.fingerprint
            pretrain_model(folder, experiment.pretrain, experiment.choice.encoder, store, lexicon, fingerprint, Silent(), glosses)


def narrowed(corpus: ClipSelection, clips: Sequence[Clip], variant: Variant, seed: int) -> ClipSelection:
    """The corpus restricted to the variant's vocabulary and number of training clips per gloss.

    Raises BadInput if fewer than two glosses remain, or if a gloss has too few clips.
    """
    if variant.glosses:
        glosses = set(variant.glosses) & set(corpus.alphabet.glosses)
        if len(glosses) < 2:
            raise BadInput(
                f"{len(glosses)} of the {len(variant.glosses)} glosses have training clips", "use more glosses, or others"
            )
        train, validation = (
            [i for i in indices if glosses.issuperset(clips[i].glosses)] for indices in (corpus.train, corpus.validation)
        )
        corpus = ClipSelection(train, validation, Alphabet(tuple(sorted(glosses))), corpus.left_out)
    if variant.clips_per_gloss:
        corpus = replace(corpus, train=_drawn(corpus, clips, variant.clips_per_gloss, seed))
    return corpus


def _drawn(corpus: ClipSelection, clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """Draws `count` one-sign training clips per gloss. With the same seed, a larger draw contains the smaller one."""
    by_gloss = defaultdict(list)
    for i in corpus.train:
        if len(clips[i].glosses) == 1:
            by_gloss[clips[i].glosses[0]].append(i)
    scarce = {gloss: len(by_gloss[gloss]) for gloss in corpus.alphabet.glosses if len(by_gloss[gloss]) < count}
    if scarce:
        gloss, least = min(scarce.items(), key=lambda pair: (pair[1], pair[0]))
        glosses_have = counted(len(scarce), "gloss has", "glosses have")
        raise BadInput(f"{glosses_have} fewer than {counted(count, 'training clip')} ({gloss} has {least})", "ask for fewer")
    rng = np.random.default_rng(seed)
    return sorted(i for gloss in corpus.alphabet.glosses for i in rng.permutation(by_gloss[gloss])[:count].tolist())


def _by_clip(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Clip id → its scores: top_1, top_5, read_exactly (0 or 1), log_loss (nats) for one sign; errors, words for a sentence."""
    signs = {
        row["id"]: {
            "top_1": float(row["rank"] == 1),
            "top_5": float(row["rank"] <= 5),
            "read_exactly": float(row["exact"]),
            "log_loss": row["log_loss"],
        }
        for row in results.get("clips", [])
    }
    rows = results.get("read_sentences", [])
    return signs | {row["id"]: {"errors": row["errors"], "words": len(row["reference"].split())} for row in rows}


def _history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
