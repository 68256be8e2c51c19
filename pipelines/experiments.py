"""One run of a study: a recogniser trained and tested under given settings and a seed, kept by its fingerprint.

Runs lie in experiments/<fingerprint>/ with their outcome; a run that is there is not run again, whatever study asks for it,
and one that was killed goes on from its last epoch.
"""

import json
import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pipelines.checkpoints import load_tensors
from pipelines.clips import Clip, read_clips
from pipelines.errors import AslError, BadInput
from pipelines.evaluation import measure
from pipelines.fan_out import fan_out
from pipelines.features import FeatureStore, open_features
from pipelines.files import file_hash, write_json
from pipelines.labels import lexicon_input
from pipelines.models_folder import CARD, WEIGHTS, find_model, load_model
from pipelines.pretrain import pretrain_model
from pipelines.progress import Progress, Silent
from pipelines.settings import resolve
from pipelines.train_ctc import Choice, Corpus, begin, plan_of, select, train_model
from pipelines.workspace import Plan, Workspace, open_workspace
from transducers.alphabet import Alphabet

OUTCOME = "outcome.json"
STAGE, STAGE_1, CODE = "experiment", "experiment-stage-1", 1
#: Threads of a run: one, so that its figures do not hang on how many run side by side.
THREADS = 1


@dataclass(frozen=True)
class Variant:
    """What a run follows from, beside its seed.

    settings: overrides of [train], [encoder], [features], [phonology] and [decode]. stage_1: overrides of [pretrain] where each
    seed's run begins with a stage 1 of its own, None where it does not. start: a pre-trained model, by name or folder.
    glosses: the vocabulary, () for all. clips_a_gloss: training clips taken of each, 0 for all; drawn by the seed.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    stage_1: Mapping[str, Any] | None = None
    start: str = ""
    glosses: tuple[str, ...] = ()
    clips_a_gloss: int = 0


@dataclass(frozen=True)
class Experiment:
    """A run: of a variant, in a workspace, from a seed, tested on a split."""

    workspace: Path
    variant: Variant
    seed: int
    split: str = "test"


@dataclass(frozen=True)
class Setup:
    """An experiment with its settings resolved and its fingerprint."""

    workspace: Workspace
    choice: Choice
    plan: Plan
    start: Path | None
    stage_1: Plan | None
    folder: Path

    @property
    def outcome(self) -> dict[str, Any] | None:
        """What the run found, if it is there and whole."""
        try:
            return json.loads((self.folder / OUTCOME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def set_up(one: Experiment) -> Setup:
    """Raises BadInput: wrong settings, or no such model."""
    workspace = open_workspace(one.workspace)
    variant, flags = one.variant, dict(one.variant.settings)
    choice = Choice.of(workspace, flags)
    choice = replace(choice, train=replace(choice.train, seed=one.seed, threads=THREADS))
    decode = workspace.settings("decode", flags)
    lexicon = lexicon_input(choice.phonology.asl_lex)
    start = find_model(workspace, variant.start) if variant.start else None
    inputs = dict(lexicon) | ({"pretrained": file_hash(start / WEIGHTS)} if start else {})
    stage_1 = None
    if variant.stage_1 is not None:
        settings = resolve(
            "pretrain", workspace.table("pretrain"), dict(variant.stage_1) | {"seed": one.seed, "threads": THREADS}
        )
        stage_1 = plan_of(STAGE_1, workspace, (choice.features, choice.encoder, settings), lexicon, CODE)
        inputs["stage 1"] = stage_1.fingerprint
    drawn = {"split": one.split, "glosses": list(variant.glosses), "clips_a_gloss": variant.clips_a_gloss}
    plan = plan_of(STAGE, workspace, (*choice.parts, decode), inputs, CODE)
    plan = replace(plan, settings=dict(plan.settings) | drawn)
    return Setup(workspace, choice, plan, start, stage_1, workspace.experiments / plan.fingerprint)


def run_experiment(one: Experiment) -> dict[str, Any]:
    """Trains and tests, unless that has been done; returns the outcome, which is also written to the run's folder."""
    setup = set_up(one)
    if setup.outcome:
        return setup.outcome
    workspace, choice = setup.workspace, setup.choice
    setup.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(setup.folder / "lock"):
        if setup.outcome:  # another study has just run it
            return setup.outcome
        clips = read_clips(workspace.clips_file)
        store = open_features(workspace, clips, choice.features, Silent())
        corpus = narrowed(select(clips, choice.train.min_clips), clips, one)
        start, stage_1 = setup.start, {}
        if setup.stage_1:
            start, stage_1 = _stage_1(one, setup, store, len(corpus.alphabet))
        begin(setup.folder, setup.plan)
        metrics, _ = train_model(setup.folder, choice, store, corpus, start, setup.plan.fingerprint, Silent())
        decode = workspace.settings("decode", dict(one.variant.settings))
        results = measure(workspace, load_model(setup.folder), clips, one.split, decode, Silent())
        outcome = {
            "version": 1,
            "seed": one.seed,
            "settings": dict(setup.plan.settings),
            "stage_1": stage_1,
            "training": metrics,
            "history": _history(setup.folder),
            "results": {
                key: value for key, value in results.items() if key not in ("clips", "read_sentences", "by_gloss", "confusions")
            },
            "clips": _by_clip(results),
            "memory_mb": peak_memory_mb(),
        }
        write_json(setup.folder / OUTCOME, json.loads(json.dumps(outcome)))
        return outcome


