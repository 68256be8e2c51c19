"""`asl export`: writes a model and its cascade as a bundle that runs without torch, after checks (SPEC §15)."""

import json
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import CARD as GRAPH_CARD
from asl.pipelines.cascade.graph_folder import find_graph
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.deployment.bundle_checks import EngineCheck
from asl.pipelines.deployment.bundle_writer import write_bundle
from asl.pipelines.deployment.earlier_bundle import check_replaceable
from asl.pipelines.deployment.pruned_model import prune_model
from asl.pipelines.recogniser import bundle
from asl.pipelines.recogniser.bundle import is_bundle
from asl.pipelines.recogniser.model import SHIPPED, chosen_model, find_model, stage_of
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import UNFINISHED_FOLDER, file_hash
from asl.pipelines.workspace.folder import GRAPH_STAGES, Workspace
from asl.pipelines.workspace.plans import Decision, Plan, settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.studies import ExportSettings

STAGE = "export"
#: Metrics of asl evaluate on the card.
CARD_METRICS = ("top_1", "top_5", "read_exactly", "wer_greedy", "wer_ctc_beam", "wer_cascade")


@dataclass
class ExportResult:
    """The result of `asl export`. folder: of the bundle."""

    decision: Decision
    folder: str = ""
    variants: list[EngineCheck] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)


def run_export(
    workspace: Workspace, flags: Mapping[str, Any], progress: Progress, *, model: str | None = None, graph: str | None = None,
    name: str | None = None, output: Path | None = None, licence: str = "", accuracy: Sequence[str] = (), force: bool = False,
    dry_run: bool = False,
) -> ExportResult:  # fmt: skip
    """Writes bundles/<name>, or `output`. model: default that of the workspace. graph: default the newest, if it fits.

    licence, accuracy: for the card. Raises AslError if the bundle deviates from the model, BadInput if its folder holds what asl
    did not write; nothing is written then.
    """
    settings = workspace.settings("export", flags)
    with workspace.locked("asl export"):
        trained = load_model(_model_folder(workspace, model))
        cascade = _graph_of(workspace, trained, graph)
        folder = output or workspace.bundles / (name or _name(trained, settings))
        options = {"licence": licence, "accuracy": list(accuracy), "to": _recorded_path(workspace, folder)}
        plan = _plan(workspace, settings, trained, cascade, options)
        decision = workspace.decide(plan, force=force)
        if not decision.run and not is_bundle(folder):
            decision = Decision(True, f"{folder} does not exist")
        if decision.run:
            check_replaceable(folder)
        if dry_run or not decision.run:
            return ExportResult(decision, str(folder), metrics=dict(workspace.state(STAGE).get("metrics", {})))
        if trained.features_note:
            progress.warn(trained.features_note)
        started = datetime.now().astimezone()
        clips = read_clips(workspace.clips_file) if workspace.clips_file.is_file() else []
        store = open_features(workspace, clips, trained.features, progress) if clips else None
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=UNFINISHED_FOLDER) as unfinished:
            new_bundle = Path(unfinished) / "bundle"
            card_fields = {"name": name or folder.name, "accuracy": [*accuracy, *_evaluated(workspace, trained)]}
            card_fields |= {"licence": licence} if licence else {}
            original = trained if settings.prune else None
            if settings.prune:
                target = workspace.models / _name(trained, replace(settings, int8=False))
                trained = prune_model(trained, settings.prune, settings.recovery_epochs, store, target, progress)
                if cascade:
                    progress.warn(
                        "the bundle has no cascade, because it was built for the model before pruning; "
                        f"build one: asl build-fst --model {shlex.quote(target.name)}"
                    )
                cascade = None
            split_by = workspace.state("extract").get("metrics", {}).get("split_by", "?")
            variants = write_bundle(new_bundle, trained, cascade, settings, store, card_fields, progress, original, split_by)
            check_replaceable(folder)  # again: pruning may have taken hours
            shutil.rmtree(folder, ignore_errors=True)
            new_bundle.replace(folder)
        metrics = _metrics(folder, trained, cascade, variants)
        card = folder / bundle.CARD
        outputs = {_recorded_path(workspace, card): file_hash(card)} if _inside(workspace, card) else {}
        workspace.record(plan, started, outputs, metrics)
        return ExportResult(decision, str(folder), variants, metrics)


