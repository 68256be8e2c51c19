"""Checks that a bundle computes what its model computes, on clips of the workspace, or on noise if there are none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asl.models.features.feature_sets import encoder_input
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.recogniser.bundle import Bundle
from asl.pipelines.recogniser.model import Model, Output
from asl.pipelines.recogniser.reading import Reading, sign_log_posteriors
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError

#: Maximum deviation of a log-probability, nats.
TOLERANCE = 1e-4
#: Frames per chunk when the streaming graph is checked.
CHUNK_FRAMES = 7
#: Clips that the streaming graph is checked on, at most about.
STREAM_CLIPS = 20
NOISE_FRAMES = (1, 30, 47, 90)


@dataclass(frozen=True)
class EngineCheck:
    """One way to run the model, compared with torch.

    off: largest difference of log-probabilities, nats. agree: share of the clips with the same top-1. top_1: accuracy on the
    labelled clips, None if there are none. milliseconds: median time to encode a clip. The field names are keys of bundle.json.
    """

    name: str
    bytes: int
    off: float
    agree: float
    top_1: float | None
    milliseconds: float


@dataclass(frozen=True)
class CheckClip:
    """inputs: (1, T, D). gloss: index of its gloss; None for a sentence or noise."""

    inputs: np.ndarray
    gloss: int | None = None


@dataclass(frozen=True)
class CheckedOn:
    """What a bundle was checked on. split: "" for clips without labels, or noise. signs: clips whose top-1 counts.

    split_by: how the clips were split. synthetic: whether all signers are. The field names are keys of bundle.json.
    """

    clips: int
    split: str = ""
    split_by: str = ""
    signs: int = 0
    synthetic: bool = False
    noise: bool = False

    @property
    def text(self) -> str:
        clips = counted(self.clips, "synthetic clip" if self.synthetic else "clip")
        if not self.split:
            return f"{clips} of noise" if self.noise else f"{clips} without labels"
        signs = f", {self.signs} of one sign" if self.signs < self.clips else ""
        return f"{clips} of the {self.split} split (split by {self.split_by}){signs}"


def check_clips(
    model: Model, store: FeatureStore | None, max_clips: int, split_by: str = "?"
) -> tuple[list[CheckClip], CheckedOn]:
    """Evenly spaced labelled clips of the test split, else validation, else training; noise without a store."""
    feature_set = model.feature_set
    if store is None:
        rng = np.random.default_rng(0)
        sizes = ((1, frames, feature_set.inputs) for frames in NOISE_FRAMES)
        return [CheckClip(rng.standard_normal(size, dtype=np.float32)) for size in sizes], CheckedOn(
            len(NOISE_FRAMES), noise=True
        )
    indices, split = _labelled(store)
    clips, chosen = [], indices[:: max(1, -(-len(indices) // max_clips))]
    for i in chosen:
        words = store.clips[i].glosses
        gloss = model.alphabet.label(words[0]) - 1 if len(words) == 1 and words[0] in model.alphabet else None
        clips.append(CheckClip(encoder_input(store[i], model.mean, model.deviation, feature_set)[None], gloss))
    signs, synthetic = sum(clip.gloss is not None for clip in clips), all(store.clips[i].synthetic for i in chosen)
    return clips, CheckedOn(len(clips), split, split_by, signs, synthetic)


def _labelled(store: FeatureStore) -> tuple[list[int], str]:
    """Indices of the labelled clips of the first split that has any, and its name; else of all clips, and ""."""
    for split in ("test", "validation", "train"):
        if indices := [i for i, clip in enumerate(store.clips) if clip.split == split and clip.glosses]:
            return indices, split
    return list(range(len(store.clips))), ""


def check_engine(name: str, size: int, model: Model, expected: Sequence[Output], clips: Sequence[CheckClip]) -> EngineCheck:
    """Runs an engine on the clips. size: of its file, bytes. expected: outputs of torch for each clip."""
    outputs, seconds = [], []
    model.read(clips[0].inputs)  # the first run includes the engine's start
    for clip in clips:
        started = time.perf_counter()
        outputs.append(model.read(clip.inputs))
        seconds.append(time.perf_counter() - started)
    pairs = zip(outputs, expected, strict=True)
    off = max(np.abs(a - b).max() for output, target in pairs for a, b in zip(output.views, target.views, strict=True))
    top, expected_top = (np.array([top_1(output) for output in engine]) for engine in (outputs, expected))
    right = [label == clip.gloss for label, clip in zip(top, clips, strict=True) if clip.gloss is not None]
    accuracy = float(np.mean(right)) if right else None
    milliseconds = round(1000 * float(np.median(seconds)), 3)
    return EngineCheck(name, size, float(off), float(np.mean(top == expected_top)), accuracy, milliseconds)


def top_1(output: Output) -> int:
    """Index of the likeliest gloss, if the clip shows a single sign."""
    return int(sign_log_posteriors(Reading(output.views, np.ones(len(output.views[0]), bool), 1.0)).argmax())


def must_be_exact(check: EngineCheck, bundle: Bundle, clips: Sequence[CheckClip]) -> None:
    """Raises AslError if the encoder, or the stream read in chunks, deviates from torch."""
    if check.off > TOLERANCE:
        raise AslError(f"the exported encoder is {check.off:.1e} nats off, more than {TOLERANCE:.0e}", "nothing was written")
    if not bundle.streams:
        return
    for clip in clips[:: max(1, len(clips) // STREAM_CLIPS)]:
        stream, expected = bundle.stream(1), bundle.read(clip.inputs)
        starts = range(0, clip.inputs.shape[1], CHUNK_FRAMES)
        chunks = [stream.read(clip.inputs[:, start : start + CHUNK_FRAMES]) for start in starts]
        for number, view in enumerate(expected.views):
            off = float(np.abs(np.concatenate([chunk.views[number] for chunk in chunks]) - view).max())
            if off > TOLERANCE:
                raise AslError(f"the exported stream is {off:.1e} nats off the whole clip", "nothing was written")


def must_not_lose(smaller: EngineCheck, exact: EngineCheck, max_drop: float, labelled: int) -> None:
    """Raises AslError if top-1 drops by more than `max_drop` points and by more than one clip."""
    if exact.top_1 is not None:
        drop = 100 * (exact.top_1 - smaller.top_1)
        if drop > max_drop and drop * labelled > 100.5:
            raise AslError(
                f"{smaller.name} loses {drop:.1f} points of top-1 on {counted(labelled, 'clip')}, more than {max_drop:g}",
                "nothing was written; allow more with --most-drop, or leave out --int8",
            )
