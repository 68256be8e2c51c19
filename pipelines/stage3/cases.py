"""Training cases of stage 3: clips with the cascade's numbers of their glosses, points back to a locus, and fused signs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asl.models.features.tiers import FORM, GLOSS_TIER
from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import Labels, LabelTable, form_frames
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.stage3.competitor_search import SearchWorkers
from asl.pipelines.training.clip_selection import ClipSelection
from asl.pipelines.training.examples import Example, examples_of
from asl.transducers.glossing import POINT


@dataclass(frozen=True)
class PointRetrieval:
    """A point back to a bound locus, in frames first…last − 1.

    columns: CTC labels of the candidate points. target: index of the correct one.
    """

    first: int
    last: int
    columns: tuple[int, ...]
    target: int


@dataclass(frozen=True)
class Case:
    """A training clip.

    words: the cascade's numbers of its glosses, () if the cascade does not accept them. codes: (T, P), None without codebooks.
    points: its points back to a locus.
    """

    example: Example
    words: tuple[int, ...]
    codes: np.ndarray | None
    points: tuple[PointRetrieval, ...] = ()


@dataclass(frozen=True)
class RefusedClip:
    """A training clip whose glosses the cascade does not accept, and why."""

    id: str
    name: str
    reason: str


def make_cases(
    store: FeatureStore, indices: Sequence[int], model: TrainedModel, graph: Graph, workers: SearchWorkers
) -> tuple[list[Case], list[RefusedClip]]:
    """The training cases of the clips at `indices`, and the clips that the cascade does not accept."""
    table = LabelTable(model.tiers, {})
    corpus = ClipSelection(list(indices), [], model.alphabet, 0)
    examples = examples_of(store, corpus, table, (model.mean, model.deviation)).train
    clips = [store.clips[i] for i in indices]
    references = [_reference(clip, graph) for clip in clips]
    checks = [
        workers.accepts(example.id, words, len(example.features), len(graph.rows)) if words else None
        for words, example in zip(references, examples, strict=True)
    ]
    cases, refused = [], []
    for clip, example, words, check in zip(clips, examples, references, checks, strict=True):
        accepted = check.result() if check else None
        reason = workers.failed.get(clip.id) or _refusal(clip, words, graph, accepted)
        if reason:
            refused.append(RefusedClip(clip.id, clip.name, reason))
        example = replace(example, labels=_with_forms(example, clip, store.fps))
        points = tuple(point_retrievals(clip, store.fps, model))
        codes = graph.coder.clip_codes(example.features, store.feature_set) if graph.coder else None
        cases.append(Case(example, () if reason else words, codes, points))
    return cases, refused


def _reference(clip: Clip, graph: Graph) -> tuple[int, ...]:
    """The cascade's numbers of the clip's glosses; () if one is missing from its lexicon."""
    return tuple(graph.alphabet.labels(clip.glosses)) if all(word in graph.alphabet for word in clip.glosses) else ()


def _refusal(clip: Clip, words: tuple[int, ...], graph: Graph, accepted: int | None) -> str:
    """Why the cascade does not accept a clip's glosses; "" if it does. accepted: result of SearchWorkers.accepts."""
    if not words:
        missing = next(word for word in clip.glosses if word not in graph.alphabet)
        return f"{missing} is not in the cascade's lexicon"
    if accepted is None:
        return ""
    if accepted < len(words):
        before = " ".join(clip.glosses[:accepted]) or "the beginning"
        return f"{clip.glosses[accepted]} cannot follow {before}"
    return "too few frames for its glosses, or the grammar does not let a sentence end there"


def _with_forms(example: Example, clip: Clip, fps: float) -> Labels:
    """The example's labels, with those of the gate if the clip marks fused signs."""
    labels = example.labels
    if not any(segment.tier == FORM for segment in clip.segments):
        return labels
    return Labels({**labels.frames, FORM: form_frames(clip, len(example.features), fps)}, labels.clip)


def point_retrievals(clip: Clip, fps: float, model: TrainedModel) -> list[PointRetrieval]:
    """The points back to one of several bound loci, for clips with time-aligned signs."""
    bound: list[str] = []
    retrievals = []
    signs = (segment for segment in clip.segments if segment.tier == GLOSS_TIER)
    for sign in sorted(signs, key=lambda segment: segment.start):
        point = POINT.fullmatch(sign.value)
        if point and sign.value in bound and len(bound) > 1:
            columns = tuple(model.alphabet.labels(bound))
            frames = round(sign.start * fps), round(sign.end * fps)
            retrievals.append(PointRetrieval(*frames, columns, bound.index(sign.value)))
        elif point and sign.value not in bound and sign.value in model.alphabet:
            bound.append(sign.value)
    return retrievals
