"""What the units of the cascade are learned from: codes of every time that a sign is signed (SPEC §10, Units)."""

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
from asl.pipelines.corpus.feature_store import FeatureStore, features_of, shown_parts
from asl.pipelines.recogniser.reading import aligned_spans, read_features
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.glossing import POINT, SPELLED, gloss

#: How a sign of a lexicon that nobody was filmed signing is performed.
SYNTHETIC_SIGNERS, TAKES_PER_SIGNER, SYNTHETIC_FPS = 3, 2, 25.0


@dataclass(frozen=True)
class ClipSpan:
    """Frames first…last − 1 of a clip, by its number; −1 for one that is not among the workspace's."""

    clip: int
    first: int = 0
    last: int = 0


@dataclass
class Alignments:
    """segments: glosses → (T, P) codes of each time they are signed, as one sign; letters: of each fingerspelled letter;
    rests: of the frames between signs. spots, rest_spots: where segments and rests are. points: of each clip.

    sentences: glosses of every clip; found: where they are in it; performed: signs of a lexicon that no clip shows;
    too_short: clips that have not frames enough for their glosses.
    """

    segments: dict[GlossTuple, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    letters: dict[str, list[np.ndarray]] = field(default_factory=lambda: defaultdict(list))
    rests: list[np.ndarray] = field(default_factory=list)
    spots: dict[GlossTuple, list[ClipSpan]] = field(default_factory=lambda: defaultdict(list))
    rest_spots: list[ClipSpan] = field(default_factory=list)
    points: list[list[Pointing]] = field(default_factory=list)
    sentences: list[tuple[str, ...]] = field(default_factory=list)
    found: list[list[SignSegment]] = field(default_factory=list)
    performed: int = 0
    too_short: int = 0

    @property
    def clips(self) -> list[int]:
        """The workspace's clips that signs were taken from."""
        return sorted({spot.clip for spots in self.spots.values() for spot in spots if spot.clip >= 0})


def usable_clips(clips: Sequence[Clip], model: TrainedModel, split: str) -> list[int]:
    """Labelled clips of a split whose glosses the model all knows."""
    return [
        i
        for i, clip in enumerate(clips)
        if clip.split == split and clip.glosses and all(word in model.alphabet for word in clip.glosses)
    ]


def collect_alignments(
    store: FeatureStore, model: TrainedModel, coder: Coder | None, mirror: bool, progress: Progress,
    train: Sequence[int] | None = None,
) -> Alignments:  # fmt: skip
    """Of these clips, or all training clips. Raises BadInput if there are none that the model knows."""
    chosen = usable_clips(store.clips, model, "train") if train is None else train
    if not chosen:
        raise BadInput("no training clip is of glosses that the model knows", "build the cascade where its model was trained")
    progress.start("align", len(chosen))
    material = Alignments()
    for i in chosen:
        progress.advance()
        clip, features = store.clips[i], store[i]
        hands = np.isfinite(features[:, store.feature_set.hands]).any(axis=1)

        def spans(features=features, clip=clip) -> list[tuple[int, int]]:
            reading = read_features(model, features, mirror=mirror)
            return aligned_spans(reading, model.alphabet.labels(clip.glosses))

        try:
            found = sign_segments(clip, hands, store.fps, spans)
        except ValueError:  # more glosses than frames: nothing to learn from
            material.too_short += 1
            continue
        material.sentences.append(clip.glosses)
        material.found.append(found)
        codes = _codes(features, store, coder)
        for one in found:
            material.segments[one.glosses].append(codes[one.first : one.last])
            material.spots[one.glosses].append(ClipSpan(i, one.first, one.last))
        for letter, first, last in letter_segments(clip, len(codes), store.fps):
            material.letters[letter].append(codes[first:last])
        if store.feature_set.phonological:
            material.points.append(_points(found, features))
        pauses = rest_spans(found, len(codes))
        material.rests += [codes[first:last] for first, last in pauses]
        material.rest_spots += [ClipSpan(i, first, last) for first, last in pauses]
    return material


def _points(found: Sequence[SignSegment], features: np.ndarray) -> list[Pointing]:
    """Points at loci, in order, with where they go."""
    pointed = []
    for one in sorted(found, key=lambda one: one.first):
        point = POINT.fullmatch(one.glosses[0])
        if point and (where := pointing_direction(features[one.first : one.last])):
            pointed.append(Pointing(point[1], where))
    return pointed


def _codes(features: np.ndarray, store: FeatureStore, coder: Coder | None) -> np.ndarray:
    """(T, P); without codebooks there is nothing to tell units apart by, and they last as long as they do."""
    if coder is None:
        return np.zeros((len(features), 0), dtype=int)
    return coder.clip_codes(features, store.feature_set)


def add_lexicon(material: Alignments, lexicon: str, count: int, settings: FeatureSettings, coder: Coder | None) -> None:
    """Units for the signs of a lexicon that no clip shows: synthetic signers perform them (zero-shot entries).

    Raises BadInput: no such lexicon, or no codebooks to code them with.
    """
    if coder is None:
        raise BadInput("signs from a lexicon need codes, which these features do not hold", "train with --features phon36")
    for name, features in _performances(lexicon, count, settings, {word for said in material.segments for word in said}):
        if (name,) not in material.segments:
            material.performed += 1
        material.segments[name,].append(coder.codes(features))
        material.spots[name,].append(ClipSpan(-1))


def _performances(lexicon: str, count: int, settings: FeatureSettings, known: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    from asl.pipelines.synthetic import performances  # only where a lexicon is performed

    feature_set = FEATURE_SETS[settings.features]
    performances.lexicon_file(lexicon)
    for sign in performances.vocabulary(lexicon, count, 0):
        for take in range(SYNTHETIC_SIGNERS * TAKES_PER_SIGNER) if sign.gloss not in known else ():
            recipe = performances.Recipe(lexicon, count, sign.gloss, take, take % SYNTHETIC_SIGNERS, 0, SYNTHETIC_FPS, noise=True)
            features, _ = features_of(performances.landmarks(recipe), settings)
            features = right_handed(shown_parts(features, settings), feature_set)
            (span,) = {(one.start, one.end) for one in performances.perform(recipe).segments if one.tier == "gloss"}
            first, last = (round(time * settings.fps) for time in span)
            yield sign.gloss, features[first:last]


def fingerspelled_names(settings: GraphSettings, material: Alignments) -> list[str]:
    """fs-NAME of every name that the settings list, and fs-A of single letters where they may be read freely.

    Raises BadInput: a letter that no clip shows, or an unreadable file.
    """
    found = [gloss(f"{SPELLED}{word}") for file in settings.names for line in read_text(Path(file)) for word in line]
    unknown = {one: missing for one in found if (missing := set(one[len(SPELLED) :]) - set(material.letters))}
    if unknown:
        one, missing = next(iter(unknown.items()))
        raise BadInput(
            f"{one} has letters that no training clip shows: {', '.join(sorted(missing))}",
            "letters are learned from clips with a tier 'letter'; leave the name out",
        )
    if settings.letters and not material.letters:
        raise BadInput("no training clip shows letters", "they are learned from clips with a tier 'letter'; leave --letters out")
    return [*found, *(f"{SPELLED}{letter}" for letter in material.letters if settings.letters)]
