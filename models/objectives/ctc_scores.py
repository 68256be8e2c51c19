"""CTC probabilities of what was read, exact, in NumPy: `models.ctc` has those that gradients go through (SPEC §7)."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp


def single_sign_scores(log_probs: np.ndarray) -> np.ndarray:
    """(T, V + 1) → (V,) log p([v] | X) of each one-gloss sequence; `models.ctc.single_sign_scores` has the formula."""
    kept = np.cumsum(log_probs.astype(np.float64), axis=0)
    before = np.concatenate([np.zeros((1, kept.shape[1])), kept[:-1]])
    enter = np.logaddexp.accumulate(before[:, :1] - before[:, 1:], axis=0)
    return kept[-1, 0] + logsumexp(kept[:, 1:] - kept[:, :1] + enter, axis=0)


def label_score(log_probs: np.ndarray, labels: Sequence[int]) -> float:
    """(T, V + 1), labels without blanks → log p(labels | X), −inf where they do not fit (Graves et al., ICML 2006)."""
    path = np.zeros(2 * len(labels) + 1, dtype=int)
    path[1::2] = labels
    frames = log_probs[:, path].astype(np.float64)
    # From a label straight to the next one, past the blank between them, unless they are the same.
    skips = np.zeros(len(path), dtype=bool)
    skips[3::2] = path[3::2] != path[1:-2:2]
    ahead = np.full(len(path), -np.inf)
    ahead[:2] = frames[0, :2]
    for frame in frames[1:]:
        stay = np.logaddexp(ahead, np.concatenate([[-np.inf], ahead[:-1]]))
        skipped = np.where(skips, np.concatenate([[-np.inf, -np.inf], ahead[:-2]])[: len(path)], -np.inf)
        ahead = np.logaddexp(stay, skipped) + frame
    return float(np.logaddexp.reduce(ahead[-2:]))
