"""Power laws fitted to a study of scale, with what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from asl.pipelines.recogniser.measures import LEVEL

#: What is fitted against the vocabulary, with its words.
LAWS = {
    "top_1": "top-1 accuracy",
    "train_seconds": "training time",
    "decoder_us_per_frame": "decoder time a frame",
    "graph_arcs": "arcs of the cascade",
    "graph_seconds": "building the cascade",
    "memory_mb": "peak memory",
}


@dataclass(frozen=True)
class PowerLaw:
    """y = factor · x^exponent, by least squares of the logarithms over all runs, with its 95 % interval.

    doubled: x twice the largest seen, what is predicted there, and the 95 % interval of its mean.
    """

    exponent: float
    low: float
    high: float
    factor: float
    r_squared: float
    doubled: tuple[float, float, float, float]


def fit(x: Sequence[float], y: Sequence[float]) -> PowerLaw | None:
    """None where fewer than three different sizes have values above 0: a line through two points says nothing."""
    kept = [(a, b) for a, b in zip(x, y, strict=True) if a > 0 and b > 0]
    if len({a for a, _ in kept}) < 3:
        return None
    logs = np.log(np.array(kept))
    line = stats.linregress(logs[:, 0], logs[:, 1])
    df = len(logs) - 2
    reach = stats.t.ppf((1 + LEVEL) / 2, df)
    far = float(logs[:, 0].max() + np.log(2))
    residual = logs[:, 1] - line.intercept - line.slope * logs[:, 0]
    spread = np.sqrt((residual**2).sum() / df)
    centred = logs[:, 0] - logs[:, 0].mean()
    error = spread * np.sqrt(1 / len(logs) + (far - logs[:, 0].mean()) ** 2 / (centred**2).sum())
    at = line.intercept + line.slope * far
    doubled = tuple(float(np.exp(one)) for one in (far, at, at - reach * error, at + reach * error))
    slope = float(line.slope)
    return PowerLaw(
        slope,
        slope - reach * line.stderr,
        slope + reach * line.stderr,
        float(np.exp(line.intercept)),
        float(line.rvalue**2),
        doubled,
    )
