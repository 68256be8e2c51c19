"""Exact CTC log-probabilities in NumPy, for decoding. `models.objectives.ctc` has the differentiable ones (SPEC §7)."""

from collections.abc import Sequence

import numpy as np


def single_sign_scores(log_probs: np.ndarray) -> np.ndarray:
    """log p([v] | X) of each one-gloss sequence: (T, V + 1) log-probabilities → (V,), as in `ctc.single_sign_scores`."""
    sums = np.cumsum(log_probs.astype(np.float64), axis=0)
    before = np.concatenate([np.zeros((1, sums.shape[1])), sums[:-1]])
    enter = np.logaddexp.accumulate(before[:, :1] - before[:, 1:], axis=0)
    return sums[-1, 0] + np.logaddexp.reduce(sums[:, 1:] - sums[:, :1] + enter, axis=0)


def label_score(log_probs: np.ndarray, labels: Sequence[int]) -> float:
    """log p(labels | X) by the forward algorithm (Graves et al., ICML 2006); −inf if the labels do not fit into T frames.

    log_probs: (T, V + 1). labels: 1…V, without blanks.
    """
    path = np.zeros(2 * len(labels) + 1, dtype=int)
    path[1::2] = labels
    frames = log_probs[:, path].astype(np.float64)
    # The blank between two labels may be skipped, unless they are equal.
    skips = np.zeros(len(path), dtype=bool)
    skips[3::2] = path[3::2] != path[1:-2:2]
    forward = np.full(len(path), -np.inf)
    forward[:2] = frames[0, :2]
    for frame in frames[1:]:
        stepped = np.logaddexp(forward, np.concatenate([[-np.inf], forward[:-1]]))
        skipped = np.where(skips, np.concatenate([[-np.inf, -np.inf], forward[:-2]])[: len(path)], -np.inf)
        forward = np.logaddexp(stepped, skipped) + frame
    return float(np.logaddexp.reduce(forward[-2:]))
