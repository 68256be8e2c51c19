"""`asl pretrain`: stage 1, which trains an encoder and codebooks on unlabelled clips (SPEC §4, §6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asl.models.features.feature_sets import FEATURE_SETS
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.corpus.labels import lexicon_input
from asl.pipelines.recogniser.model import CARD, WEIGHTS
from asl.pipelines.training.initialisation import choose_device
from asl.pipelines.training.model_stage import begin, decide, plan_of
from asl.pipelines.training.stage1_model import STAGE, pretrain_model
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision
from asl.pipelines.workspace.progress import Progress


@dataclass
class PretrainResult:
    """Result of `asl pretrain`. folder: of the model; metrics: flat figures; report: path of the page."""

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    report: str = ""


def run_pretrain(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    name: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> PretrainResult:
    """Pre-trains on the train split, labelled or not, and writes models/<name> and reports/pretrain.html.

    An interrupted run resumes from its last epoch. Raises BadInput if the features have no phonological part, or if there are
    too few clips.
    """
    pretrain, features, encoder, phonology = (
        workspace.settings(section, flags) for section in ("pretrain", "features", "encoder", "phonology")
    )
    if not FEATURE_SETS[features.features].phonological:
        raise BadInput(
            f"the codebooks quantise phonological features, but '{features.features}' has none",
            "use --features phon36 or phon36+landmarks",
        )
    choose_device(pretrain.device)
    page = workspace.reports / "pretrain.html"
    with workspace.locked("asl pretrain"):
        clips = read_clips(workspace.clips_file)
        parts = (pretrain, features, encoder, phonology)
        plan = plan_of(STAGE, workspace, parts, lexicon_input(phonology.asl_lex))
        folder = workspace.models / (name or f"pretrain-{plan.fingerprint[:8]}")
        decision = decide(workspace, plan, folder, force)
        if dry_run or not decision.run:
            metrics = workspace.state(STAGE).get("metrics", {}) if not decision.run else {}
            return PretrainResult(decision, str(folder), dict(metrics), str(page))
        begin(folder, plan, anew=force)
        started = datetime.now().astimezone()
        store = open_features(workspace, clips, features, progress)
        pretrained = pretrain_model(folder, pretrain, encoder, store, phonology.asl_lex, plan.fingerprint, progress)
        from asl.pipelines.training.pretrain_report import write_report

        train_clips = [clips[i] for i in pretrained.train_indices]
        write_report(page, workspace, train_clips, pretrained, store.fps)
        files = (folder / WEIGHTS, folder / CARD, page)
        workspace.record(plan, started, {workspace.relative(file): file_hash(file) for file in files}, pretrained.metrics)
        return PretrainResult(decision, str(folder), pretrained.metrics, str(page))
