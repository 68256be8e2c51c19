"""From landmarks to glosses: one implementation for evaluation, translation and every later decoder (SPEC §7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import log_softmax, logsumexp

from asl.models.features.feature_sets import FeatureSet, encoder_input
from asl.models.features.holistic import Landmarks
from asl.models.objectives.ctc_scores import label_score, single_sign_scores
from asl.pipelines.corpus.feature_store import features_of, shown_parts
from asl.pipelines.recogniser.model import Model
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.transducers.ctc_search import align, beam_search, greedy

#: CTC says a gloss in a few frames; a token is widened into the blanks beside it, while a hand is seen, up to this much.
WIDEN_SECONDS = 0.5


@dataclass(frozen=True)
class Token:
    """A recognised gloss. start, end: seconds. confidence: its posterior among all glosses over its frames.

    runners_up: the next-best glosses of the same frames with theirs. phonology: of each tier that the model was taught
    the likeliest class over the frames, with its mean posterior. referent: of points and agreement verbs who is meant.
    direction: of points at a locus where they go, a unit vector in the signer frame.
    """

    gloss: str
    start: float
    end: float
    confidence: float
    runners_up: tuple[tuple[str, float], ...] = ()
    phonology: tuple[tuple[str, str, float], ...] = ()
    referent: str = ""
    direction: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Reading:
    """What the model says of a clip.

    views: (T, V + 1) log-probabilities of the clip as it is and, where asked, mirrored, by each of the model's
    recognisers; the clip's probability is the mean over the views. hands: (T,) whether a hand is seen. fps: of the T frames.
    phonology: tier → (T, classes) posteriors, the mean over the views. features: (T, size) that it was read from, of feature_set.
    """

    views: tuple[np.ndarray, ...]
    hands: np.ndarray
    fps: float
    phonology: Mapping[str, np.ndarray] = field(default_factory=dict)
    features: np.ndarray | None = None
    feature_set: FeatureSet | None = None

    def __len__(self) -> int:
        return len(self.views[0])

    def between(self, first: int, last: int) -> "Reading":
        phonology = {tier: values[first:last] for tier, values in self.phonology.items()}
        return Reading(tuple(view[first:last] for view in self.views), self.hands[first:last], self.fps, phonology)


def read_landmarks(model: Model, landmarks: Landmarks, *, mirror: bool) -> Reading:
    """Landmarks of a clip → what the model says of each frame."""
    features, _ = features_of(landmarks, model.features)
    return read_features(model, shown_parts(features, model.features), mirror=mirror)


def read_features(model: Model, features: np.ndarray, *, mirror: bool) -> Reading:
    """(T, size) features, NaN where absent → what the model says of each frame."""
    feature_set = model.feature_set
    shown = [features, feature_set.mirror(features)] if mirror else [features]
    said = model.read(np.stack([encoder_input(one, model.mean, model.deviation, feature_set) for one in shown]))
    hands = hands_seen(features, feature_set)
    return Reading(said.views, hands, model.features.fps, said.phonology, features, feature_set)


def hands_seen(features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) → (T,) whether a hand is seen."""
    return np.isfinite(features[:, feature_set.hands]).any(axis=1)


def rank_signs(reading: Reading) -> np.ndarray:
    """(V,) log posterior of each gloss, given that the clip shows exactly one sign (SPEC §7, isolated top-k)."""
    return log_softmax(logsumexp([single_sign_scores(view) for view in reading.views], axis=0))


def isolated_token(model: Model, reading: Reading, runners_up: int) -> Token:
    """The clip as one sign, whose times are those of the frames in which a hand is seen."""
    posterior = np.exp(rank_signs(reading))
    seen = np.flatnonzero(reading.hands)
    first, last = (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, len(reading))
    return _token(model, posterior, int(posterior.argmax()), first, last, reading, runners_up)


def labels_of(reading: Reading, settings: DecodeSettings) -> list[int]:
    """The gloss labels of a clip of any number of signs: of what is read off each view, the likeliest under all."""
    if settings.decoder == "greedy":
        penalty, candidates = 0.0, {tuple(greedy(view)) for view in reading.views}
    else:
        penalty = settings.insertion_penalty
        found = (one for view in reading.views for one in beam_search(view, settings.beam, penalty))
        candidates = {one.labels for one in found}
    return list(max(sorted(candidates), key=lambda labels: sequence_score(reading, labels) - penalty * len(labels)))


def sequence_score(reading: Reading, labels: Sequence[int]) -> float:
    """log p(labels | clip), of the mean over the views of the exact CTC probabilities, to a constant."""
    return float(logsumexp([label_score(view, labels) for view in reading.views]))


def tokens_of(model: Model, reading: Reading, labels: Sequence[int], runners_up: int) -> list[Token]:
    """The glosses of a clip in signing order, with times, confidence and runners-up."""
    spans = aligned_spans(reading, labels) if labels else []
    return [
        token_of(model, reading, gloss, first, last, runners_up)
        for gloss, (first, last) in zip(model.alphabet.names(labels), spans, strict=True)
    ]


def token_of(model: Model, reading: Reading, gloss: str, first: int, last: int, runners_up: int) -> Token:
    """A gloss read in frames first…last − 1. One that the encoder does not know has confidence 0."""
    posterior = np.exp(rank_signs(reading.between(first, last)))
    if gloss in model.alphabet:
        return _token(model, posterior, model.alphabet.label(gloss) - 1, first, last, reading, runners_up)
    return replace(
        _token(model, posterior, int(posterior.argmax()), first, last, reading, runners_up), gloss=gloss, confidence=0.0
    )


def aligned_spans(reading: Reading, labels: Sequence[int]) -> list[tuple[int, int]]:
    """Of each label its frames, [first, last), in the view under which they are likeliest. Raises ValueError: they do not fit."""
    view = max(reading.views, key=lambda one: sequence_score(Reading((one,), reading.hands, reading.fps), labels))
    return _widened(align(view, list(labels)), reading)


def _token(model: Model, posterior: np.ndarray, index: int, first: int, last: int, reading: Reading, runners_up: int) -> Token:
    others = [i for i in np.argsort(-posterior, kind="stable")[: runners_up + 1] if i != index][:runners_up]
    names = model.alphabet.glosses
    listed = tuple((names[i], float(posterior[i])) for i in others)
    phonology = tuple(_class(model, tier, values[first:last]) for tier, values in reading.phonology.items())
    return Token(names[index], first / reading.fps, last / reading.fps, float(posterior[index]), listed, phonology)


def _class(model: Model, tier: str, posteriors: np.ndarray) -> tuple[str, str, float]:
    mean = posteriors.mean(axis=0)
    best = int(mean.argmax())
    return tier, model.tiers[tier][best], float(mean[best])


def _widened(spans: list[tuple[int, int]], reading: Reading) -> list[tuple[int, int]]:
    """Spans grown into the blanks around them: to the middle towards a neighbour, only while a hand is seen."""
    most = round(WIDEN_SECONDS * reading.fps)
    ends = [0, *(last for _, last in spans)]
    starts = [*(first for first, _ in spans), len(reading)]
    out = []
    for i, (first, last) in enumerate(spans):
        lowest = ends[0] if i == 0 else (ends[i] + first + 1) // 2
        highest = starts[-1] if i == len(spans) - 1 else (last + starts[i + 1]) // 2
        low, high = first, last
        while low > max(lowest, first - most) and reading.hands[low - 1]:
            low -= 1
        while high < min(highest, last + most) and reading.hands[high]:
            high += 1
        out.append((low, high))
    return out
