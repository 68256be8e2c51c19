"""What results are measured with (SPEC §13): top-k, word error rate, bootstrap intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from scipy import optimize, special

from asl.transducers.ctc_search import greedy

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval at LEVEL."""

    value: float
    low: float
    high: float

    @property
    def percent(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def ranks(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N, V) scores and (N,) true columns → (N,) 0-based rank of the truth; ties count against it."""
    own = scores[np.arange(len(truth)), truth]
    return (scores >= own[:, None]).sum(axis=1) - 1


def top_k(rank: np.ndarray, k: int) -> np.ndarray:
    """(N,) ranks → (N,) 1.0 where the truth is among the first k."""
    return (rank < k).astype(float)


def bootstrap_mean(values: np.ndarray, seed: int = 0) -> Interval:
    """Mean of (N,) values a clip, with the percentile interval over resampled clips."""
    return bootstrap(len(values), lambda chosen: values[chosen].mean(axis=-1), seed)


def bootstrap(count: int, statistic: Callable[[np.ndarray], np.ndarray], seed: int = 0) -> Interval:
    """A statistic over `count` clips with its percentile interval (Efron 1979).

    statistic: (R, count) resampled clip indices → (R,) values.
    """
    rng = np.random.default_rng(seed)
    values = statistic(rng.integers(0, count, size=(RESAMPLES, count)))
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(statistic(np.arange(count)[None])[0]), float(low), float(high))


def calibrated_log_loss(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N, V) log posteriors and (N,) true columns → (N,) nats, each clip's posterior sharpened or flattened by a temperature.

    The temperature is that of the best log loss on every other clip, for those between (Guo et al., ICML 2017): no clip has
    a say in its own, so the mean is an honest cross-entropy. One clip alone keeps its posterior.
    """
    if len(truth) < 2:
        return _log_loss(scores, truth, 1.0)
    out = np.empty(len(truth))
    for half in (np.arange(len(truth)) % 2 == 0, np.arange(len(truth)) % 2 == 1):
        out[half] = _log_loss(scores[half], truth[half], _temperature(scores[~half], truth[~half]))
    return out


def _temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    found = optimize.minimize_scalar(lambda log: _log_loss(scores, truth, np.exp(log)).mean(), bounds=(-4, 6), method="bounded")
    return float(np.exp(found.x))


def _log_loss(scores: np.ndarray, truth: np.ndarray, temperature: float) -> np.ndarray:
    return -special.log_softmax(scores / temperature, axis=1)[np.arange(len(truth)), truth]


@dataclass(frozen=True)
class WordErrors:
    """(N,) counts a clip: substitutions, deletions, insertions, and words in the reference."""

    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray
    words: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        return self.substitutions + self.deletions + self.insertions

    def rate(self) -> Interval:
        """Word error rate of all clips together, with its bootstrap interval over clips."""
        return _rate(self.errors, self.words)

    def less(self, other: "WordErrors") -> Interval:
        """This word error rate less another one's on the same clips, paired: clips are drawn for both at once."""
        return _rate(self.errors - other.errors, self.words)


def _rate(errors: np.ndarray, words: np.ndarray) -> Interval:
    return bootstrap(len(words), lambda chosen: errors[chosen].sum(axis=-1) / np.maximum(words[chosen].sum(axis=-1), 1))


def word_errors(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]) -> WordErrors:
    """Minimum edit counts of each hypothesis against its reference (jiwer). References must not be empty."""
    counts = [
        _counts(" ".join(reference), " ".join(hypothesis)) for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    substitutions, deletions, insertions = np.array(counts).reshape(-1, 3).T
    return WordErrors(substitutions, deletions, insertions, np.array([len(reference) for reference in references]))


def word_distance(reference: Sequence[int], hypothesis: Sequence[int]) -> int:
    """Fewest substitutions, deletions and insertions between two label sequences."""
    return sum(_counts(*(" ".join(map(str, one)) for one in (reference, hypothesis)))) if reference else len(hypothesis)


def _counts(reference: str, hypothesis: str) -> tuple[int, int, int]:
    found = jiwer.process_words(reference, hypothesis)
    return found.substitutions, found.deletions, found.insertions


def greedy_error_rate(references: Sequence[Sequence[int]], log_probs: Sequence[np.ndarray]) -> float:
    """Word error rate of greedy readings of (T, V + 1) log-probabilities against label sequences."""
    hypotheses = [[str(label) for label in greedy(one)] for one in log_probs]
    errors = word_errors([[str(label) for label in one] for one in references], hypotheses)
    return float(errors.errors.sum() / errors.words.sum())
