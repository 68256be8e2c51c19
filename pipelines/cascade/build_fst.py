"""`asl build-fst`: the cascade H∘C∘M∘D∘L∘G from the workspace's clips, a model, texts and lexica (SPEC §10)."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_building import BuildResult, build_graph, coder_for, graph_inputs
from asl.pipelines.cascade.graph_folder import CARD, COMPETITORS, TABLES
from asl.pipelines.cascade.report import write_report
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.model import WEIGHTS, find_model
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.training.model_stage import decide
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Plan, settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings
from asl.transducers.level_names import WHOLE, file_name

STAGE = "build-fst"
CODE = 3


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
    """Builds graphs/<name> for a model (default: the newest). command: as typed, for the page.

    codes: a pre-trained model whose codebooks are taken; by default the one that the workspace made last, else codebooks are
    fitted to the training clips. Raises BadInput: texts or lexica that do not fit, or a graph too large.
    """
    settings, decode = workspace.settings("graph", flags), workspace.settings("decode", flags)
    with workspace.locked("asl build-fst"):
        clips = read_clips(workspace.clips_file)
        source, books = find_model(workspace, model), _books(workspace, codes)
        plan = _plan(workspace, settings, decode, source, books)
        folder = workspace.graphs / (name or f"cascade-{plan.fingerprint[:8]}")
        decision = decide(workspace, plan, folder, force, "graph")
        if dry_run or not decision.run:
            record = workspace.state(STAGE) if not decision.run else {}
            return BuildResult(decision, str(folder), dict(record.get("metrics", {})))
        started = datetime.now().astimezone()
        trained = load_model(source)
        store = open_features(workspace, clips, trained.features, progress)
        coder = coder_for(store, books)
        found, findings = build_graph(store, settings, decode, trained, coder, folder, progress, rivals=True)
        page = workspace.reports / "build-fst.html"
        write_report(page, found.metrics, found.sizes, findings.trials, findings.space, command)
        files = [page, *(folder / one for one in (CARD, TABLES, COMPETITORS, file_name(WHOLE)))]
        workspace.record(plan, started, {workspace.relative(file): file_hash(file) for file in files}, found.metrics)
        found.decision, found.report = decision, str(page)
        return found


def _books(workspace: Workspace, codes: str | None) -> Path | None:
    """The pre-trained model whose codebooks are taken, if there is one."""
    if codes:
        return find_model(workspace, codes)
    newest = workspace.state("pretrain").get("metrics", {}).get("model")
    folder = workspace.inside(f"models/{newest}") if newest else None
    return folder if folder and (folder / WEIGHTS).is_file() else None


def _plan(workspace: Workspace, settings: GraphSettings, decode: DecodeSettings, model: Path, books: Path | None) -> Plan:
    inputs = {"clips": file_hash(workspace.clips_file), "model": file_hash(model / WEIGHTS)}
    inputs |= ({"codes": file_hash(books / WEIGHTS)} if books else {}) | graph_inputs(settings)
    return Plan(STAGE, settings_of(settings) | {"mirror_average": decode.mirror_average}, inputs, CODE)
