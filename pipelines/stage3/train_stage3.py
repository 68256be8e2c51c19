"""`asl train-stage3`: discriminative training of a recogniser and its cascade (SPEC §11)."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from asl.models.features.tiers import FORM, FORMS
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.discriminative import CascadeWeights
from asl.pipelines.cascade.graph_folder import CARD as GRAPH_CARD
from asl.pipelines.cascade.graph_folder import (
    COMPETITORS,
    SCORE_WEIGHTS,
    TABLES,
    Graph,
    find_graph,
    frame_labels_of,
    load_graph,
    save_graph,
)
from asl.pipelines.cascade.units.alignments import usable_clips
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import FeatureStore, open_features
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model, stage_of
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model, save_model
from asl.pipelines.stage3.batches import Stage3Model
from asl.pipelines.stage3.cases import Case, RefusedClip, make_cases
from asl.pipelines.stage3.competitor_search import search_workers
from asl.pipelines.stage3.loop import Stage3Data, Stage3Run, Weights
from asl.pipelines.stage3.report import write_report
from asl.pipelines.stage3.validation import ReadingChange, Validator, halves
from asl.pipelines.training.initialisation import choose_device, cpu_threads
from asl.pipelines.training.model_stage import begin, decide, forget
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan, settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.pipelines.workspace.settings.training import Stage3Settings
from asl.transducers.level_names import FULL_CASCADE, file_name

STAGE = "train-stage3"


@dataclass
class Stage3Result:
    """Result of `asl train-stage3`. folder: of the model; graph: folder of the cascade; refused: clips trained by CTC alone."""

    decision: Decision
    folder: str = ""
    graph: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    refused: list[RefusedClip] = field(default_factory=list)
    report: str = ""


def run_train_stage3(
    workspace: Workspace, flags: Mapping[str, Any], progress: Progress, *, model: str | None = None, graph: str | None = None,
    name: str | None = None, command: str = "", force: bool = False, dry_run: bool = False,
) -> Stage3Result:  # fmt: skip
    """Trains models/<name> from a stage-2 model, and writes its cascade with the trained weights to graphs/<name>.

    model: default is the newest made by asl train-ctc. graph: default is the newest made by asl build-fst. An interrupted run
    resumes from its last epoch. Raises BadInput if graph and model do not fit, or the graph accepts none of the training clips.
    """
    settings, decode = workspace.settings("stage3", flags), workspace.settings("decode", flags)
    device = choose_device(settings.device)
    where = Workers(settings.workers, workspace.settings("cluster", flags).cluster)
    with workspace.locked("asl train-stage3"):
        clips = read_clips(workspace.clips_file)
        source_graph = find_graph(workspace, graph, stages=("build-fst",))
        source_model = find_model(workspace, model, stages=("train-ctc",))
        plan = _plan(workspace, settings, decode, source_model, source_graph)
        name = name or f"stage3-{plan.fingerprint[:8]}"
        folder, graph_folder = workspace.models / name, workspace.graphs / name
        decision = decide(workspace, plan, folder, force)
        if dry_run or not decision.run:
            record = workspace.state(STAGE) if not decision.run else {}
            return Stage3Result(decision, str(folder), str(graph_folder), dict(record.get("metrics", {})))
        trained = load_model(source_model)
        initial_graph = load_graph(source_graph, trained)
        begin(folder, plan, anew=force)
        started = datetime.now().astimezone()
        store = open_features(workspace, clips, trained.features, progress)
        result, history, changes, wer_before = train(
            folder, graph_folder, settings, decode, trained, initial_graph, store, device, where, plan.fingerprint, progress
        )
        page = workspace.reports / "train-stage3.html"
        write_report(page, result.metrics, history, changes, result.refused, command, wer_before)
        files = [page, folder / WEIGHTS, folder / CARD]
        files += [graph_folder / file for file in (GRAPH_CARD, TABLES, file_name(FULL_CASCADE))]
        workspace.record(plan, started, {workspace.relative(file): file_hash(file) for file in files}, result.metrics)
        result.decision, result.report = decision, str(page)
        return result


def _plan(workspace: Workspace, settings: Stage3Settings, decode: DecodeSettings, model: Path, graph: Path) -> Plan:
    relevant = {key: value for key, value in settings_of(settings).items() if key not in ("device", "threads", "workers")}
    relevant |= {key: getattr(decode, key) for key in ("mirror_average", "graph_beam", "most_active")}
    inputs = {"clips": file_hash(workspace.clips_file), "stage 2": file_hash(model / WEIGHTS)}
    return Plan(STAGE, relevant, inputs | {"graph": file_hash(graph / GRAPH_CARD)}, (STAGE, stage_of(model)))


def train(
    folder: Path, graph_folder: Path, settings: Stage3Settings, decode: DecodeSettings, trained: TrainedModel,
    initial_graph: Graph, store: FeatureStore, device: torch.device, where: Workers, fingerprint: str, progress: Progress,
) -> tuple[Stage3Result, list[dict[str, Any]], list[ReadingChange], float | None]:  # fmt: skip
    """Trains, and writes model and graph.

    Returns the result, the figures of each epoch, the changes on the clips that measure, and the word error rate on the tuning
    clips before training.
    """
    tuning, measuring = (Validator(store, half, decode) for half in halves(usable_clips(store.clips, trained, "validation")))
    run, better, refused = _run(folder, settings, trained, initial_graph, tuning, device, where, progress)
    members, graph = run.result()
    card = {key: trained.card[key] for key in ("training", "metrics") if key in trained.card}
    card |= {"stage": STAGE, "fingerprint": fingerprint, "from": trained.folder.name, "stage3": settings_of(settings)}
    save_model(folder, members, trained.alphabet, trained.features, trained.mean, trained.deviation, card)
    finished = load_model(folder)
    final_graph = write_graph(graph, graph_folder, finished)
    changes = measuring.changes((trained, run.graph_before()), (finished, final_graph)) if measuring.indices else []
    forget(folder)
    metrics = {"model": folder.name, "graph": graph_folder.name, "from": trained.folder.name, "criterion": settings.criterion}
    metrics |= {"train_clips": len(run.data.cases), "refused_clips": len(refused), "epochs": len(run.history)}
    metrics |= {"tuning_clips": len(tuning.indices), "better": better} if tuning.indices else {}
    # Without clips to measure on, no claim about improvement is made.
    metrics |= measuring.word_error_rates(changes) if changes else {}
    metrics |= _score_weights(run.graph_before(), final_graph)
    metrics |= {"seconds": round(sum(figures["seconds"] for figures in run.history), 1)}
    return (
        Stage3Result(Decision(True, ""), str(folder), str(graph_folder), metrics, refused),
        run.history,
        changes,
        run.before and run.before[0],
    )


def _run(
    folder: Path, settings: Stage3Settings, trained: TrainedModel, initial_graph: Graph, tuning: Validator,
    device: torch.device, where: Workers, progress: Progress,
) -> tuple[Stage3Run, bool, list[RefusedClip]]:  # fmt: skip
    """A finished run, whether it is no worse than the initial model, and the clips that the cascade does not accept."""
    store = tuning.store
    indices = usable_clips(store.clips, trained, "train")
    if not indices:
        raise BadInput(
            "no training clip has only glosses of the model's vocabulary", "run this in the workspace that the model comes from"
        )

    def tune(members: Sequence[RecogniserNetwork], graph: Graph) -> tuple[float, Weights]:
        return tuning.best_weights(replace(trained, recognisers=tuple(members)), graph)

    graph = initial_graph.folder / COMPETITORS
    graph = graph if graph.is_file() else initial_graph.folder / file_name(FULL_CASCADE)
    beam = max(tuning.decode.graph_beam, settings.lattice_beam)
    with search_workers(graph, beam, settings.lattice_beam, settings.n_best, where) as workers:
        cases, refused = make_cases(store, indices, trained, initial_graph, workers)
        if len(refused) == len(cases):
            example = f"{refused[0].name}: {refused[0].reason}"
            raise BadInput(f"the cascade accepts none of the training clips, e.g. {example}", "build another: asl build-fst")
        tune_graph = tune if tuning.indices else None
        data = Stage3Data(store.feature_set, trained.mean, trained.deviation, cases, initial_graph, tune_graph)
        torch.manual_seed(settings.seed)
        model = Stage3Model(members_of(trained, settings.dropout, cases), cascade_weights(initial_graph))
        run = Stage3Run(model, data, settings, folder, device, workers)
        with cpu_threads(settings.threads, model.members[0]):
            better = run.run(progress)
        names = {case.example.id: case.example.name for case in cases}
        known = {clip.id for clip in refused}
        failed = [RefusedClip(id, names[id], reason) for id, reason in workers.failed.items() if id not in known]
        return run, better, refused + failed


def members_of(trained: TrainedModel, dropout: float, cases: Sequence[Case]) -> list[RecogniserNetwork]:
    """Copies of the model's recognisers with this dropout and, if the clips mark fused signs, with a gate."""
    gate = any(FORM in case.example.labels.frames for case in cases)
    members = []
    for old in trained.recognisers:
        tiers = old.phonology.tiers | ({FORM: FORMS} if gate else {})
        new = RecogniserNetwork(replace(old.encoder.spec, dropout=dropout), len(trained.alphabet), old.prior_weight, tiers)
        new.load_state_dict(new.state_dict() | old.state_dict())
        members.append(new)
    return members


def cascade_weights(graph: Graph) -> CascadeWeights:
    bias = None if graph.bias is None else torch.from_numpy(graph.bias)
    return CascadeWeights(graph.encoder_weight, graph.code_weight, graph.density_weight, len(graph.rows), bias, graph.gate_weight)


def write_graph(graph: Graph, folder: Path, model: TrainedModel) -> Graph:
    """Writes a copy of the graph with its weights to `folder`, for the model."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in graph.folder.iterdir():
        if file.name not in (GRAPH_CARD, TABLES) and file.is_file():
            shutil.copyfile(file, folder / file.name)
    save_graph(replace(graph, folder=folder), frame_labels_of(graph), model, graph.card)
    return load_graph(folder, model)


def _score_weights(before: Graph, after: Graph) -> dict[str, Any]:
    return {name: round(getattr(after, name), 4) for name in SCORE_WEIGHTS if getattr(before, name) or getattr(after, name)}
