"""Builds one graph for one model, for any stage or study (SPEC §10)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.assembly import Assembly, glosses_in, text_warnings
from asl.pipelines.cascade.bounded_build import BuildFigures
from asl.pipelines.cascade.graph_folder import save_graph
from asl.pipelines.cascade.language import train_language
from asl.pipelines.cascade.signing_space import SigningSpace, signing_space
from asl.pipelines.cascade.units.alignments import add_lexicon, collect_alignments, fingerspelled_names, usable_clips
from asl.pipelines.cascade.units.codebooks import Coder, fit_coder, pretrained_coder
from asl.pipelines.cascade.units.pronunciations import CascadeSigns
from asl.pipelines.cascade.weight_search import SearchedWeights, Trial, search_weights
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.recogniser.reading import read_features
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.synthetic.lexicon import BUILT_IN_LEXICONS
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.plans import Decision
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings
from asl.transducers.level_names import FULL_CASCADE
from asl.transducers.levels.ngram import to_arpa

ARPA = "G.arpa"
_WEIGHTS = ("encoder_weight", "code_weight", "density_weight", "language_weight", "penalty", "shortest", "longest")


@dataclass(frozen=True)
class BuildDetails:
    """For the report only: the signing space, and the trials of the weight search."""

    space: SigningSpace
    trials: Sequence[Trial]


@dataclass
class BuildResult:
    """The result of `asl build-fst`. folder: of the graph. metrics: flat. sizes: of the transducers. warnings: for the user."""

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    sizes: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""
    warnings: list[str] = field(default_factory=list)


def graph_inputs(settings: GraphSettings) -> dict[str, str]:
    """The hash of every file that the settings name: texts, names, lexicon, ARPA. Raises BadInput if one cannot be read."""
    hashes = {}
    lexicon = [settings.lexicon] if settings.lexicon not in ("", *BUILT_IN_LEXICONS) else []
    for name in [*settings.text, *settings.names, *lexicon, *filter(None, [settings.arpa])]:
        try:
            hashes[name] = file_hash(Path(name))
        except OSError as error:
            raise BadInput(f"cannot read {name}: {error.strerror or error}", "name a file that can be read") from error
    return hashes


def coder_for(store: FeatureStore, codes_folder: Path | None) -> Coder | None:
    """The codebooks of a pre-trained model, else ones fitted to the training clips; None if the features have no phonology."""
    if not store.feature_set.phonological:
        return None
    if codes_folder:
        return pretrained_coder(codes_folder)
    return fit_coder(store[i] for i, clip in enumerate(store.clips) if clip.split == "train")


def build_graph(
    store: FeatureStore, settings: GraphSettings, decode: DecodeSettings, model: TrainedModel, coder: Coder | None, folder: Path,
    progress: Progress, train: Sequence[int] | None = None, *, competitors: bool = False,
) -> tuple[BuildResult, BuildDetails]:  # fmt: skip
    """Builds the cascade of a model into the folder. Returns its figures, and details for the report.

    train: indices of the clips that signs and sentences are learned from. Default: all usable training clips.
    competitors: also build the graph that stage 3 searches for competitors.
    """
    alignments = collect_alignments(store, model, coder, decode.mirror_average, progress, train)
    if settings.lexicon:
        add_lexicon(alignments, settings.lexicon, settings.lexicon_signs, model.features, coder)
    glosses = tuple(sorted({*glosses_in(alignments), *fingerspelled_names(settings, alignments)}))
    validation = usable_clips(store.clips, model, "validation")
    language = train_language(settings, glosses, alignments.sentences, [store.clips[i].glosses for i in validation])
    assembly = Assembly(alignments, model, coder, language, glosses, settings, store)
    tuned = SearchedWeights(settings)
    if settings.tune and validation:
        readings = [(store.clips[i], read_features(model, store[i], mirror=decode.mirror_average)) for i in validation]
        tuned = search_weights(settings, lambda choice, path: assembly.build(choice, path)[1], readings, decode, progress)
    signs, graph, figures = assembly.build(tuned.settings, folder)
    if competitors:
        assembly.build_competitors(signs, tuned.settings, folder)
    space = signing_space(alignments.pointings)
    weights = {key: getattr(tuned.settings, key) for key in _WEIGHTS}
    card = {"written": written_label_names(signs), "weights": weights, "loci": dict(space.loci), **space.figures}
    save_graph(graph, signs.labels, model, card)
    (folder / ARPA).write_text(to_arpa(language.model), encoding="utf-8")
    metrics = {"graph": folder.name, "model": model.folder.name, "glosses": len(glosses)}
    metrics |= {"clips_too_short": alignments.too_short or None, "performed_from_lexicon": alignments.performed or None}
    metrics |= {"labels": len(signs.labels.rows)}
    metrics |= {"pronunciations": len(signs.pronunciations), "fused_forms": len(signs.forms), "changes": len(signs.changes)}
    metrics |= {"loci": len(assembly.loci)} | space.figures | language.figures
    metrics |= _weight_metrics(tuned) | _build_metrics(figures)
    warnings = [*assembly.warnings, *text_warnings(language)]
    metrics = {key: value for key, value in metrics.items() if value is not None}
    sizes = [asdict(size) | {"out_degree": round(size.out_degree, 2)} for size in figures.sizes]
    return BuildResult(Decision(True, ""), str(folder), metrics, sizes, "", warnings), BuildDetails(space, tuned.trials)


def written_label_names(signs: CascadeSigns) -> dict[str, str]:
    """Label → name, for the labels that D writes but does not read."""
    references = signs.references
    if not references.points:
        return {}
    unit_names = signs.labels.names
    names = {references.introduction(point): f"{unit_names[point - 1]} introduces" for point in references.points}
    return {str(label): name for label, name in (names | {references.noun: "(noun)"}).items()}


def _weight_metrics(tuned: SearchedWeights) -> dict[str, Any]:
    weights = {key: getattr(tuned.settings, key) for key in _WEIGHTS}
    return weights | ({"validation_wer": min(trial.wer for trial in tuned.trials)} if tuned.trials else {})


def _build_metrics(figures: BuildFigures) -> dict[str, Any]:
    (graph,) = (size for size in figures.sizes if size.name == FULL_CASCADE)
    seconds = sum(size.seconds for size in figures.sizes)
    return {"states": graph.states, "arcs": graph.arcs, "seconds": round(seconds, 2), "memory_mb": figures.memory_mb}
