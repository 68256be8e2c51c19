"""One run of a study: a recogniser trained and tested under given settings and a seed, kept by its fingerprint.

Models lie in experiments/<fingerprint>/, with the outcome of every test of them; what is there is not run again, whatever
study asks for it, and a training that was killed goes on from its last epoch.
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
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model, read_card
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model
from asl.pipelines.studies.evaluation import measure
from asl.pipelines.training.clip_selection import ClipSelection, select_clips
from asl.pipelines.training.model_stage import begin, plan_of
from asl.pipelines.training.recogniser_training import Choice, train_model
from asl.pipelines.training.stage1_model import pretrain_model
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.locks import system_lock
from asl.pipelines.workspace.plans import Plan, settings_of
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings
from asl.pipelines.workspace.settings.training import PretrainSettings
from asl.transducers.alphabet import Alphabet
from asl.transducers.level_names import WHOLE

STAGE, STAGE_1, CODE = "experiment", "experiment-stage-1", 2
#: Threads of a run: one, so that its figures do not hang on how many run side by side.
THREADS = 1


@dataclass(frozen=True)
class Variant:
    """What a run follows from, beside its seed.

    settings: overrides of [train], [encoder], [features], [phonology], [decode] and [graph]. stage_1: overrides of [pretrain]
    where each seed's run begins with a stage 1 of its own, None where it does not. start: a pre-trained model, by name or folder.
    glosses: the vocabulary, () for all. clips_a_gloss: training clips taken of each, 0 for all; drawn by the seed.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_1: Mapping[str, Any] | None = None
    start: str = ""
    glosses: tuple[str, ...] = ()
    clips_a_gloss: int = 0


@dataclass(frozen=True)
class Experiment:
    """A variant run from a seed, its settings resolved when the study began: what is edited meanwhile does not count.

    plan: of its training; how it is tested is in decode and split. pretrain, stage_1: settings and plan of the stage 1 that it
    begins with, if it does; start: the model whose encoder it starts from, if that is given. graph: of the cascade that is built
    for the model, where that is how it is tested.
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
        """Of the model: tests of one training share it."""
        return self.workspace.experiments / self.plan.fingerprint

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.plan.settings) | self._testing | {"split": self.split}

    @property
    def fingerprint(self) -> str:
        files = graph_inputs(self.graph) if self.graph else {}
        return value_hash([self.plan.fingerprint, self._testing, *([files] if files else []), self.split, CODE])

    @property
    def _testing(self) -> dict[str, Any]:
        """Settings that only count after training."""
        return settings_of(self.decode, *([self.graph] if self.graph else []))

    @property
    def outcome_file(self) -> Path:
        return self.folder / f"outcome-{self.fingerprint}.json"

    @property
    def outcome(self) -> dict[str, Any] | None:
        """What the run found, if it is there and whole."""
        try:
            return json.loads(self.outcome_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def set_up(workspace: Workspace, variant: Variant, seed: int, split: str) -> Experiment:
    """Raises BadInput: wrong settings, or no such model."""
    own = {"seed": seed, "threads": THREADS}
    choice = Choice.of(workspace, variant.settings)
    choice = replace(choice, train=replace(choice.train, **own))
    lexicon = lexicon_input(choice.phonology.asl_lex)
    start = find_model(workspace, variant.start) if variant.start else None
    inputs = lexicon | ({"pretrained": file_hash(start / WEIGHTS)} if start else {})
    pretrain = stage_1 = None
    if variant.stage_1 is not None:
        pretrain = replace(workspace.settings("pretrain", variant.stage_1), **own)
        stage_1 = plan_of(STAGE_1, workspace, (choice.features, choice.encoder, pretrain), lexicon, CODE)
        inputs["stage 1"] = stage_1.fingerprint
    plan = plan_of(STAGE, workspace, choice.parts, inputs, CODE)
    drawn = {"glosses": list(variant.glosses), "clips_a_gloss": variant.clips_a_gloss}
    plan = replace(plan, settings=dict(plan.settings) | drawn)
    decode = workspace.settings("decode", variant.settings)
    graph = workspace.settings("graph", variant.settings) if decode.decoder == "cascade" else None
    return Experiment(workspace, variant, split, choice, decode, plan, start, pretrain, stage_1, graph)


def run_experiment(one: Experiment) -> None:
    """Trains and tests, unless that has been done, and writes the outcome to the run's folder."""
    one.folder.mkdir(parents=True, exist_ok=True)
    with system_lock(one.folder / "lock"):  # two tests of one training: both may do it, once is cheaper
        if one.outcome:
            return
        clips = read_clips(one.workspace.clips_file)
        stage_1 = _trained(one, clips)
        model = load_model(one.folder)
        graph, figures = _cascade(one, model, clips) if one.graph else (None, {})
        results = measure(one.workspace, Reader(model, one.decode, graph), clips, one.split, Silent())
        lists = ("clips", "read_sentences", "by_gloss", "confusions")
        outcome = {
            "version": 1,
            "seed": one.choice.train.seed,
            "settings": one.settings,
            "stage_1": stage_1,
            "training": read_card(one.folder)["metrics"],
            "graph": figures,
            "history": _history(one.folder),
            "results": {key: value for key, value in results.items() if key not in lists},
            "clips": _by_clip(results),
            "memory_mb": peak_memory_mb(),
        }
        write_json(one.outcome_file, outcome)


