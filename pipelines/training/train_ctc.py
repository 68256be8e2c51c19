"""`asl train-ctc`: a recogniser from the workspace's clips (SPEC §5, §7)."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import FeatureStore, open_features
from asl.pipelines.corpus.labels import lexicon_input
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model
from asl.pipelines.training.clip_selection import ClipSelection, select_clips
from asl.pipelines.training.distributed import ALONE, Ranks, join, shards_of
from asl.pipelines.training.initialisation import choose_device
from asl.pipelines.training.model_stage import begin, decide, plan_of
from asl.pipelines.training.recogniser_training import STAGE, Choice, train_model
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan
from asl.pipelines.workspace.progress import Progress, Silent

CODE = 5


@dataclass
class TrainingResult:
    """What `asl train-ctc` did. folder: the model's; metrics: flat figures; warnings: for a person.

    leads: whether this process is the one that writes and speaks, among those that train together.
    """

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    leads: bool = True


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
    """Trains on the train split, validates on the validation split if there is one, and writes models/<name>.

    pretrained: a model folder whose encoder weights are the start. A killed run goes on from its last epoch. Of several
    processes that train together only the first writes; what the others return is of no use.
    """
    choice = Choice.of(workspace, flags)
    device = choose_device(choice.train.device)
    ranks = ALONE if dry_run else join(device, choice.train.devices, choice.train.nodes, choice.train.threads)
    choice = replace(choice, train=replace(choice.train, accumulate=shards_of(choice.train.accumulate, ranks)))
    if ranks.rank:
        return _follow(workspace, choice, pretrained, ranks)
    with ExitStack() as held:
        ready = None
        try:
            held.enter_context(workspace.locked("asl train-ctc"))
            ready = _prepare(workspace, choice, pretrained, name, progress, force=force, dry_run=dry_run)
        finally:  # the others wait for it, whatever comes
            ranks.tell(ready.folder if isinstance(ready, _Ready) else None)
        if isinstance(ready, TrainingResult):
            return ready
        folder, plan = ready.folder, ready.plan
        metrics, warnings = train_model(folder, choice, ready.store, ready.corpus, ready.start, plan.fingerprint, progress, ranks)
        outputs = {workspace.relative(folder / part_): file_hash(folder / part_) for part_ in (WEIGHTS, CARD)}
        workspace.record(plan, ready.started, outputs, metrics)
        return TrainingResult(ready.decision, str(folder), metrics, warnings)


@dataclass(frozen=True)
class _Ready:
    """All that a training needs."""

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
) -> _Ready | TrainingResult:  # fmt: skip
    """Decides, and makes what the training needs; where nothing is to be trained, what there is to say."""
    clips = read_clips(workspace.clips_file)
    corpus = select_clips(clips, choice.train.min_clips)
    start = find_model(workspace, pretrained) if pretrained else None
    inputs = lexicon_input(choice.phonology.asl_lex) | ({"pretrained": file_hash(start / WEIGHTS)} if start else {})
    plan = plan_of(STAGE, workspace, choice.parts, inputs, CODE)
    folder = workspace.models / (name or f"ctc-{plan.fingerprint[:8]}")
    decision = decide(workspace, plan, folder, force)
    if dry_run or not decision.run:
        metrics = workspace.state(STAGE).get("metrics", {}) if not decision.run else {}
        return TrainingResult(decision, str(folder), dict(metrics))
    begin(folder, plan, anew=force)
    started = datetime.now().astimezone()
    store = open_features(workspace, clips, choice.features, progress)
    return _Ready(decision, plan, folder, store, corpus, start, started)


def _follow(workspace: Workspace, choice: Choice, pretrained: str | None, ranks: Ranks) -> TrainingResult:
    """Trains with the others what the first has prepared, and writes nothing."""
    folder = ranks.tell(None)
    if folder is not None:
        clips = read_clips(workspace.clips_file)
        start = find_model(workspace, pretrained) if pretrained else None
        store = open_features(workspace, clips, choice.features, Silent())
        train_model(folder, choice, store, select_clips(clips, choice.train.min_clips), start, "", Silent(), ranks)
    return TrainingResult(Decision(False, "the first process has the word"), leads=False)
