"""`asl train-ctc`: trains a recogniser on the clips of the workspace (SPEC §5, §7)."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import FeatureStore, open_features
from asl.pipelines.corpus.labels import lexicon_input
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model, stage_of
from asl.pipelines.training.clip_selection import ClipSelection, select_clips
from asl.pipelines.training.ctc_report import write_report
from asl.pipelines.training.distributed import SINGLE_PROCESS, Ranks, join, shards_of
from asl.pipelines.training.initialisation import choose_device
from asl.pipelines.training.model_stage import begin, decide, plan_of
from asl.pipelines.training.recogniser_training import STAGE, Choice, train_model
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan
from asl.pipelines.workspace.progress import Progress, Silent


@dataclass
class TrainingResult:
    """Result of `asl train-ctc`. folder: of the model; metrics: flat figures; warnings: messages to show; report: the page.

    leads: whether this is rank 0, the only process that writes and reports.
    """

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    leads: bool = True
    report: str = ""


def run_train_ctc(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    pretrained: str | None = None,
    name: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> TrainingResult:
    """Trains on the train split, validates on the validation split if there is one, and writes models/<name> and
    reports/train-ctc.html.

    pretrained: name or folder of a model whose encoder weights are the starting point. An interrupted run resumes from its
    last epoch. With several processes only rank 0 writes, and the results of the other ranks are empty.
    """
    choice = Choice.of(workspace, flags)
    device = choose_device(choice.train.device)
    ranks = SINGLE_PROCESS if dry_run else join(device, choice.train.devices, choice.train.nodes, choice.train.threads)
    choice = replace(choice, train=replace(choice.train, accumulate=shards_of(choice.train.accumulate, ranks)))
    if ranks.rank:
        return _train_on_other_rank(workspace, choice, pretrained, ranks)
    with ExitStack() as locks:
        ready = None
        try:
            locks.enter_context(workspace.locked("asl train-ctc"))
            ready = _prepare(workspace, choice, pretrained, name, progress, force=force, dry_run=dry_run)
        finally:  # the other ranks wait for this message, even if the preparation fails
            ranks.broadcast(ready.folder if isinstance(ready, _PreparedTraining) else None)
        if isinstance(ready, TrainingResult):
            return ready
        folder, plan = ready.folder, ready.plan
        metrics, warnings = train_model(folder, choice, ready.store, ready.corpus, ready.start, plan.fingerprint, progress, ranks)
        outputs = {workspace.relative(folder / name): file_hash(folder / name) for name in (WEIGHTS, CARD)}
        workspace.record(plan, ready.started, outputs, metrics)
        page = workspace.reports / "train-ctc.html"
        write_report(page, folder, metrics, warnings, choice.train.average)
        return TrainingResult(ready.decision, str(folder), metrics, warnings, report=str(page))


@dataclass(frozen=True)
class _PreparedTraining:
    """Everything that the training needs."""

    decision: Decision
    plan: Plan
    folder: Path
    store: FeatureStore
    corpus: ClipSelection
    start: Path | None
    started: datetime


def _prepare(
    workspace: Workspace, choice: Choice, pretrained: str | None, name: str | None, progress: Progress, *, force: bool,
    dry_run: bool,
) -> _PreparedTraining | TrainingResult:  # fmt: skip
    """Prepares the training, or returns the result if there is nothing to train."""
    clips = read_clips(workspace.clips_file)
    corpus = select_clips(clips, choice.train.min_clips)
    start = find_model(workspace, pretrained) if pretrained else None
    inputs = lexicon_input(choice.phonology.asl_lex) | ({"pretrained": file_hash(start / WEIGHTS)} if start else {})
    plan = plan_of(STAGE, workspace, choice.parts, inputs, (STAGE, stage_of(start)) if start else ())
    folder = workspace.models / (name or f"ctc-{plan.fingerprint[:8]}")
    decision = decide(workspace, plan, folder, force)
    if dry_run or not decision.run:
        metrics = workspace.state(STAGE).get("metrics", {}) if not decision.run else {}
        return TrainingResult(decision, str(folder), dict(metrics))
    begin(folder, plan, anew=force)
    started = datetime.now().astimezone()
    store = open_features(workspace, clips, choice.features, progress)
    return _PreparedTraining(decision, plan, folder, store, corpus, start, started)


def _train_on_other_rank(workspace: Workspace, choice: Choice, pretrained: str | None, ranks: Ranks) -> TrainingResult:
    """Takes part in the training that rank 0 has prepared, and writes nothing."""
    folder = ranks.broadcast(None)
    if folder is not None:
        clips = read_clips(workspace.clips_file)
        start = find_model(workspace, pretrained) if pretrained else None
        store = open_features(workspace, clips, choice.features, Silent())
        train_model(folder, choice, store, select_clips(clips, choice.train.min_clips), start, "", Silent(), ranks)
    return TrainingResult(Decision(False, "only rank 0 reports"), leads=False)