def _trained(one: Experiment, clips: Sequence[Clip]) -> dict[str, Any]:
    """Sees to it that the model is there; the figures of the stage 1 that it began with."""
    corpus = _corpus(one, clips)
    first = _stage_1_folder(one, len(corpus.alphabet)) if one.stage_1 else None
    if not (one.folder / CARD).is_file():
        store = open_features(one.workspace, clips, one.choice.features, Silent())
        if first:
            _run_stage_1(first, one, store, len(corpus.alphabet))
        begin(one.folder, one.plan)
        train_model(one.folder, one.choice, store, corpus, first or one.start, one.plan.fingerprint, Silent())
    return read_card(first)["metrics"] if first else {}


def _cascade(one: Experiment, model: TrainedModel, clips: Sequence[Clip]) -> tuple[Graph, dict[str, Any]]:
    """The cascade of a run's own training clips, and its figures. With a stage 1 it has the codebooks of that."""
    corpus = _corpus(one, clips)
    store = open_features(one.workspace, clips, one.choice.features, Silent())
    books = _stage_1_folder(one, len(corpus.alphabet)) if one.stage_1 else None
    folder = one.folder / f"graph-{one.fingerprint}"
    folder.mkdir(exist_ok=True)
    found, _ = build_graph(store, one.graph, one.decode, model, coder_for(store, books), folder, Silent(), corpus.train)
    (whole,) = (size for size in found.sizes if size["name"] == WHOLE)
    return load_graph(folder, model), dict(found.metrics) | {"file_mb": round(whole["bytes"] / 2**20, 3)}


def _corpus(one: Experiment, clips: Sequence[Clip]) -> ClipSelection:
    return narrowed(select_clips(clips, one.choice.train.min_clips), clips, one.variant, one.choice.train.seed)


def _stage_1_folder(one: Experiment, glosses: int) -> Path:
    """Of the stage 1 of these settings with an encoder for so many glosses; runs that begin alike share it."""
    return one.workspace.experiments / f"stage1-{one.stage_1.fingerprint}-{glosses}"


def _run_stage_1(folder: Path, one: Experiment, store: FeatureStore, glosses: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with system_lock(folder / "lock"):
        if not (folder / CARD).is_file():
            begin(folder, one.stage_1)
            lexicon, mark = one.choice.phonology.asl_lex, one.stage_1.fingerprint
            pretrain_model(folder, one.pretrain, one.choice.encoder, store, lexicon, mark, Silent(), glosses)


def narrowed(corpus: ClipSelection, clips: Sequence[Clip], variant: Variant, seed: int) -> ClipSelection:
    """The corpus with the variant's vocabulary and as many training clips of each gloss as it says.

    Raises BadInput: no gloss left, or fewer clips of a gloss than asked for.
    """
    if variant.glosses:
        kept = set(variant.glosses) & set(corpus.alphabet.glosses)
        if len(kept) < 2:
            raise BadInput(
                f"{len(kept)} of the {len(variant.glosses)} glosses have training clips", "take more, or other glosses"
            )
        train, validation = ([i for i in own if kept.issuperset(clips[i].glosses)] for own in (corpus.train, corpus.validation))
        corpus = ClipSelection(train, validation, Alphabet(tuple(sorted(kept))), corpus.left_out)
    if variant.clips_a_gloss:
        corpus = replace(corpus, train=_drawn(corpus, clips, variant.clips_a_gloss, seed))
    return corpus


def _drawn(corpus: ClipSelection, clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """`count` one-sign training clips of each gloss. A larger draw of the same seed holds the smaller one."""
    own = defaultdict(list)
    for i in corpus.train:
        if len(clips[i].glosses) == 1:
            own[clips[i].glosses[0]].append(i)
    scarce = {gloss: len(own[gloss]) for gloss in corpus.alphabet.glosses if len(own[gloss]) < count}
    if scarce:
        gloss, least = min(scarce.items(), key=lambda pair: (pair[1], pair[0]))
        raise BadInput(f"{len(scarce)} glosses have fewer than {count} training clips ({gloss} has {least})", "ask for fewer")
    rng = np.random.default_rng(seed)
    return sorted(i for gloss in corpus.alphabet.glosses for i in rng.permutation(own[gloss])[:count].tolist())


def _by_clip(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Clip → its scores: of one sign top_1, top_5, read_exactly (0 or 1) and log_loss (nats); of a sentence errors and words."""
    signs = {
        row["name"]: {
            "top_1": float(row["rank"] == 1),
            "top_5": float(row["rank"] <= 5),
            "read_exactly": float(row["exact"]),
            "log_loss": row["log_loss"],
        }
        for row in results.get("clips", [])
    }
    rows = results.get("read_sentences", [])
    return signs | {row["name"]: {"errors": row["errors"], "words": len(row["reference"].split())} for row in rows}


def _history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
