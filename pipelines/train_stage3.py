"""`asl train-stage3`: a recogniser and its cascade trained on what they confuse (SPEC §11)."""

import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from models.discriminative import CascadeWeights
from models.recogniser import Recogniser
from pipelines.clips import Clip, read_clips
from pipelines.errors import BadInput
from pipelines.explanation import PathStep, explained
from pipelines.features import FeatureStore, open_features
from pipelines.files import file_hash
from pipelines.graphs import CARD as GRAPH_CARD
from pipelines.graphs import RIVALS, TABLES, Graph, columns_of, find_graph, load_graph, save_graph
from pipelines.labels import FORM, FORMS, GLOSS_TIER, Labels, LabelTable, form_frames
from pipelines.material import usable
from pipelines.measures import Interval, WordErrors, word_errors
from pipelines.models_folder import CARD, WEIGHTS, TrainedModel, find_model, load_model, save_model
from pipelines.progress import Progress
from pipelines.recognition import read_features
from pipelines.references import POINT
from pipelines.rivals import Searchers, searchers
from pipelines.settings import DecodeSettings, Stage3Settings
from pipelines.stage3_report import write_report
from pipelines.stage3_training import Case, Point, Stage3Data, Stage3Model, Stage3Run, Weights, codes_of
from pipelines.train_ctc import Corpus, begin, choose_device, decide, forget, prepare
from pipelines.training import Example
from pipelines.workspace import Decision, Plan, Workspace, settings_of
from transducers.cascade import WHOLE, file_name

STAGE = "train-stage3"
CODE = 1
#: Validation clips that the word error rate is measured on after each epoch, at most.
MOST_CLIPS = 400
#: What the weights of the scores are tried times; the first wins a tie.
FACTORS = (1.0, 0.7, 1.4)


@dataclass(frozen=True)
class Refused:
    """A training clip whose glosses the cascade cannot say, and why."""

    name: str
    reason: str


@dataclass
class Result:
    """What `asl train-stage3` did. folder: the model's; graph: the cascade's; refused: clips learned from by CTC alone."""

    decision: Decision
    folder: str = ""
    graph: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    report: str = ""


@dataclass(frozen=True)
class Change:
    """A validation sentence as it was read before and after. path: how the cascade reads it now."""

    name: str
    reference: str
    before: str
    after: str
    errors_before: int
    errors_after: int
    path: Sequence[PathStep] = ()


