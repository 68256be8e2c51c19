"""What stage 3 learns from: training clips with their glosses as the cascade numbers them, points back, and fused signs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asl.models.features.tiers import FORM, GLOSS_TIER
from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import Labels, LabelTable, form_frames
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.stage3.competitor_search import Searchers
from asl.pipelines.training.clip_selection import ClipSelection
from asl.pipelines.training.examples import Example, examples_of
from asl.transducers.glossing import POINT


@dataclass(frozen=True)
class Retrieval:
    """A point in frames first…last − 1: CTC labels of the points that it may be, and which of them it is."""

    first: int
    last: int
    columns: tuple[int, ...]
    right: int


@dataclass(frozen=True)
class Case:
    """A clip to learn from. words: its glosses as the cascade numbers them, () where the cascade cannot say them.

    codes: (T, P), None without codebooks. points: those back at a locus.
    """

    example: Example
    words: tuple[int, ...]
    codes: np.ndarray | None
    points: tuple[Retrieval, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A training clip whose glosses the cascade cannot say, and why."""

    name: str
    reason: str


def cases_of(
    store: FeatureStore, chosen: Sequence[int], model: TrainedModel, graph: Graph, pool: Searchers
) -> tuple[list[Case], list[Refused]]:
    """The training clips, and those of them that the cascade cannot say."""
    table = LabelTable(model.tiers, {})
    corpus = ClipSelection(list(chosen), [], model.alphabet, 0)
    examples = examples_of(store, corpus, table, (model.mean, model.deviation)).train
    clips = [store.clips[i] for i in chosen]
    words = [_words(clip, graph) for clip in clips]
    fits = [
        pool.fits(example.name, own, len(example.features), len(graph.rows)) if own else None
        for own, example in zip(words, examples, strict=True)
    ]
    cases, refused = [], []
    for clip, example, own, said in zip(clips, examples, words, fits, strict=True):
        found = said.result() if said else None
        reason = pool.lost.get(clip.name) or _refusal(clip, own, graph, found)
        if reason:
            refused.append(Refused(clip.name, reason))
        example = replace(example, labels=_with_forms(example, clip, store.fps))
        points = tuple(retrievals(clip, store.fps, model))
        codes = graph.coder.clip_codes(example.features, store.feature_set) if graph.coder else None
        cases.append(Case(example, () if reason else own, codes, points))
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


def retrievals(clip: Clip, fps: float, model: TrainedModel) -> list[Retrieval]:
    """The points back at one of several bound loci, in clips whose signs are marked in time."""
    bound: list[str] = []
    found = []
    for one in sorted((one for one in clip.segments if one.tier == GLOSS_TIER), key=lambda one: one.start):
        point = POINT.fullmatch(one.value)
        if point and one.value in bound and len(bound) > 1:
            columns = tuple(model.alphabet.labels(bound))
            found.append(Retrieval(round(one.start * fps), round(one.end * fps), columns, bound.index(one.value)))
        elif point and one.value not in bound and one.value in model.alphabet:
            bound.append(one.value)
    return found
