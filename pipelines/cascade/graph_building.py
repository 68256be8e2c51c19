"""Building one graph for one model, whichever stage or study asks for it (SPEC §10)."""

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
from asl.transducers.level_names import WHOLE
from asl.transducers.levels.ngram import to_arpa

ARPA = "G.arpa"
_WEIGHTS = ("encoder_weight", "code_weight", "density_weight", "language_weight", "penalty", "shortest", "longest")


@dataclass(frozen=True)
class BuildDetails:
    """What only the page shows: the signing space, and what tuning tried."""

    space: SigningSpace
    trials: Sequence[Trial]


@dataclass
class BuildResult:
    """What `asl build-fst` did. folder: the graph's; metrics: flat figures; sizes: of the transducers; warnings: for a person."""

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    sizes: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""
    warnings: list[str] = field(default_factory=list)


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
        return pretrained_coder(books)
    return fit_coder(store[i] for i, clip in enumerate(store.clips) if clip.split == "train")


def build_graph(
    store: FeatureStore, settings: GraphSettings, decode: DecodeSettings, model: TrainedModel, coder: Coder | None, folder: Path,
    progress: Progress, train: Sequence[int] | None = None, *, rivals: bool = False,
) -> tuple[BuildResult, BuildDetails]:  # fmt: skip
    """Builds a model's cascade into the folder; its figures, and what the page shows besides.

    train: the clips that it learns signs and sentences from; by default all training clips whose glosses the model knows.
    rivals: also what stage 3 needs.
    """
    material = collect_alignments(store, model, coder, decode.mirror_average, progress, train)
    if settings.lexicon:
        add_lexicon(material, settings.lexicon, settings.lexicon_signs, model.features, coder)
    glosses = tuple(sorted({*glosses_in(material), *fingerspelled_names(settings, material)}))
    validation = usable_clips(store.clips, model, "validation")
    spoken = train_language(settings, glosses, material.sentences, [store.clips[i].glosses for i in validation])
    whole = Assembly(material, model, coder, spoken, glosses, settings, store)
    tuned = SearchedWeights(settings)
    if settings.tune and validation:
        read = [(store.clips[i], read_features(model, store[i], mirror=decode.mirror_average)) for i in validation]
        tuned = search_weights(settings, lambda one, where: whole.build(one, where)[1], read, decode, progress)
    signs, graph, built = whole.build(tuned.settings, folder)
    if rivals:
        whole.build_rivals(signs, tuned.settings, folder)
    space = signing_space(material.points)
    save_graph(
        graph,
        signs.columns,
        model,
        {"written": written_label_names(signs), "weights": {key: getattr(tuned.settings, key) for key in _WEIGHTS}}
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
    return BuildResult(Decision(True, ""), str(folder), metrics, sizes, "", warnings), BuildDetails(space, tuned.trials)


def written_label_names(signs: CascadeSigns) -> dict[str, str]:
    """Names of the labels that D writes besides those that it reads."""
    known = signs.references
    if not known.points:
        return {}
    names = {known.introduction(point): f"{signs.columns.names[point - 1]} introduces" for point in known.points}
    return {str(label): name for label, name in (names | {known.noun: "(noun)"}).items()}


def _weights(tuned: SearchedWeights) -> dict[str, Any]:
    found = {key: getattr(tuned.settings, key) for key in _WEIGHTS}
    return found | ({"validation_wer": min(one.wer for one in tuned.trials)} if tuned.trials else {})


def _of_build(built: BuildFigures) -> dict[str, Any]:
    (whole,) = (one for one in built.sizes if one.name == WHOLE)
    seconds = sum(one.seconds for one in built.sizes)
    return {"states": whole.states, "arcs": whole.arcs, "seconds": round(seconds, 2), "memory_mb": built.memory_mb}
