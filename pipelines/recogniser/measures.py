"""Evaluation measures (SPEC §13): top-k accuracy, log loss, word error rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from scipy import optimize, special

from asl.pipelines.recogniser.intervals import Groups, Interval, bootstrap_ratio


def ranks(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) 0-based ranks of the true columns `truth` (N,) in `scores` (N, V); ties count against the truth."""
    true_scores = scores[np.arange(len(truth)), truth]
    return (scores >= true_scores[:, None]).sum(axis=1) - 1


def top_k(rank: np.ndarray, k: int) -> np.ndarray:
    """(N,) 1.0 where the 0-based rank (N,) is among the first k, else 0.0."""
    return (rank < k).astype(float)


def calibrated_log_loss(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) log losses in nats of the true columns `truth` (N,), after temperature scaling of log posteriors (N, V).

    The temperature for the even clips minimises the log loss of the odd clips, and vice versa (Guo et al., ICML 2017). No
    clip affects its own temperature, so the mean is a held-out cross-entropy. A single clip is not scaled.
    """
    if len(truth) < 2:
        return _log_loss(scores, truth, 1.0)
    losses = np.empty(len(truth))
    for half in (np.arange(len(truth)) % 2 == 0, np.arange(len(truth)) % 2 == 1):
        losses[half] = _log_loss(scores[half], truth[half], _temperature(scores[~half], truth[~half]))
    return losses


def _temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    best = optimize.minimize_scalar(lambda log: _log_loss(scores, truth, np.exp(log)).mean(), bounds=(-4, 6), method="bounded")
    return float(np.exp(best.x))


def _log_loss(scores: np.ndarray, truth: np.ndarray, temperature: float) -> np.ndarray:
    return -special.log_softmax(scores / temperature, axis=1)[np.arange(len(truth)), truth]


@dataclass(frozen=True)
class WordErrors:
    """Per-clip counts (N,): substitutions, deletions, insertions, and words of the reference."""

    substitutions: np.ndarray
    deletions: np.ndarray
    insertions: np.ndarray
    words: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        return self.substitutions + self.deletions + self.insertions

    def rate(self, groups: Groups | None = None) -> Interval:
        """Word error rate over all clips, with its bootstrap interval."""
        return bootstrap_ratio(self.errors, self.words, groups)

    def minus(self, subtrahend: "WordErrors", groups: Groups | None = None) -> Interval:
        """Difference of this word error rate and another on the same clips, with its paired bootstrap interval."""
        return bootstrap_ratio(self.errors - subtrahend.errors, self.words, groups)


def word_errors(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]) -> WordErrors:
    """Minimum edit counts of each hypothesis against its reference (jiwer). References must not be empty."""
    counts = [
        _counts(" ".join(reference), " ".join(hypothesis)) for reference, hypothesis in zip(references, hypotheses, strict=True)
    ]
    substitutions, deletions, insertions = np.array(counts).reshape(-1, 3).T
    return WordErrors(substitutions, deletions, insertions, np.array([len(reference) for reference in references]))


def word_distance(reference: Sequence[int], hypothesis: Sequence[int]) -> int:
    """Edit distance of two label sequences: the fewest substitutions, deletions and insertions."""
    return sum(_counts(*(" ".join(map(str, labels)) for labels in (reference, hypothesis)))) if reference else len(hypothesis)


def _counts(reference: str, hypothesis: str) -> tuple[int, int, int]:
    result = jiwer.process_words(reference, hypothesis)
    return result.substitutions, result.deletions, result.insertions


def label_error_rate(references: Sequence[Sequence[int]], hypotheses: Sequence[Sequence[int]]) -> float:
    """Word error rate of label sequences. References must not be empty."""
    errors = word_errors(*([list(map(str, labels)) for labels in sequences] for sequences in (references, hypotheses)))
    return float(errors.errors.sum() / errors.words.sum())