def run_all(
    workspace: Workspace, missing: Mapping[tuple[str, int], Experiment], jobs: int, progress: Progress, *, fresh: bool = False
) -> list[str]:
    """Runs experiments, by name and seed, over processes; what failed, in words. Wrong settings or clips end it at once.

    fresh: each in a process of its own, as its peak memory is wanted.
    """
    for one in {repr(set_up(one).choice.features): one for one in missing.values()}.values():
        # Once here, lest every process makes them.
        open_features(workspace, read_clips(workspace.clips_file), set_up(one).choice.features, progress)
    progress.start("runs", len(missing))
    keys, failed = {id(one): key for key, one in missing.items()}, []
    for one, future in fan_out(run_experiment, list(missing.values()), jobs, fresh=fresh):
        condition, seed = keys[id(one)]
        error = future.exception()
        if isinstance(error, BadInput):
            raise error
        if error is not None:
            words = error.message if isinstance(error, AslError) else f"{type(error).__name__}: {error}"
            failed.append(f"{condition}, seed {seed}: {words}")
            progress.warn(failed[-1])
        progress.advance(1, f"{condition}, seed {seed}")
    return failed


def _stage_1(one: Experiment, setup: Setup, store: FeatureStore, glosses: int) -> tuple[Path, dict[str, Any]]:
    """The folder of the seed's own stage 1, made where it is not there yet, and its figures."""
    workspace, choice = setup.workspace, setup.choice
    settings = resolve(
        "pretrain", workspace.table("pretrain"), dict(one.variant.stage_1) | {"seed": one.seed, "threads": THREADS}
    )
    folder = workspace.experiments / f"stage1-{setup.stage_1.fingerprint}-{glosses}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / CARD).is_file():
            begin(folder, setup.stage_1)
            lexicon, mark = choice.phonology.asl_lex, setup.stage_1.fingerprint
            pretrain_model(folder, settings, choice.encoder, store, lexicon, mark, Silent(), glosses)
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    load_tensors(folder / WEIGHTS)
    return folder, card["metrics"]


def narrowed(corpus: Corpus, clips: Sequence[Clip], one: Experiment) -> Corpus:
    """The corpus with the variant's vocabulary and as many training clips of each gloss as it says.

    Raises BadInput: no gloss left, or fewer clips of a gloss than asked for.
    """
    variant = one.variant
    if variant.glosses:
        kept = set(variant.glosses) & set(corpus.alphabet.glosses)
        if len(kept) < 2:
            raise BadInput(
                f"{len(kept)} of the {len(variant.glosses)} glosses have training clips", "take more, or other glosses"
            )
        fits = {split: [i for i in own if kept.issuperset(clips[i].glosses)] for split, own in _splits(corpus).items()}
        corpus = Corpus(fits["train"], fits["validation"], Alphabet(tuple(sorted(kept))), corpus.left_out)
    if variant.clips_a_gloss:
        corpus = replace(corpus, train=_drawn(corpus, clips, variant.clips_a_gloss, one.seed))
    return corpus


def _splits(corpus: Corpus) -> dict[str, list[int]]:
    return {"train": corpus.train, "validation": corpus.validation}


def _drawn(corpus: Corpus, clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """`count` one-sign training clips of each gloss. A larger draw of the same seed holds the smaller one."""
    own = defaultdict(list)
    for i in corpus.train:
        if len(clips[i].glosses) == 1:
            own[clips[i].glosses[0]].append(i)
    scarce = Counter({gloss: len(own[gloss]) for gloss in corpus.alphabet.glosses if len(own[gloss]) < count})
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


def peak_memory_mb() -> float:
    """Of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
