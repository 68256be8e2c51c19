"""Alignments: the codes of every signed segment of the training clips, from which units are learned (SPEC §10, Units)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS
from asl.pipelines.cascade.language import read_text
from asl.pipelines.cascade.signing_space import Pointing, pointing_direction
from asl.pipelines.cascade.units.codebooks import Coder, right_handed
from asl.pipelines.cascade.units.segments import GlossTuple, SignSegment, letter_segments, rest_spans, sign_segments
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore, compute_features, select_parts
from asl.pipelines.recogniser.reading import aligned_spans, read_features
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.glossing import POINT, SPELLED, normalise_gloss

#: Synthetic performances of a sign of the lexicon that no clip shows.
SYNTHETIC_SIGNERS, TAKES_PER_SIGNER, SYNTHETIC_FPS = 3, 2, 25.0
#: `ClipSpan.clip` of a synthetic performance.
NO_CLIP = -1


@dataclass(frozen=True)
class ClipSpan:
    """Frames first…last − 1 of a clip, given by its index in the workspace, or NO_CLIP."""

    clip: int
    first: int = 0
    last: int = 0


@dataclass
class Alignments:
    """sign_codes: glosses → the (T, P) codes of each segment; letter_codes: likewise for each fingerspelled letter;
    rest_codes: of the frames between signs. sign_spans, rest_spans: the frames of these segments. pointings: of each clip.

    sentences: glosses of each clip. clip_segments: sign segments of each clip. performed: number of lexicon signs that no clip
    shows. too_short: number of clips with fewer frames than glosses.
    """

    sign_codes: dict[GlossTuple, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    letter_codes: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    rest_codes: list[np.ndarray] = field(default_factory=list)
    sign_spans: dict[GlossTuple, list[ClipSpan]] = field(default_factory=lambda: defaultdict(list))
    rest_spans: list[ClipSpan] = field(default_factory=list)
    pointings: list[list[Pointing]] = field(default_factory=list)
    sentences: list[tuple[str, ...]] = field(default_factory=list)
    clip_segments: list[list[SignSegment]] = field(default_factory=list)
    performed: int = 0
    too_short: int = 0

    @property
    def clips(self) -> list[int]:
        """Indices of the clips that segments were taken from."""
        return sorted({span.clip for spans in self.sign_spans.values() for span in spans if span.clip >= 0})


def usable_clips(clips: Sequence[Clip], model: TrainedModel, split: str) -> list[int]:
    """Indices of the labelled clips of a split whose glosses are all in the model's alphabet."""
    return [
        i
        for i, clip in enumerate(clips)
        if clip.split == split and clip.glosses and all(word in model.alphabet for word in clip.glosses)
    ]


def collect_alignments(
    store: FeatureStore, model: TrainedModel, coder: Coder | None, mirror: bool, progress: Progress,
    train: Sequence[int] | None = None,
) -> Alignments:  # fmt: skip
    """Aligns these clips, or all usable training clips. Raises BadInput if there are none."""
    chosen = usable_clips(store.clips, model, "train") if train is None else train
    if not chosen:
        raise BadInput(
            "no training clip has only glosses that the model knows", "build the cascade in the workspace of its model"
        )
    progress.start("align", len(chosen))
    alignments = Alignments()
    for i in chosen:
        progress.advance()
        clip, features = store.clips[i], store[i]
        hands = np.isfinite(features[:, store.feature_set.hands]).any(axis=1)

        def encoder_spans(features=features, clip=clip) -> list[tuple[int, int]]:
            reading = read_features(model, features, mirror=mirror)
            return aligned_spans(reading, model.alphabet.labels(clip.glosses))

        try:
            segments = sign_segments(clip, hands, store.fps, encoder_spans)
        except ValueError:  # more glosses than frames: nothing to learn from
            alignments.too_short += 1
            continue
        alignments.sentences.append(clip.glosses)
        alignments.clip_segments.append(segments)
        codes = _codes(features, store, coder)
        for segment in segments:
            alignments.sign_codes[segment.glosses].append(codes[segment.first : segment.last])
            alignments.sign_spans[segment.glosses].append(ClipSpan(i, segment.first, segment.last))
        for letter, first, last in letter_segments(clip, len(codes), store.fps):
            alignments.letter_codes[letter].append(codes[first:last])
        if store.feature_set.phonological:
            alignments.pointings.append(_pointings(segments, features))
        rests = rest_spans(segments, len(codes))
        alignments.rest_codes += [codes[first:last] for first, last in rests]
        alignments.rest_spans += [ClipSpan(i, first, last) for first, last in rests]
    return alignments