def _inside(workspace: Workspace, path: Path) -> bool:
    return path.resolve().is_relative_to(workspace.folder.resolve())


def _model_folder(workspace: Workspace, given: str | None) -> Path:
    """The model to export. Raises BadInput if the one that was chosen is a bundle."""
    name = chosen_model(workspace, given)
    if name == SHIPPED or is_bundle(workspace.bundles / name):
        raise BadInput(f"{name} is a bundle already", "name a model to export: asl export --model NAME")
    return find_model(workspace, name)


def _recorded_path(workspace: Workspace, path: Path) -> str:
    """The path for records: relative to the workspace if it is inside, as a workspace may be moved."""
    return path.resolve().relative_to(workspace.folder.resolve()).as_posix() if _inside(workspace, path) else str(path)


def _evaluated(workspace: Workspace, model: TrainedModel) -> list[str]:
    """The last metrics of asl evaluate, as a line for the card, if they are of exactly this model."""
    metrics = workspace.state("evaluate").get("metrics", {})
    if metrics.get("model") != model.folder.name or workspace.state("evaluate")["inputs"].get("model") != model.weights_hash:
        return []
    figures = ", ".join(f"{key.replace('_', ' ')} {metrics[key]}" for key in CARD_METRICS if key in metrics)
    where = f"on the {metrics['split']} split of its workspace (split by {metrics['split_by']})"
    known = f"; of those in the vocabulary, {metrics['in_vocabulary']}" if "in_vocabulary" in metrics else ""
    intervals = f"; 95 % intervals {metrics['intervals']}" if "intervals" in metrics else ""
    synthetic = f"; {metrics['synthetic']}" if metrics.get("synthetic") else ""
    return [f"{figures} {where}{known}{intervals}{synthetic}"]


def _name(model: TrainedModel, settings: ExportSettings) -> str:
    """The default name of a bundle."""
    pruned = f"-pruned{round(100 * settings.prune)}" if settings.prune else ""
    return f"{model.folder.name}{pruned}{'-int8' if settings.int8 else ''}"


def _graph_of(workspace: Workspace, model: TrainedModel, given: str | None) -> Path | None:
    """The folder of the cascade to include; None if there is none, or the newest was built for another model."""
    if not given and not workspace.newest(GRAPH_STAGES, "graph"):
        return None
    folder = find_graph(workspace, given)
    matches = json.loads((folder / GRAPH_CARD).read_text(encoding="utf-8")).get("model") == model.weights_hash
    if given and not matches:
        raise BadInput(
            f"the graph {folder.name} was built for another model", f"asl build-fst --model {shlex.quote(model.folder.name)}"
        )
    return folder if matches else None


def _plan(workspace: Workspace, settings: ExportSettings, model: TrainedModel, graph: Path | None, options: Mapping) -> Plan:
    inputs = {"model": model.weights_hash} | ({"graph": file_hash(graph / GRAPH_CARD)} if graph else {})
    inputs |= {"clips": file_hash(workspace.clips_file)} if workspace.clips_file.is_file() else {}
    steps = (STAGE, stage_of(model.folder), *(["build-fst"] if graph else []))
    return Plan(STAGE, settings_of(settings) | dict(options), inputs, steps)


def _metrics(folder: Path, model: TrainedModel, graph: Path | None, variants: Sequence[EngineCheck]) -> dict[str, Any]:
    last, (exact,) = variants[-1], [variant for variant in variants if variant.name == "onnx"]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    metrics = {
        "bundle": str(folder),
        "from": model.folder.name,
        "graph": graph.name if graph else None,
        "glosses": len(model.alphabet),
    }
    metrics |= {"streams": model.streams, "megabytes": round(size / 1e6, 2)}
    metrics |= {"off_nats": float(f"{exact.off:.1e}"), "same_top_1": round(last.agree, 4)}
    metrics |= {"top_1": round(last.top_1, 4)} if last.top_1 is not None else {}
    return metrics | {"checked_on": json.loads((folder / bundle.CARD).read_text(encoding="utf-8"))["checked_on"]}
