"""A linear probe: how well logistic regression predicts a label from a representation (SPEC §6)."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

#: Candidate strengths of the weight penalty, and the folds of training clips in which the best is chosen.
PENALTIES = (1e-3, 1e-2, 1e-1)
FOLDS = 3
_STEPS = 60


def mean_and_deviation(frames: np.ndarray) -> np.ndarray:
    """The mean and standard deviation of frames over time: (T, D) → (2 D,)."""
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def probe_scores(train: np.ndarray, labels: np.ndarray, test: np.ndarray, classes: int) -> np.ndarray:
    """Fits a probe to training clips and returns its (M, classes) logits of test clips.

    train: (N, D); labels: (N,) 0…classes − 1; test: (M, D). Both are standardised by the training clips. The penalty is the
    one with the best mean accuracy in cross-validation over FOLDS folds of them.
    """
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-6
    train, test = (train - mean) / deviation, (test - mean) / deviation
    fold = np.random.default_rng(0).permutation(len(train)) % FOLDS

    def accuracy(penalty: float) -> float:
        return float(np.mean([_held_out_accuracy(train, labels, fold == k, classes, penalty) for k in range(FOLDS)]))

    return _fit_probe(train, labels, classes, max(PENALTIES, key=accuracy))(test)


def _held_out_accuracy(values: np.ndarray, labels: np.ndarray, held_out: np.ndarray, classes: int, penalty: float) -> float:
    if held_out.all() or not held_out.any():
        return 0.0
    logits = _fit_probe(values[~held_out], labels[~held_out], classes, penalty)(values[held_out])
    return float((logits.argmax(axis=1) == labels[held_out]).mean())


def _fit_probe(values: np.ndarray, labels: np.ndarray, classes: int, penalty: float) -> Callable[[np.ndarray], np.ndarray]:
    """Multinomial logistic regression: a function from (M, D) values to (M, classes) logits."""
    x, y = torch.from_numpy(values).float(), torch.from_numpy(labels)
    weights, bias = torch.zeros(x.shape[1], classes, requires_grad=True), torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(x @ weights + bias, y) + penalty * (weights**2).sum() / 2
        value.backward()
        return value

    optimiser.step(loss)

    def logits(clips: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return (torch.from_numpy(clips).float() @ weights + bias).numpy()

    return logits