def _pointings(segments: Sequence[SignSegment], features: np.ndarray) -> list[Pointing]:
    """The points at loci among the segments, in order, with their directions."""
    pointings = []
    for segment in sorted(segments, key=lambda segment: segment.first):
        point = POINT.fullmatch(segment.glosses[0])
        if point and (direction := pointing_direction(features[segment.first : segment.last])):
            pointings.append(Pointing(point[1], direction))
    return pointings


def _codes(features: np.ndarray, store: FeatureStore, coder: Coder | None) -> np.ndarray:
    """(T, P) codes. Without codebooks P is 0: nothing distinguishes the units of a sign but their durations."""
    if coder is None:
        return np.zeros((len(features), 0), dtype=int)
    return coder.clip_codes(features, store.feature_set)


def add_lexicon(alignments: Alignments, lexicon: str, count: int, settings: FeatureSettings, coder: Coder | None) -> None:
    """Adds segments of the lexicon's signs that no clip shows, performed by synthetic signers (zero-shot entries).

    Raises BadInput if there is no such lexicon, or no codebooks.
    """
    if coder is None:
        raise BadInput("signs from a lexicon need codes, but these features have none", "train with --features phon36")
    filmed = {word for glosses in alignments.sign_codes for word in glosses}
    for name, features in _performances(lexicon, count, settings, filmed):
        if (name,) not in alignments.sign_codes:
            alignments.performed += 1
        alignments.sign_codes[name,].append(coder.codes(features))
        alignments.sign_spans[name,].append(ClipSpan(NO_CLIP))


def _performances(lexicon: str, count: int, settings: FeatureSettings, filmed: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """(gloss, (T, size) features) of each performance of each sign that is not in `filmed`."""
    from asl.pipelines.synthetic import performances  # only where a lexicon is performed

    feature_set = FEATURE_SETS[settings.features]
    performances.lexicon_file(lexicon)
    for sign in performances.vocabulary(lexicon, count, 0):
        for take in range(SYNTHETIC_SIGNERS * TAKES_PER_SIGNER) if sign.gloss not in filmed else ():
            signer = take % SYNTHETIC_SIGNERS
            recipe = performances.Recipe(lexicon, count, sign.gloss, take, signer, 0, SYNTHETIC_FPS, noise=True)
            features, _ = compute_features(performances.landmarks(recipe), settings)
            features = right_handed(select_parts(features, settings), feature_set)
            segments = performances.perform(recipe).segments
            (span,) = {(segment.start, segment.end) for segment in segments if segment.tier == "gloss"}
            first, last = (round(time * settings.fps) for time in span)
            yield sign.gloss, features[first:last]


def fingerspelled_names(settings: GraphSettings, alignments: Alignments) -> list[str]:
    """fs-NAME for every name in the files of the settings, and fs-A for each letter if letters may be read freely.

    Raises BadInput if a file is unreadable, or if no clip shows a letter that is needed.
    """
    names = [normalise_gloss(f"{SPELLED}{word}") for file in settings.names for line in read_text(Path(file)) for word in line]
    letters = set(alignments.letter_codes)
    for name in names:
        if missing := set(name[len(SPELLED) :]) - letters:
            raise BadInput(
                f"{name} has letters that no training clip shows: {', '.join(sorted(missing))}",
                "letters are learned from clips with a tier 'letter'; leave the name out",
            )
    if settings.letters and not letters:
        raise BadInput("no training clip shows letters", "they are learned from clips with a tier 'letter'; leave --letters out")
    return [*names, *(f"{SPELLED}{letter}" for letter in alignments.letter_codes if settings.letters)]
