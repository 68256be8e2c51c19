"""Gaussians of what frames look like under each unit: a further say in the cascade's frame scores (SPEC §10, Emission)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from asl.models.densities import Densities
from asl.models.feature_sets import FeatureSet, encoder_input
from asl.pipelines.cascade.units.coding import right_handed


@dataclass(frozen=True)
class FrameDensities:
    """densities: of units, over frames that are standardised by mean and deviation (expanded,), as the model's input is."""

    densities: Densities
    mean: np.ndarray
    deviation: np.ndarray

    def scores(self, features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
        """(T, size) of a clip → (T, U) log-likelihoods, to a constant."""
        return self.densities.log_likelihoods(inputs(features, feature_set, self.mean, self.deviation))

    def arrays(self) -> dict[str, np.ndarray]:
        return vars(self.densities) | {"mean": self.mean, "deviation": self.deviation}


def densities_of(found: Mapping[str, np.ndarray]) -> FrameDensities:
    """From what `FrameDensities.arrays` wrote. Raises KeyError, ValueError: they do not fit."""
    arrays = {name: found[name] for name in ("middle", "projection", "means", "variances", "mean", "deviation")}
    mean, deviation = arrays.pop("mean"), arrays.pop("deviation")
    own = Densities(**arrays)
    width, directions = own.projection.shape
    if own.middle.shape != (width,) or own.means.shape != own.variances.shape or own.means.shape[1] != directions:
        raise ValueError("densities of different sizes")
    return FrameDensities(own, mean, deviation)


def inputs(features: np.ndarray, feature_set: FeatureSet, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """(T, size) → (T, inputs): as the encoder sees them, the hand that moves more on the right where the set says which."""
    shown = right_handed(features, feature_set) if feature_set.phonological else features
    return encoder_input(shown, mean, deviation, feature_set)