def run_train_stage3(
    workspace: Workspace, flags: Mapping[str, Any], progress: Progress, *, model: str | None = None, graph: str | None = None,
    name: str | None = None, command: str = "", force: bool = False, dry_run: bool = False,
) -> Result:  # fmt: skip
    """Trains models/<name> from a model of stage 2 and writes graphs/<name>, its cascade with the weights learned.

    model: default the one that the graph was built for. graph: default the newest that asl build-fst made. A killed run goes on
    from its last epoch. Raises BadInput: labels of graph and model differ, or the graph can say none of the training clips.
    """
    settings, decode = workspace.settings("stage3", flags), workspace.settings("decode", flags)
    device = choose_device(settings.device)
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
            return Result(decision, str(folder), str(place), dict(record.get("metrics", {})))
        trained = load_model(source)
        first = load_graph(built, trained)
        begin(folder, plan, anew=force)
        started = datetime.now().astimezone()
        store = open_features(workspace, clips, trained.features, progress)
        result, history, changes = train(
            folder, place, settings, decode, trained, first, store, device, plan.fingerprint, progress
        )
        page = workspace.reports / "train-stage3.html"
        write_report(page, result.metrics, history, changes, result.refused, command)
        files = [page, folder / WEIGHTS, folder / CARD, *(place / one for one in (GRAPH_CARD, TABLES, file_name(WHOLE)))]
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
    store: FeatureStore, device: torch.device, fingerprint: str, progress: Progress,
) -> tuple[Result, list[dict[str, Any]], list[Change]]:  # fmt: skip
    """Trains and writes model and graph; the result, the figures of each epoch, and what changed on validation clips."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    chosen = {split: usable(store.clips, trained, split) for split in ("train", "validation")}
    if not chosen["train"]:
        raise BadInput("no training clip is of glosses that the model knows", "train where its model was trained")
    listening = chosen["validation"][:: max(1, -(-len(chosen["validation"]) // MOST_CLIPS))]
    beam = max(decode.graph_beam, settings.lattice_beam)
    rivals = first.folder / RIVALS
    with searchers(
        rivals if rivals.is_file() else first.folder / file_name(WHOLE),
        beam,
        settings.lattice_beam,
        settings.n_best,
        settings.workers,
    ) as pool:
        cases, refused = cases_of(store, chosen["train"], trained, first, pool)
        if not any(case.words for case in cases):
            raise BadInput(
                f"the cascade can say none of the training clips: {refused[0].name}: {refused[0].reason}", "build another"
            )

        def validate(members: Sequence[Recogniser], graph: Graph) -> tuple[float, Weights]:
            return best_weights(replace(trained, recognisers=tuple(members)), graph, decode, store, listening)

        data = Stage3Data(store.feature_set, trained.mean, trained.deviation, cases, first, validate if listening else None)
        torch.manual_seed(settings.seed)
        model = Stage3Model(members_of(trained, settings.dropout, cases), weights_of(first))
        run = Stage3Run(model, data, settings, folder, device, pool)
        kept = run.run(progress)
    members, graph = run.result()
    card = {key: trained.card[key] for key in ("training", "metrics") if key in trained.card}
    card |= {"stage": STAGE, "fingerprint": fingerprint, "from": trained.folder.name, "stage3": settings_of(settings)}
    save_model(folder, members, trained.alphabet, trained.features, trained.mean, trained.deviation, card)
    finished = load_model(folder)
    own = write_graph(graph, place, finished)
    changes = changed(store, listening, (trained, first), (finished, own), decode) if listening else []
    forget(folder)
    metrics = {"model": folder.name, "graph": place.name, "from": trained.folder.name, "criterion": settings.criterion}
    metrics |= {
        "train_clips": len(cases),
        "refused_clips": len(refused) or None,
        "epochs": len(run.history),
        "kept_epoch": kept + 1,
    }
    metrics |= _compared(store, listening, changes) | _of_weights(first, own)
    metrics |= {"seconds": round(sum(one["seconds"] for one in run.history), 1)}
    metrics = {key: value for key, value in metrics.items() if value is not None}
    return Result(Decision(True, ""), str(folder), str(place), metrics, refused), run.history, changes


def cases_of(
    store: FeatureStore, chosen: Sequence[int], model: TrainedModel, graph: Graph, pool: Searchers
) -> tuple[list[Case], list[Refused]]:
    """The training clips, and those of them that the cascade cannot say."""
    table = LabelTable(model.tiers, {})
    corpus = Corpus(list(chosen), [], model.alphabet, 0)
    examples = prepare(store, corpus, table, (model.mean, model.deviation)).train
    clips = [store.clips[i] for i in chosen]
    words = [_words(clip, graph) for clip in clips]
    fits = [
        pool.fits(own, len(example.features), len(graph.rows)) if own else None
        for own, example in zip(words, examples, strict=True)
    ]
    cases, refused = [], []
    for clip, example, own, said in zip(clips, examples, words, fits, strict=True):
        reason = _refusal(clip, own, graph, said.result() if said else None)
        if reason:
            refused.append(Refused(clip.name, reason))
        example = replace(example, labels=_with_forms(example, clip, store.fps))
        points = tuple(retrievals(clip, store.fps, model))
        cases.append(Case(example, () if reason else own, codes_of(graph, example.features, store.feature_set), points))
    return cases, refused


def _words(clip: Clip, graph: Graph) -> tuple[int, ...]:
    """The clip's glosses as the cascade numbers them; () if it does not have them all."""
    return tuple(graph.alphabet.labels(clip.glosses)) if all(word in graph.alphabet for word in clip.glosses) else ()


def _refusal(clip: Clip, words: tuple[int, ...], graph: Graph, said: int | None) -> str:
    """Why the cascade cannot say a clip's glosses, naming the word that breaks it; "" if it can."""
    if not words:
        missing = next(word for word in clip.glosses if word not in graph.alphabet)
        return f"{missing} is not in the cascade's lexicon"
    if said is None:
        return ""
    if said < len(words):
        before = " ".join(clip.glosses[:said]) or "the beginning"
        return f"{clip.glosses[said]} cannot follow {before}"
    return "too few frames for its glosses, or no sentence can end there"


def _with_forms(example: Example, clip: Clip, fps: float) -> Labels:
    """The example's labels with those of the gate, where the clip says which signs are fused."""
    labels = example.labels
    if not any(one.tier == FORM for one in clip.segments):
        return labels
    return Labels({**labels.frames, FORM: form_frames(clip, len(example.features), fps)}, labels.clip)


