"""`asl build-fst`: the cascade H∘C∘M∘D∘L∘G from the workspace's clips, a model, texts and lexica (SPEC §10)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.assembly import Assembly, glosses_of, text_warnings
from asl.pipelines.cascade.bounded_build import Built
from asl.pipelines.cascade.graph_folder import CARD, RIVALS, TABLES, save_graph
from asl.pipelines.cascade.language import language
from asl.pipelines.cascade.report import write_report
from asl.pipelines.cascade.signing_space import SigningSpace, signing_space
from asl.pipelines.cascade.units.alignments import add_lexicon, gather, names, usable
from asl.pipelines.cascade.units.codebooks import fit_coder, stage_1_coder
from asl.pipelines.cascade.units.coding import Coder
from asl.pipelines.cascade.units.sign_units import Signs
from asl.pipelines.cascade.weight_search import Trial, Tuned, tune
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import FeatureStore, open_features
from asl.pipelines.corpus.input_files import BUILT_IN_LEXICONS
from asl.pipelines.recogniser.model import WEIGHTS, find_model
from asl.pipelines.recogniser.reading import read_features
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model
from asl.pipelines.training.train_ctc import decide
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import Decision, Plan, Workspace, settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings import DecodeSettings, GraphSettings
from asl.transducers.levels import WHOLE, file_name
from asl.transducers.ngram import to_arpa

STAGE = "build-fst"
CODE = 3
ARPA = "G.arpa"
_WEIGHTS = ("encoder_weight", "code_weight", "density_weight", "language_weight", "penalty", "shortest", "longest")


@dataclass(frozen=True)
class Findings:
    """What only the page shows: the signing space, and what tuning tried."""

    space: SigningSpace
    trials: Sequence[Trial]


@dataclass
class Result:
    """What `asl build-fst` did. folder: the graph's; metrics: flat figures; sizes: of the transducers; warnings: for a person."""

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    sizes: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""
    warnings: list[str] = field(default_factory=list)


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
) -> Result:
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
            return Result(decision, str(folder), dict(record.get("metrics", {})))
        started = datetime.now().astimezone()
        trained = load_model(source)
        store = open_features(workspace, clips, trained.features, progress)
        coder = coder_for(store, books)
        found, findings = build_graph(store, settings, decode, trained, coder, folder, progress, rivals=True)
        page = workspace.reports / "build-fst.html"
        write_report(page, found.metrics, found.sizes, findings.trials, findings.space, command)
        files = [page, *(folder / one for one in (CARD, TABLES, RIVALS, file_name(WHOLE)))]
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


def graph_inputs(settings: GraphSettings) -> dict[str, str]:
    """The files that a cascade of these settings is made from, with their hashes. Raises BadInput: one cannot be read."""
    inputs = {}
    lexicon = [settings.lexicon] if settings.lexicon not in ("", *BUILT_IN_LEXICONS) else []
    for name in [*settings.text, *settings.names, *lexicon, *filter(None, [settings.arpa])]:
        try:
            inputs[name] = file_hash(Path(name))
        except OSError as error:
            raise BadInput(f"cannot read {name}: {error.strerror or error}", "name a file that can be read") from error
    return inputs


def coder_for(store: FeatureStore, books: Path | None) -> Coder | None:
    """Codebooks of stage 1, else fitted to the training clips; None where the features hold no phonology."""
    if not store.feature_set.phonological:
        return None
    if books:
        return stage_1_coder(books)
    return fit_coder(store[i] for i, clip in enumerate(store.clips) if clip.split == "train")


def build_graph(
    store: FeatureStore, settings: GraphSettings, decode: DecodeSettings, model: TrainedModel, coder: Coder | None, folder: Path,
    progress: Progress, train: Sequence[int] | None = None, *, rivals: bool = False,
) -> tuple[Result, Findings]:  # fmt: skip
    """Builds a model's cascade into the folder; its figures, and what the page shows besides.

    train: the clips that it learns signs and sentences from; by default all training clips whose glosses the model knows.
    rivals: also what stage 3 needs.
    """
    material = gather(store, model, coder, decode.mirror_average, progress, train)
    if settings.lexicon:
        add_lexicon(material, settings.lexicon, settings.lexicon_signs, model.features, coder)
    glosses = tuple(sorted({*glosses_of(material), *names(settings, material)}))
    validation = usable(store.clips, model, "validation")
    spoken = language(settings, glosses, material.sentences, [store.clips[i].glosses for i in validation])
    whole = Assembly(material, model, coder, spoken, glosses, settings, store)
    tuned = Tuned(settings)
    if settings.tune and validation:
        read = [(store.clips[i], read_features(model, store[i], mirror=decode.mirror_average)) for i in validation]
        tuned = tune(settings, lambda one, where: whole.build(one, where)[1], read, decode, progress)
    signs, graph, built = whole.build(tuned.settings, folder)
    if rivals:
        whole.build_rivals(signs, tuned.settings, folder)
    space = signing_space(material.points)
    save_graph(
        graph,
        signs.columns,
        model,
        {"written": written(signs), "weights": {key: getattr(tuned.settings, key) for key in _WEIGHTS}}
        | {"loci": dict(space.loci), **space.figures},
    )
    (folder / ARPA).write_text(to_arpa(spoken.model), encoding="utf-8")
    metrics = {"graph": folder.name, "model": model.folder.name, "glosses": len(glosses)}
    metrics |= {"clips_too_short": material.too_short or None, "performed_from_lexicon": material.performed or None}
    metrics |= {"labels": len(signs.columns.rows)}
    metrics |= {"pronunciations": len(signs.pronunciations), "fused_forms": len(signs.forms), "changes": len(signs.changes)}
    metrics |= {"loci": len(whole.loci)} | space.figures | spoken.figures | _weights(tuned) | _of_build(built)
    warnings = [*whole.warnings, *text_warnings(spoken)]
    metrics = {key: value for key, value in metrics.items() if value is not None}
    sizes = [asdict(one) | {"out_degree": round(one.out_degree, 2)} for one in built.sizes]
    return Result(Decision(True, ""), str(folder), metrics, sizes, "", warnings), Findings(space, tuned.trials)


def written(signs: Signs) -> dict[str, str]:
    """Names of the labels that D writes besides those that it reads."""
    known = signs.references
    if not known.points:
        return {}
    names = {known.introduction(point): f"{signs.columns.names[point - 1]} introduces" for point in known.points}
    return {str(label): name for label, name in (names | {known.noun: "(noun)"}).items()}


def _weights(tuned: Tuned) -> dict[str, Any]:
    found = {key: getattr(tuned.settings, key) for key in _WEIGHTS}
    return found | ({"validation_wer": min(one.wer for one in tuned.trials)} if tuned.trials else {})


def _of_build(built: Built) -> dict[str, Any]:
    (whole,) = (one for one in built.sizes if one.name == WHOLE)
    seconds = sum(one.seconds for one in built.sizes)
    return {"states": whole.states, "arcs": whole.arcs, "seconds": round(seconds, 2), "memory_mb": built.memory_mb}
