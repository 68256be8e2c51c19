"""A linear probe: how much of a label a representation says to a logistic regression (SPEC §6)."""

import numpy as np
import torch
from torch.nn import functional

#: Strengths of the weight penalty that are tried, and the folds in which the best is chosen, on training clips alone.
PENALTIES = (1e-3, 1e-2, 1e-1)
FOLDS = 3
_STEPS = 60


def mean_and_deviation(frames: np.ndarray) -> np.ndarray:
    """(T, D) → (2 D,): mean and standard deviation over time."""
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def probe_scores(train: np.ndarray, labels: np.ndarray, test: np.ndarray, classes: int) -> np.ndarray:
    """(N, D) training and (M, D) other clips, labels (N,) → (M, classes) logits of the others.

    Both are standardised by the training clips. The penalty is the one with the best mean accuracy over FOLDS parts of them.
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-6
    train, test = (train - mean) / deviation, (test - mean) / deviation
    fold = np.random.default_rng(0).permutation(len(train)) % FOLDS
    right = {
        penalty: np.mean([_right(train, labels, fold == k, classes, penalty) for k in range(FOLDS)]) for penalty in PENALTIES
    }
    return _fit(train, labels, classes, max(right, key=right.get))(test)


def _right(values: np.ndarray, labels: np.ndarray, held: np.ndarray, classes: int, penalty: float) -> float:
    if held.all() or not held.any():
        return 0.0
    logits = _fit(values[~held], labels[~held], classes, penalty)(values[held])
    return float((logits.argmax(axis=1) == labels[held]).mean())


def _fit(values: np.ndarray, labels: np.ndarray, classes: int, penalty: float):
    x, y = torch.from_numpy(values).float(), torch.from_numpy(labels)
    weights, bias = torch.zeros(x.shape[1], classes, requires_grad=True), torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = functional.cross_entropy(x @ weights + bias, y) + penalty * (weights**2).sum() / 2
        value.backward()
        return value

    optimiser.step(loss)

    def logits(other: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return (torch.from_numpy(other).float() @ weights + bias).numpy()

    return logits
