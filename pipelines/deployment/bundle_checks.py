"""Whether a bundle says what its model says: on clips of the workspace, or on noise where there are none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asl.models.features.feature_sets import encoder_input
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.recogniser.bundle import Bundle
from asl.pipelines.recogniser.model import Model, Output
from asl.pipelines.recogniser.reading import Reading, rank_signs
from asl.pipelines.workspace.errors import AslError

#: Nats that a log-probability may be off.
TOLERANCE = 1e-4
#: Frames of a chunk that the streaming graph is read in.
CHUNK = 7
NOISE_FRAMES = (1, 30, 47, 90)


@dataclass(frozen=True)
class EngineCheck:
    """A way to run the model. off: largest difference of a log-probability from torch's, nats; agree: share of clips with the
    same top-1 as there; top_1: share right, None without labels; milliseconds: median of encoding a clip, as it is."""

    name: str
    bytes: int
    off: float
    agree: float
    top_1: float | None
    milliseconds: float


@dataclass(frozen=True)
class CheckClip:
    """inputs: (1, T, D). truth: column of its gloss, None for a sentence or noise."""

    inputs: np.ndarray
    truth: int | None = None


def check_clips(model: Model, store: FeatureStore | None, most: int) -> tuple[list[CheckClip], str]:
    """Evenly chosen among labelled test clips, else validation, else training clips, and which these are; noise without any."""
    feature_set = model.feature_set
    if store is None:
        rng = np.random.default_rng(0)
        sizes = ((1, frames, feature_set.inputs) for frames in NOISE_FRAMES)
        return [CheckClip(rng.standard_normal(size, dtype=np.float32)) for size in sizes], "stretches of noise"
    chosen, where = _labelled(store)
    found = []
    for i in chosen[:: max(1, -(-len(chosen) // most))]:
        words = store.clips[i].glosses
        truth = model.alphabet.label(words[0]) - 1 if len(words) == 1 and words[0] in model.alphabet else None
        found.append(CheckClip(encoder_input(store[i], model.mean, model.deviation, feature_set)[None], truth))
    return found, where


def _labelled(store: FeatureStore) -> tuple[list[int], str]:
    """The labelled clips of the first split that has any, else all clips; and what they are."""
    for split in ("test", "validation", "train"):
        if found := [i for i, clip in enumerate(store.clips) if clip.split == split and clip.glosses]:
            return found, f"clips of the {split} split"
    return list(range(len(store.clips))), "clips without labels"


def measured(name: str, size: int, model: Model, torch_says: Sequence[Output], clips: Sequence[CheckClip]) -> EngineCheck:
    said, seconds = [], []
    model.read(clips[0].inputs)  # the first one pays for starting
    for one in clips:
        started = time.perf_counter()
        said.append(model.read(one.inputs))
        seconds.append(time.perf_counter() - started)
    pairs = zip(said, torch_says, strict=True)
    off = max(np.abs(a - b).max() for mine, its in pairs for a, b in zip(mine.views, its.views, strict=True))
    best, reference = (np.array([top_1(one) for one in own]) for own in (said, torch_says))
    right = [b == one.truth for b, one in zip(best, clips, strict=True) if one.truth is not None]
    share = float(np.mean(right)) if right else None
    return EngineCheck(
        name, size, float(off), float(np.mean(best == reference)), share, round(1000 * float(np.median(seconds)), 3)
    )


def top_1(output: Output) -> int:
    """The column of the likeliest single sign."""
    return int(rank_signs(Reading(output.views, np.ones(len(output.views[0]), bool), 1.0)).argmax())


def must_be_exact(variant: EngineCheck, bundle: Bundle, clips: Sequence[CheckClip]) -> None:
    """Raises AslError: the encoder, or the stream read in chunks, says something else than torch."""
    if variant.off > TOLERANCE:
        raise AslError(f"the exported encoder is {variant.off:.1e} nats off, more than {TOLERANCE:.0e}", "nothing was written")
    if not bundle.streams:
        return
    for one in clips[:: max(1, len(clips) // 20)]:
        stream, whole = bundle.stream(1), bundle.read(one.inputs)
        parts = [stream.read(one.inputs[:, at : at + CHUNK]) for at in range(0, one.inputs.shape[1], CHUNK)]
        for number, view in enumerate(whole.views):
            off = float(np.abs(np.concatenate([part.views[number] for part in parts]) - view).max())
            if off > TOLERANCE:
                raise AslError(f"the exported stream is {off:.1e} nats off the whole clip", "nothing was written")


def must_not_lose(smaller: EngineCheck, exact: EngineCheck, most_drop: float, labelled: int) -> None:
    """Raises AslError: top-1 drops by more than `most_drop` points, and by more than one clip."""
    if exact.top_1 is not None:
        drop = 100 * (exact.top_1 - smaller.top_1)
        if drop > most_drop and drop * labelled > 100.5:
            raise AslError(
                f"{smaller.name} loses {drop:.1f} points of top-1 on {labelled} clips, more than {most_drop:g}",
                "nothing was written; allow more with --most-drop, or leave it out",
            )
