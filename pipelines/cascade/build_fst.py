"""`asl build-fst`: builds the cascade H∘C∘M∘D∘L∘G from the workspace's clips, a model, texts and lexica (SPEC §10)."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_building import BuildResult, build_graph, coder_for, graph_inputs
from asl.pipelines.cascade.graph_folder import CARD, COMPETITORS, TABLES
from asl.pipelines.cascade.report import write_report
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.model import WEIGHTS, find_model, stage_of
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.training.model_stage import decide
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Plan, settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings
from asl.transducers.level_names import FULL_CASCADE, file_name

STAGE = "build-fst"


def run_build_fst(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    model: str | None = None,
    codes: str | None = None,
    name: str | None = None,
    command: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> BuildResult:
    """Builds graphs/<name> for a model (default: the newest). command: the command line, for the report.

    codes: a pre-trained model whose codebooks are used. Default: the newest in the workspace; without one, codebooks are fitted
    to the training clips. Raises BadInput if texts or lexica do not fit, or the graph is too large.
    """
    settings, decode = workspace.settings("graph", flags), workspace.settings("decode", flags)
    with workspace.locked("asl build-fst"):
        clips = read_clips(workspace.clips_file)
        model_folder, codes_folder = find_model(workspace, model), _codes_folder(workspace, codes)
        plan = _plan(workspace, settings, decode, model_folder, codes_folder)
        folder = workspace.graphs / (name or f"cascade-{plan.fingerprint[:8]}")
        decision = decide(workspace, plan, folder, force, "graph")
        if dry_run or not decision.run:
            record = workspace.state(STAGE) if not decision.run else {}
            return BuildResult(decision, str(folder), dict(record.get("metrics", {})))
        started = datetime.now().astimezone()
        trained = load_model(model_folder)
        store = open_features(workspace, clips, trained.features, progress)
        coder = coder_for(store, codes_folder)
        result, details = build_graph(store, settings, decode, trained, coder, folder, progress, competitors=True)
        page = workspace.reports / "build-fst.html"
        write_report(page, result.metrics, result.sizes, details.trials, details.space, command)
        files = [page, *(folder / name for name in (CARD, TABLES, COMPETITORS, file_name(FULL_CASCADE)))]
        workspace.record(plan, started, {workspace.relative(file): file_hash(file) for file in files}, result.metrics)
        result.decision, result.report = decision, str(page)
        return result


def _codes_folder(workspace: Workspace, codes: str | None) -> Path | None:
    """The folder of the pre-trained model whose codebooks are used, or None."""
    if codes:
        return find_model(workspace, codes)
    newest = workspace.state("pretrain").get("metrics", {}).get("model")
    folder = workspace.inside(f"models/{newest}") if newest else None
    return folder if folder and (folder / WEIGHTS).is_file() else None


def _plan(
    workspace: Workspace, settings: GraphSettings, decode: DecodeSettings, model_folder: Path, codes_folder: Path | None
) -> Plan:
    inputs = {"clips": file_hash(workspace.clips_file), "model": file_hash(model_folder / WEIGHTS)}
    inputs |= ({"codes": file_hash(codes_folder / WEIGHTS)} if codes_folder else {}) | graph_inputs(settings)
    steps = (STAGE, stage_of(model_folder), *([stage_of(codes_folder)] if codes_folder else []))
    return Plan(STAGE, settings_of(settings) | {"mirror_average": decode.mirror_average}, inputs, steps)
