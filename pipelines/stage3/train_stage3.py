"""`asl train-stage3`: a recogniser and its cascade trained on what they confuse (SPEC §11)."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from asl.models.features.tiers import FORM, FORMS
from asl.models.networks.recogniser import Recogniser
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
from asl.pipelines.jobs.processes import Where
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model, save_model
from asl.pipelines.stage3.batches import Stage3Model
from asl.pipelines.stage3.cases import Case, Refused, cases_of
from asl.pipelines.stage3.competitor_search import searchers
from asl.pipelines.stage3.loop import Stage3Data, Stage3Run, Weights
from asl.pipelines.stage3.report import write_report
from asl.pipelines.stage3.validation import Listener, ReadingChange
from asl.pipelines.training.initialisation import choose_device
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
CODE = 1
#: Validation clips that the word error rate is measured on after each epoch, at most.
MOST_CLIPS = 400


@dataclass
class Stage3Result:
    """What `asl train-stage3` did. folder: the model's; graph: the cascade's; refused: clips learned from by CTC alone."""

    decision: Decision
    folder: str = ""
    graph: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    report: str = ""


def run_train_stage3(
    workspace: Workspace, flags: Mapping[str, Any], progress: Progress, *, model: str | None = None, graph: str | None = None,
    name: str | None = None, command: str = "", force: bool = False, dry_run: bool = False,
) -> Stage3Result:  # fmt: skip
    """Trains models/<name> from a model of stage 2 and writes graphs/<name>, its cascade with the weights learned.

    model: default the newest that asl train-ctc made. graph: default the newest that asl build-fst made. A killed run goes on
    from its last epoch. Raises BadInput: labels of graph and model differ, or the graph can say none of the training clips.
    """
    settings, decode = workspace.settings("stage3", flags), workspace.settings("decode", flags)
    device = choose_device(settings.device)
    where = Where(settings.workers, workspace.settings("cluster", flags).cluster)
    with workspace.locked("asl train-stage3"):
        clips = read_clips(workspace.clips_file)
        built = find_graph(workspace, graph, stages=("build-fst",))
        source = find_model(workspace, model, stages=("train-ctc",))
        plan = _plan(workspace, settings, decode, source, built)
        made = name or f"stage3-{plan.fingerprint[:8]}"
        folder, place = workspace.models / made, workspace.graphs / made
        decision = decide(workspace, plan, folder, force)
        if dry_run or not decision.run:
            record = workspace.state(STAGE) if not decision.run else {}
            return Stage3Result(decision, str(folder), str(place), dict(record.get("metrics", {})))
        trained = load_model(source)
        first = load_graph(built, trained)
        begin(folder, plan, anew=force)
        started = datetime.now().astimezone()
        store = open_features(workspace, clips, trained.features, progress)
        result, history, changes = train(
            folder, place, settings, decode, trained, first, store, device, where, plan.fingerprint, progress
        )
        page = workspace.reports / "train-stage3.html"
        write_report(page, result.metrics, history, changes, result.refused, command)
        files = [page, folder / WEIGHTS, folder / CARD, *(place / one for one in (GRAPH_CARD, TABLES, file_name(FULL_CASCADE)))]
        workspace.record(plan, started, {workspace.relative(file): file_hash(file) for file in files}, result.metrics)
        result.decision, result.report = decision, str(page)
        return result


def _plan(workspace: Workspace, settings: Stage3Settings, decode: DecodeSettings, model: Path, graph: Path) -> Plan:
    own = {key: value for key, value in settings_of(settings).items() if key not in ("device", "threads", "workers")}
    own |= {key: getattr(decode, key) for key in ("mirror_average", "graph_beam", "most_active")}
    inputs = {"clips": file_hash(workspace.clips_file), "stage 2": file_hash(model / WEIGHTS)}
    return Plan(STAGE, own, inputs | {"graph": file_hash(graph / GRAPH_CARD)}, CODE)


def train(
    folder: Path, place: Path, settings: Stage3Settings, decode: DecodeSettings, trained: TrainedModel, first: Graph,
    store: FeatureStore, device: torch.device, where: Where, fingerprint: str, progress: Progress,
) -> tuple[Stage3Result, list[dict[str, Any]], list[ReadingChange]]:  # fmt: skip
    """Trains and writes model and graph; the result, the figures of each epoch, and what changed on validation clips."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    validation = usable_clips(store.clips, trained, "validation")
    listener = Listener(store, validation[:: max(1, -(-len(validation) // MOST_CLIPS))], decode)
    run, better, refused = _run(folder, settings, trained, first, listener, device, where, progress)
    members, graph = run.result()
    card = {key: trained.card[key] for key in ("training", "metrics") if key in trained.card}
    card |= {"stage": STAGE, "fingerprint": fingerprint, "from": trained.folder.name, "stage3": settings_of(settings)}
    save_model(folder, members, trained.alphabet, trained.features, trained.mean, trained.deviation, card)
    finished = load_model(folder)
    own = write_graph(graph, place, finished)
    changes = listener.changes((trained, first), (finished, own)) if validation else []
    forget(folder)
    metrics = {"model": folder.name, "graph": place.name, "from": trained.folder.name, "criterion": settings.criterion}
    metrics |= {"train_clips": len(run.data.cases), "refused_clips": len(refused), "epochs": len(run.history)}
    # Without validation clips nobody knows whether it is better.
    metrics |= {"better": better} | listener.compared(changes) if changes else {}
    metrics |= _of_weights(first, own)
    metrics |= {"seconds": round(sum(one["seconds"] for one in run.history), 1)}
    return Stage3Result(Decision(True, ""), str(folder), str(place), metrics, refused), run.history, changes


def _run(
    folder: Path, settings: Stage3Settings, trained: TrainedModel, first: Graph, listener: Listener, device: torch.device,
    where: Where, progress: Progress,
) -> tuple[Stage3Run, bool, list[Refused]]:  # fmt: skip
    """A finished run, whether it is better than what was started from, and the clips that the cascade cannot say."""
    store = listener.store
    chosen = usable_clips(store.clips, trained, "train")
    if not chosen:
        raise BadInput("no training clip is of glosses that the model knows", "train where its model was trained")

    def validate(members: Sequence[Recogniser], graph: Graph) -> tuple[float, Weights]:
        return listener.best_weights(replace(trained, recognisers=tuple(members)), graph)

    graph = first.folder / COMPETITORS
    graph = graph if graph.is_file() else first.folder / file_name(FULL_CASCADE)
    beam = max(listener.decode.graph_beam, settings.lattice_beam)
    with searchers(graph, beam, settings.lattice_beam, settings.n_best, where) as pool:
        cases, refused = cases_of(store, chosen, trained, first, pool)
        if len(refused) == len(cases):
            one = refused[0]
            raise BadInput(f"the cascade can say none of the training clips: {one.name}: {one.reason}", "build another")
        heard = validate if listener.chosen else None
        data = Stage3Data(store.feature_set, trained.mean, trained.deviation, cases, first, heard)
        torch.manual_seed(settings.seed)
        model = Stage3Model(members_of(trained, settings.dropout, cases), weights_of(first))
        run = Stage3Run(model, data, settings, folder, device, pool)
        better, told = run.run(progress), {one.name for one in refused}
        return run, better, refused + [Refused(name, why) for name, why in pool.lost.items() if name not in told]


def members_of(trained: TrainedModel, dropout: float, cases: Sequence[Case]) -> list[Recogniser]:
    """The model's recognisers again, with this dropout and, where clips say which signs are fused, a gate's head."""
    gate = any(FORM in case.example.labels.frames for case in cases)
    members = []
    for old in trained.recognisers:
        tiers = old.phonology.tiers | ({FORM: FORMS} if gate else {})
        new = Recogniser(replace(old.encoder.spec, dropout=dropout), len(trained.alphabet), old.prior_weight, tiers)
        new.load_state_dict(new.state_dict() | old.state_dict())
        members.append(new)
    return members


def weights_of(graph: Graph) -> CascadeWeights:
    bias = None if graph.bias is None else torch.from_numpy(graph.bias)
    return CascadeWeights(graph.encoder_weight, graph.code_weight, graph.density_weight, len(graph.rows), bias, graph.gate_weight)


def write_graph(graph: Graph, place: Path, model: TrainedModel) -> Graph:
    """The graph, with its weights, in a folder of its own for the model."""
    place.mkdir(parents=True, exist_ok=True)
    for file in graph.folder.iterdir():
        if file.name not in (GRAPH_CARD, TABLES) and file.is_file():
            shutil.copyfile(file, place / file.name)
    save_graph(replace(graph, folder=place), frame_labels_of(graph), model, graph.card)
    return load_graph(place, model)


def _of_weights(before: Graph, after: Graph) -> dict[str, Any]:
    return {name: round(getattr(after, name), 4) for name in SCORE_WEIGHTS if getattr(before, name) or getattr(after, name)}
