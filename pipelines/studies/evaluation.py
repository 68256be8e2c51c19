"""Evaluation of a model on isolated signs and sentences, with confidence intervals (SPEC §13)."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from asl.pipelines.corpus.aliases import NO_ALIASES, Aliases
from asl.pipelines.corpus.clips import SPLITS, Clip
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.intervals import bootstrap_shares, groups_of, note_of
from asl.pipelines.recogniser.measures import calibrated_log_loss, ranks, top_k, word_errors
from asl.pipelines.recogniser.merged_glosses import MergedGlosses
from asl.pipelines.recogniser.reading import Reading, read_features, sign_log_posteriors
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress

TOP = (1, 5, 10)
WORD_ERROR_RATES = ("wer_greedy", "wer_ctc_beam", "wer_cascade", "cascade_less_ctc_beam")


def measure(
    workspace: Workspace,
    reader: Reader,
    clips: Sequence[Clip],
    split: str,
    progress: Progress,
    aliases: Aliases = NO_ALIASES,
) -> dict[str, Any]:
    """All measures of a model on a split. Raises BadInput if the split has no labelled clip with a known gloss.

    A clip of one sign whose gloss the model lacks counts as an error; `in_vocabulary` has the figures of the other clips.
    aliases: taken for their gloss in the clips and among the model's glosses.
    """
    model, glosses = reader.model, MergedGlosses(reader.model.alphabet.glosses, aliases)
    clips = [replace(clip, glosses=aliases.all(clip.glosses)) for clip in clips]
    labelled = [i for i, clip in enumerate(clips) if clip.split == split and clip.glosses]
    if not labelled:
        raise BadInput(
            f"the {split} split has no labelled clips",
            f"clips in each split: {_split_counts(clips)}; name another one with --split, or divide them anew with asl extract",
        )
    store = open_features(workspace, clips, model.features, progress)
    progress.start("evaluate", len(labelled))
    signs: list[ReadSign] = []
    outside: list[Clip] = []
    sentences: list[ReadSentence] = []
    unknown: Counter[str] = Counter()
    for i in labelled:
        progress.advance()
        words = clips[i].glosses
        unknown.update(word for word in words if word not in glosses)
        if len(words) == 1 and words[0] not in glosses:
            outside.append(clips[i])
            continue
        reading = read_features(model, store[i], mirror=reader.settings.mirror_average)
        # Per-frame log-probabilities are not kept: with a large vocabulary and many clips they would fill the memory.
        if len(words) == 1:
            signs.append(read_sign(reader, clips[i], reading, glosses))
        else:
            sentences.append(read_sentence(reader, clips[i], reading, aliases))
    if not signs and not sentences:
        raise BadInput(
            f"no clip of the {split} split has a gloss of the model's vocabulary",
            f"use a model trained on these glosses; this one has {len(model.alphabet)}, or name aliases with --aliases",
        )
    tested = [clips[i] for i in labelled]
    results: dict[str, Any] = {"outside_vocabulary": dict(unknown.most_common()), "intervals": intervals_note(tested)}
    synthetic = sum(clip.synthetic for clip in tested)
    results |= {"synthetic": synthetic} if synthetic else {}
    results |= {"only_synthetic_training": True} if model.only_synthetic else {}
    results |= isolated(glosses, signs, outside) if signs or outside else {}
    results |= continuous(reader, sentences) if sentences else {}
    return results


def intervals_note(tested: Sequence[Clip]) -> str:
    """What the intervals cover: those of signs and of sentences apart, if their clips come from other groups."""
    by_kind = {"signs": [clip for clip in tested if len(clip.glosses) == 1]}
    by_kind |= {"sentences": [clip for clip in tested if len(clip.glosses) > 1]}
    notes = {kind: note_of(groups_of(clips)) for kind, clips in by_kind.items() if clips}
    if len(set(notes.values())) == 1:
        return next(iter(notes.values()))
    return "; ".join(f"for {kind} {note}" for kind, note in notes.items())


@dataclass(frozen=True)
class ReadSign:
    """The result for a one-sign clip.

    scores: (W,) log posteriors of the glosses, merged by aliases. exact: whether unconstrained decoding outputs exactly the one
    gloss. seconds: time of that decoding, for `frames` frames.
    """

    clip: Clip
    scores: np.ndarray
    exact: bool
    seconds: float
    frames: int


@dataclass(frozen=True)
class ReadSentence:
    """The result for a sentence. words: decoder → decoded glosses."""

    clip: Clip
    words: Mapping[str, Sequence[str]]


def read_sign(reader: Reader, clip: Clip, reading: Reading, glosses: MergedGlosses) -> ReadSign:
    started = time.perf_counter()
    words = reader.words(reading)
    seconds = time.perf_counter() - started
    exact = glosses.aliases.all(words) == clip.glosses
    return ReadSign(clip, glosses.merged(sign_log_posteriors(reading)), exact, seconds, len(reading))


def read_sentence(reader: Reader, clip: Clip, reading: Reading, aliases: Aliases) -> ReadSentence:
    """Decodes a sentence greedily, by prefix beam search and, if the reader has one, with its cascade."""
    readers = {name: reader.with_decoder(name) for name in ("greedy", "ctc-beam")}
    readers |= {"cascade": reader} if reader.graph else {}
    return ReadSentence(clip, {name: aliases.all(decoder.words(reading)) for name, decoder in readers.items()})


def isolated(glosses: MergedGlosses, signs: Sequence[ReadSign], outside: Sequence[Clip]) -> dict[str, Any]:
    """Top-k accuracy with intervals, per-gloss figures and confusions of one-sign clips. outside: those of unknown glosses."""
    truth = np.array([glosses.index(sign.clip.glosses[0]) for sign in signs], dtype=int)
    scores = np.stack([sign.scores for sign in signs]) if signs else np.empty((0, len(glosses.names)))
    rank = ranks(scores, truth)
    names, best, losses = glosses.names, scores.argmax(axis=1), calibrated_log_loss(scores, truth)
    wrong = Counter((names[t], names[b]) for t, b in zip(truth, best, strict=True) if t != b)
    exact = np.array([sign.exact for sign in signs])
    seconds, frames = sum(sign.seconds for sign in signs), sum(sign.frames for sign in signs)
    right = {f"top_{k}": top_k(rank, k) for k in TOP if k < len(names) or k == 1} | {"read_exactly": exact.astype(float)}
    known = [sign.clip for sign in signs]
    with_outside = {name: np.append(values, np.zeros(len(outside))) for name, values in right.items()}
    return {
        "signs": len(known) + len(outside),
        "vocabulary": len(names),
        "decoder_us_per_frame": round(1e6 * seconds / max(1, frames), 2),
        **_accuracies(with_outside, [*known, *outside]),
        **({"in_vocabulary": {"signs": len(known), **_accuracies(right, known)}} if known and outside else {}),
        "by_gloss": [_gloss_row(names, truth, best, rank, index) for index in np.unique(truth)],
        "confusions": [{"truth": t, "read_as": b, "clips": count} for (t, b), count in wrong.most_common()],
        "clips": [
            {
                "id": sign.clip.id,
                "name": sign.clip.name,
                "gloss": sign.clip.glosses[0],
                "read_as": names[b],
                "rank": int(r) + 1,
                "confidence": round(float(np.exp(sign.scores[b])), 4),
                "exact": sign.exact,
                "log_loss": round(float(loss), 5),
            }
            for sign, b, r, loss in zip(signs, best, rank, losses, strict=True)
        ],
    }


def _accuracies(right: Mapping[str, np.ndarray], clips: Sequence[Clip]) -> dict[str, dict[str, float]]:
    """right: measure → (clips,) 1 where it is right."""
    intervals = bootstrap_shares(np.stack(list(right.values()), axis=1), groups_of(clips))
    return {name: asdict(interval) for name, interval in zip(right, intervals, strict=True)}


def _gloss_row(names, truth, best, rank, index: int) -> dict[str, Any]:
    of_gloss = truth == index
    precision = float(of_gloss[best == index].mean()) if (best == index).any() else None
    return {
        "gloss": names[index],
        "clips": int(of_gloss.sum()),
        "top_1": float((rank[of_gloss] == 0).mean()),
        "top_5": float((rank[of_gloss] < 5).mean()),
        "precision": precision,
    }


def continuous(reader: Reader, sentences: Sequence[ReadSentence]) -> dict[str, Any]:
    """Word error rates of sentences for each decoder.

    cascade_less_ctc_beam: the cascade's rate minus that of beam search, paired by clip, with its
    interval; negative if the cascade is better.
    """
    references = [list(sentence.clip.glosses) for sentence in sentences]
    results: dict[str, Any] = {"sentences": len(sentences), "words": sum(map(len, references))}
    groups, errors_of = groups_of([sentence.clip for sentence in sentences]), {}
    for name in sentences[0].words:
        hypotheses = [sentence.words[name] for sentence in sentences]
        errors = errors_of[name] = word_errors(references, hypotheses)
        key = "wer_" + name.replace("-", "_")
        parts = ("substitutions", "deletions", "insertions")
        results[key] = asdict(errors.rate(groups)) | {part: int(getattr(errors, part).sum()) for part in parts}
        if name == reader.settings.decoder:
            results["read_sentences"] = [
                {
                    "id": sentence.clip.id,
                    "name": sentence.clip.name,
                    "reference": " ".join(reference),
                    "read_as": " ".join(hypothesis),
                    "errors": int(count),
                }
                for sentence, reference, hypothesis, count in zip(sentences, references, hypotheses, errors.errors, strict=True)
            ]
    if reader.graph:
        results["cascade_less_ctc_beam"] = asdict(errors_of["cascade"].minus(errors_of["ctc-beam"], groups))
    return results


def _split_counts(clips: Sequence[Clip]) -> str:
    counts = Counter(clip.split for clip in clips)
    return ", ".join(f"{name} {counts[name]}" for name in SPLITS)