def retrievals(clip: Clip, fps: float, model: TrainedModel) -> list[Point]:
    """The points back at one of several bound loci, in clips whose signs are marked in time."""
    bound: list[str] = []
    found = []
    for one in sorted((one for one in clip.segments if one.tier == GLOSS_TIER), key=lambda one: one.start):
        point = POINT.fullmatch(one.value)
        if point and one.value in bound and len(bound) > 1:
            columns = tuple(model.alphabet.labels(bound))
            found.append(Point(round(one.start * fps), round(one.end * fps), columns, bound.index(one.value)))
        elif point and one.value not in bound and one.value in model.alphabet:
            bound.append(one.value)
    return found


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
    save_graph(replace(graph, folder=place), columns_of(graph), model, graph.card)
    return load_graph(place, model)


# Validation ------------------------------------------------------------------------------------------------------------
def best_weights(
    model: TrainedModel, graph: Graph, decode: DecodeSettings, store: FeatureStore, chosen: Sequence[int]
) -> tuple[float, Weights]:
    """The least word error rate of these clips, and the weights of encoder, codes and densities that it is found with.

    The criterion moves how sure the encoder is on clips that it has learned; how far that may count elsewhere, these clips say.
    """
    parts = []
    for i in chosen:
        reading = read_features(model, store[i], mirror=decode.mirror_average)
        heard, coded = graph.encoder_part(reading), graph.code_part(reading) if graph.code_weight else 0.0
        parts.append((heard, coded, graph.scores(reading) - graph.encoder_weight * heard - graph.code_weight * coded))
    decoder, found = graph.decoder(decode), []
    for encoder, codes in itertools.product(FACTORS, FACTORS if graph.code_weight else FACTORS[:1]):
        weights = encoder * graph.encoder_weight, codes * graph.code_weight
        scores = (weights[0] * heard + weights[1] * coded + rest for heard, coded, rest in parts)
        errors = _errors(store, chosen, [graph.words(decoder.decode(one)) for one in scores])
        found.append((float(errors.errors.sum() / errors.words.sum()), (*weights, graph.density_weight)))
    return min(found, key=lambda one: one[0])


def _read(
    model: TrainedModel, graph: Graph, decode: DecodeSettings, store: FeatureStore, chosen: Sequence[int]
) -> list[list[str]]:
    decoder = graph.decoder(decode)
    readings = (read_features(model, store[i], mirror=decode.mirror_average) for i in chosen)
    return [graph.words(decoder.decode(graph.scores(reading))) for reading in readings]


def _errors(store: FeatureStore, chosen: Sequence[int], read: Sequence[Sequence[str]]) -> WordErrors:
    return word_errors([store.clips[i].glosses for i in chosen], read)


def changed(
    store: FeatureStore, chosen: Sequence[int], before: tuple[TrainedModel, Graph], after: tuple[TrainedModel, Graph],
    decode: DecodeSettings,
) -> list[Change]:  # fmt: skip
    """Every validation clip as it was read before and is read after."""
    read = [_read(*one, decode, store, chosen) for one in (before, after)]
    errors = [_errors(store, chosen, own).errors for own in read]
    model, graph = after
    found = []
    for row, i in enumerate(chosen):
        clip = store.clips[i]
        path: Sequence[PathStep] = ()
        if errors[0][row] != errors[1][row]:
            path = explained(
                graph, graph.best_path(read_features(model, store[i], mirror=decode.mirror_average), _cascade(decode))
            )
        texts = (" ".join(one) for one in (clip.glosses, read[0][row], read[1][row]))
        found.append(Change(clip.name, *texts, int(errors[0][row]), int(errors[1][row]), path))
    return found


def _cascade(decode: DecodeSettings) -> DecodeSettings:
    return replace(decode, decoder="cascade")


def _compared(store: FeatureStore, chosen: Sequence[int], changes: Sequence[Change]) -> dict[str, Any]:
    """Word error rates on validation clips before and after, and their paired difference."""
    if not changes:
        return {}
    before, after = (
        _errors(store, chosen, [text.split() for text in own])
        for own in zip(*((c.before, c.after) for c in changes), strict=True)
    )
    return {
        "validation_clips": len(changes),
        "validation_wer_before": shown(before.rate()),
        "validation_wer": shown(after.rate()),
        "less": shown(after.less(before)),
    }


def shown(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _of_weights(before: Graph, after: Graph) -> dict[str, Any]:
    names = ("encoder_weight", "code_weight", "density_weight", "gate_weight")
    return {name: round(getattr(after, name), 4) for name in names if getattr(before, name) or getattr(after, name)}
