"""Gaussians of what frames look like under each unit, and how they are fitted to aligned clips (SPEC §10, Emission)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from asl.models.features.feature_sets import FeatureSet, encoder_input
from asl.models.gaussians import Gaussians, fit
from asl.models.units import aligned, unit_scores
from asl.pipelines.cascade.units.codebooks import right_handed
from asl.pipelines.cascade.units.inventory import Inventory, SignVariant

if TYPE_CHECKING:
    from asl.pipelines.cascade.units.alignments import Alignments, ClipSpan
    from asl.pipelines.recogniser.torch_model import TrainedModel

#: Times that frames are given to units anew by the Gaussians found so far.
ROUNDS = 2
_NONE = -1


@dataclass(frozen=True)
class GaussianEmissions:
    """densities: of units, over frames that are standardised by mean and deviation (expanded,), as the model's input is."""

    densities: Gaussians
    mean: np.ndarray
    deviation: np.ndarray

    def scores(self, features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
        """(T, size) of a clip → (T, U) log-likelihoods, to a constant."""
        return self.densities.log_likelihoods(emission_inputs(features, feature_set, self.mean, self.deviation))

    def arrays(self) -> dict[str, np.ndarray]:
        return vars(self.densities) | {"mean": self.mean, "deviation": self.deviation}


def emissions_from_arrays(found: Mapping[str, np.ndarray]) -> GaussianEmissions:
    """From what `FrameDensities.arrays` wrote. Raises KeyError, ValueError: they do not fit."""
    arrays = {name: found[name] for name in ("middle", "projection", "means", "variances", "mean", "deviation")}
    mean, deviation = arrays.pop("mean"), arrays.pop("deviation")
    own = Gaussians(**arrays)
    width, directions = own.projection.shape
    if own.middle.shape != (width,) or own.means.shape != own.variances.shape or own.means.shape[1] != directions:
        raise ValueError("densities of different sizes")
    return GaussianEmissions(own, mean, deviation)


def emission_inputs(features: np.ndarray, feature_set: FeatureSet, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """(T, size) → (T, inputs): as the encoder sees them, the hand that moves more on the right where the set says which."""
    shown = right_handed(features, feature_set) if feature_set.phonological else features
    return encoder_input(shown, mean, deviation, feature_set)


def fit_emissions(
    material: "Alignments", found: Inventory, features: Mapping[int, np.ndarray], model: "TrainedModel"
) -> GaussianEmissions:
    """Of the units of an inventory, from the clips that it was learned from. features: clip → (T, size)."""
    values = {clip: emission_inputs(own, model.feature_set, model.mean, model.deviation) for clip, own in features.items()}
    # First by the tables of codes, then by the Gaussians themselves.
    labels = _labels(material, found, values, None)
    made = fit(list(values.values()), labels, len(found.units))
    for _ in range(ROUNDS):
        scores = {clip: made.log_likelihoods(own) for clip, own in values.items()}
        made = fit(list(values.values()), _labels(material, found, values, scores), len(found.units))
    return GaussianEmissions(made, model.mean, model.deviation)


def _labels(
    material: "Alignments", found: Inventory, values: Mapping[int, np.ndarray], scores: Mapping[int, np.ndarray] | None
) -> list[np.ndarray]:
    """Of each clip the unit of every frame, _NONE where nothing is known. scores: clip → (T, U); None takes the tables."""
    out = {clip: np.full(len(own), _NONE) for clip, own in values.items()}
    ways: dict[tuple[str, ...], list[SignVariant]] = {}
    for way in found.ways:
        ways.setdefault(way.said, []).append(way)

    def own_scores(codes: np.ndarray, spot: "ClipSpan", units: Sequence[int]) -> np.ndarray:
        if scores is None:
            return unit_scores(codes, found.units.tables, units)
        return scores[spot.clip][spot.first : spot.last][:, units]

    for said, segments in material.segments.items():
        for codes, spot in zip(segments, material.spots[said], strict=True):
            if spot.clip in out and len(codes):
                out[spot.clip][spot.first : spot.last] = _best(
                    [
                        (
                            np.array(way.units),
                            *aligned(own_scores(codes, spot, way.units), found.units.durations[list(way.units)]),
                        )
                        for way in ways.get(said, ())
                    ],
                    len(codes),
                )
    if found.rest is not None:
        for spot in material.rest_spots:
            out[spot.clip][spot.first : spot.last] = found.rest
    return list(out.values())


def _best(ways: Sequence[tuple[np.ndarray, np.ndarray, float]], frames: int) -> np.ndarray:
    """(units, places, score) of each way → (T,) the units of the best one, _NONE if there is no way."""
    if not ways:
        return np.full(frames, _NONE)
    units, places, _ = max(ways, key=lambda way: way[2])
    return units[places]
