"""Power laws fitted to the results of a scaling study, and their predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from asl.pipelines.recogniser.intervals import LEVEL

#: Quantities that are fitted against the vocabulary size, with their titles.
LAWS = {
    "top_1": "top-1 accuracy",
    "train_seconds": "training time",
    "decoder_us_per_frame": "decoder time per frame",
    "graph_arcs": "arcs in the cascade",
    "graph_seconds": "time to build the cascade",
    "memory_mb": "peak memory",
}


@dataclass(frozen=True)
class PowerLaw:
    """y = factor · x^exponent, fitted by least squares to the logarithms of all runs.

    low, high: 95 % confidence interval of the exponent. doubled: twice the largest x, the prediction there, and the ends of
    the 95 % confidence interval of its mean.
    """

    exponent: float
    low: float
    high: float
    factor: float
    r_squared: float
    doubled: tuple[float, float, float, float]


def fit(x: Sequence[float], y: Sequence[float]) -> PowerLaw | None:
    """Fits a power law to the positive points; None if they have fewer than three distinct x, which any two-point line fits."""
    positive = [(a, b) for a, b in zip(x, y, strict=True) if a > 0 and b > 0]
    if len({a for a, _ in positive}) < 3:
        return None
    logs = np.log(np.array(positive))
    line = stats.linregress(logs[:, 0], logs[:, 1])
    df = len(logs) - 2
    quantile = stats.t.ppf((1 + LEVEL) / 2, df)
    log_doubled = float(logs[:, 0].max() + np.log(2))
    residual = logs[:, 1] - line.intercept - line.slope * logs[:, 0]
    spread = np.sqrt((residual**2).sum() / df)
    centred = logs[:, 0] - logs[:, 0].mean()
    error = spread * np.sqrt(1 / len(logs) + (log_doubled - logs[:, 0].mean()) ** 2 / (centred**2).sum())
    predicted, margin = line.intercept + line.slope * log_doubled, quantile * error
    doubled = tuple(float(np.exp(value)) for value in (log_doubled, predicted, predicted - margin, predicted + margin))
    slope = float(line.slope)
    return PowerLaw(
        slope,
        slope - quantile * line.stderr,
        slope + quantile * line.stderr,
        float(np.exp(line.intercept)),
        float(line.rvalue**2),
        doubled,
    )
