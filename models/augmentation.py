"""Variations of a training clip: mirrored, faster or slower, noisy, partly hidden (SPEC §6)."""

from dataclasses import dataclass

import numpy as np

from models.feature_sets import FeatureSet, encoder_input

MASKS = 2


@dataclass(frozen=True)
class Augmentation:
    """mirror: share of clips. speed: ± share. noise: standard deviations. time_mask: longest stretch, share of the clip."""

    mirror: float
    speed: float
    noise: float
    time_mask: float


def augmented_input(
    features: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    feature_set: FeatureSet,
    how: Augmentation,
    rng: np.random.Generator,
) -> np.ndarray:
    """(T, size) features of a clip → (T', size + 2) encoder input, varied at random."""
    factor = rng.uniform(1 - how.speed, 1 + how.speed)
    varied = feature_set.change_speed(features, factor)
    if rng.random() < how.mirror:
        varied = feature_set.mirror(varied)
    values = encoder_input(varied, mean, deviation, feature_set)
    seen = values[:, : feature_set.size]
    seen += rng.normal(0, how.noise, seen.shape).astype(np.float32) * (seen != 0)
    for _ in range(MASKS):
        width = int(rng.integers(0, int(how.time_mask * len(values)) + 1))
        start = int(rng.integers(0, len(values) - width + 1))
        values[start : start + width] = 0
    return values
