"""From landmarks to glosses: shared by evaluation, translation and all decoders (SPEC §7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asl.models.features.feature_sets import FeatureSet, encoder_input
from asl.models.features.holistic import Landmarks
from asl.models.objectives.ctc_scores import label_score, single_sign_scores
from asl.pipelines.corpus.feature_store import compute_features, select_parts
from asl.pipelines.recogniser.model import Model
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.transducers.ctc_search import align, beam_search, greedy

#: CTC marks a gloss in few frames. A token is extended into adjacent blanks by up to this much, while a hand is visible.
MAX_EXTENSION_SECONDS = 0.5


@dataclass(frozen=True)
class Token:
    """A recognised gloss.

    start, end: in seconds. confidence: posterior of the gloss under the decoder that read it, among all that it might have read
    there. runners_up: the next-best glosses of the same frames, with their posteriors. phonology: (tier, likeliest class, mean
    posterior over the frames) for each tier of the model. referent: of points and agreement verbs, the referent. direction: of
    points at a locus, a unit vector in the signer frame.
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
    """The model's output for a clip.

    views: (T, V + 1) log-probabilities of the clip and, if requested, of its mirror image, for each recogniser of the model;
    the probability of the clip is the mean over the views. hands: (T,) whether a hand is visible. fps: frame rate of the T
    frames. phonology: tier → (T, classes) posteriors, averaged over the views. features: (T, size) input features of
    feature_set.
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
        """The output for frames first…last − 1, without features."""
        phonology = {tier: values[first:last] for tier, values in self.phonology.items()}
        return Reading(tuple(view[first:last] for view in self.views), self.hands[first:last], self.fps, phonology)


def read_landmarks(model: Model, landmarks: Landmarks, *, mirror: bool) -> Reading:
    """The model's output for the landmarks of a clip. mirror: also use the mirror image."""
    features, _ = compute_features(landmarks, model.features)
    return read_features(model, select_parts(features, model.features), mirror=mirror)


def read_features(model: Model, features: np.ndarray, *, mirror: bool) -> Reading:
    """The model's output for (T, size) features, NaN where absent. mirror: also use the mirror image."""
    feature_set = model.feature_set
    views = [features, feature_set.mirror(features)] if mirror else [features]
    output = model.read(np.stack([encoder_input(view, model.mean, model.deviation, feature_set) for view in views]))
    hands = hands_seen(features, feature_set)
    return Reading(output.views, hands, model.features.fps, output.phonology, features, feature_set)


def hands_seen(features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) features → (T,) whether a hand is visible."""
    return np.isfinite(features[:, feature_set.hands]).any(axis=1)


def sign_log_posteriors(reading: Reading) -> np.ndarray:
    """(V,) log posterior of each gloss, given that the clip contains exactly one sign (SPEC §7, isolated top-k)."""
    scores = np.logaddexp.reduce([single_sign_scores(view) for view in reading.views])
    return scores - np.logaddexp.reduce(scores)


def isolated_token(model: Model, reading: Reading, runners_up: int) -> Token:
    """The token of a one-sign clip. It spans the frames in which a hand is visible."""
    posterior = np.exp(sign_log_posteriors(reading))
    return _token(model, posterior, int(posterior.argmax()), *frames_with_hands(reading), reading, runners_up)


def frames_with_hands(reading: Reading) -> tuple[int, int]:
    """[first, last) frames from the first to the last in which a hand is visible; all frames if none is."""
    seen = np.flatnonzero(reading.hands)
    return (int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, len(reading))


def decode_labels(reading: Reading, settings: DecodeSettings) -> list[int]:
    """Decodes a clip with any number of signs. Each view is decoded, and the candidate that scores best over all views wins."""
    if settings.decoder == "greedy":
        penalty, candidates = 0.0, {tuple(greedy(view)) for view in reading.views}
    else:
        penalty = settings.insertion_penalty
        hypotheses = (hypothesis for view in reading.views for hypothesis in beam_search(view, settings.beam, penalty))
        candidates = {hypothesis.labels for hypothesis in hypotheses}
    return list(max(sorted(candidates), key=lambda labels: sequence_score(reading, labels) - penalty * len(labels)))


def sequence_score(reading: Reading, labels: Sequence[int]) -> float:
    """log p(labels | clip) up to a constant: the exact CTC probability, averaged over the views."""
    return float(np.logaddexp.reduce([label_score(view, labels) for view in reading.views]))


def tokens_of_labels(model: Model, reading: Reading, labels: Sequence[int], runners_up: int) -> list[Token]:
    """Tokens of decoded labels in signing order, with times, confidences and runners-up."""
    spans = aligned_spans(reading, labels) if labels else []
    return [
        token_of_span(model, reading, gloss, first, last, runners_up)
        for gloss, (first, last) in zip(model.alphabet.names(labels), spans, strict=True)
    ]


def token_of_span(model: Model, reading: Reading, gloss: str, first: int, last: int, runners_up: int) -> Token:
    """The token of a gloss of the model in frames first…last − 1."""
    posterior = np.exp(sign_log_posteriors(reading.between(first, last)))
    return _token(model, posterior, model.alphabet.label(gloss) - 1, first, last, reading, runners_up)


def aligned_spans(reading: Reading, labels: Sequence[int]) -> list[tuple[int, int]]:
    """Frames [first, last) of each label, aligned in the view with the best score. Raises ValueError if the labels do not fit."""
    best = max(reading.views, key=lambda view: sequence_score(Reading((view,), reading.hands, reading.fps), labels))
    return _extended(align(best, list(labels)), reading)


def _token(model: Model, posterior: np.ndarray, index: int, first: int, last: int, reading: Reading, runners_up: int) -> Token:
    next_best = [i for i in np.argsort(-posterior, kind="stable")[: runners_up + 1] if i != index][:runners_up]
    names = model.alphabet.glosses
    alternatives = tuple((names[i], float(posterior[i])) for i in next_best)
    return token_in(model, reading, names[index], (first, last), float(posterior[index]), alternatives)


def token_in(
    model: Model,
    reading: Reading,
    gloss: str,
    span: tuple[int, int],
    confidence: float,
    runners_up: tuple[tuple[str, float], ...],
) -> Token:
    """A token with the phonology of its frames. span: [first, last) frames."""
    first, last = span
    phonology = tuple(_likeliest_class(model, tier, values[first:last]) for tier, values in reading.phonology.items())
    return Token(gloss, first / reading.fps, last / reading.fps, confidence, runners_up, phonology)


def _likeliest_class(model: Model, tier: str, posteriors: np.ndarray) -> tuple[str, str, float]:
    mean = posteriors.mean(axis=0)
    best = int(mean.argmax())
    return tier, model.tiers[tier][best], float(mean[best])


def _extended(spans: list[tuple[int, int]], reading: Reading) -> list[tuple[int, int]]:
    """Extends spans into adjacent blanks, at most to the middle of the gap to the next span, while a hand is visible."""
    limit = round(MAX_EXTENSION_SECONDS * reading.fps)
    ends = [0, *(last for _, last in spans)]
    starts = [*(first for first, _ in spans), len(reading)]
    extended = []
    for i, (first, last) in enumerate(spans):
        lowest = ends[0] if i == 0 else (ends[i] + first + 1) // 2
        highest = starts[-1] if i == len(spans) - 1 else (last + starts[i + 1]) // 2
        low, high = first, last
        while low > max(lowest, first - limit) and reading.hands[low - 1]:
            low -= 1
        while high < min(highest, last + limit) and reading.hands[high]:
            high += 1
        extended.append((low, high))
    return extended
