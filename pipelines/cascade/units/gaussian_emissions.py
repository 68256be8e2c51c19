"""Gaussian emissions: log-likelihoods of frames under each unit, fitted to aligned clips (SPEC §10, Emission)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from asl.models.features.feature_sets import FeatureSet, encoder_input
from asl.models.gaussians import Gaussians, fit_gaussians
from asl.models.units import align_frames, unit_scores
from asl.pipelines.cascade.units.codebooks import right_handed
from asl.pipelines.cascade.units.inventory import Inventory, SignVariant

if TYPE_CHECKING:
    from asl.pipelines.cascade.units.alignments import Alignments, ClipSpan
    from asl.pipelines.recogniser.torch_model import TrainedModel

#: Times that frames are realigned to units with the Gaussians fitted so far.
REALIGNMENTS = 2
_NO_UNIT = -1


@dataclass(frozen=True)
class GaussianEmissions:
    """gaussians: of U units, over standardised frames. mean, deviation: (expanded,) of the model's input."""

    gaussians: Gaussians
    mean: np.ndarray
    deviation: np.ndarray

    def scores(self, features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
        """(T, size) features of a clip → (T, U) log-likelihoods, up to a constant."""
        return self.gaussians.log_likelihoods(emission_inputs(features, feature_set, self.mean, self.deviation))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for safetensors; `emissions_from_arrays` reads it."""
        return vars(self.gaussians) | {"mean": self.mean, "deviation": self.deviation}


def emissions_from_arrays(arrays: Mapping[str, np.ndarray]) -> GaussianEmissions:
    """From the arrays that `GaussianEmissions.arrays` wrote. Raises KeyError or ValueError if they do not fit."""
    parts = {name: arrays[name] for name in ("middle", "projection", "means", "variances", "mean", "deviation")}
    mean, deviation = parts.pop("mean"), parts.pop("deviation")
    gaussians = Gaussians(**parts)
    width, directions = gaussians.projection.shape
    means, variances = gaussians.means.shape, gaussians.variances.shape
    if gaussians.middle.shape != (width,) or means != variances or means[1] != directions:
        raise ValueError("densities of different sizes")
    return GaussianEmissions(gaussians, mean, deviation)


def emission_inputs(features: np.ndarray, feature_set: FeatureSet, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """(T, size) → (T, inputs), as the encoder's input; mirrored so that the right hand leads, if the features have phonology."""
    values = right_handed(features, feature_set) if feature_set.phonological else features
    return encoder_input(values, mean, deviation, feature_set)


def fit_emissions(
    alignments: "Alignments", inventory: Inventory, features: Mapping[int, np.ndarray], model: "TrainedModel"
) -> GaussianEmissions:
    """Fits the Gaussians of an inventory's units to the clips that it was learned from. features: clip → (T, size)."""
    inputs = {clip: emission_inputs(rows, model.feature_set, model.mean, model.deviation) for clip, rows in features.items()}
    frames, units = list(inputs.values()), len(inventory.units)
    # The first alignment uses the tables of codes, later ones the Gaussians themselves.
    gaussians = fit_gaussians(frames, _frame_units(alignments, inventory, inputs, None), units)
    for _ in range(REALIGNMENTS):
        scores = {clip: gaussians.log_likelihoods(values) for clip, values in inputs.items()}
        gaussians = fit_gaussians(frames, _frame_units(alignments, inventory, inputs, scores), units)
    return GaussianEmissions(gaussians, model.mean, model.deviation)


def _frame_units(
    alignments: "Alignments", inventory: Inventory, inputs: Mapping[int, np.ndarray], scores: Mapping[int, np.ndarray] | None
) -> list[np.ndarray]:
    """For each clip (T,) the unit of every frame, _NO_UNIT if unknown. scores: clip → (T, U); None uses the code tables."""
    units_of = {clip: np.full(len(values), _NO_UNIT) for clip, values in inputs.items()}
    variants: dict[tuple[str, ...], list[SignVariant]] = {}
    for variant in inventory.variants:
        variants.setdefault(variant.glosses, []).append(variant)

    def segment_scores(codes: np.ndarray, span: "ClipSpan", units: Sequence[int]) -> np.ndarray:
        if scores is None:
            return unit_scores(codes, inventory.units.tables, units)
        return scores[span.clip][span.first : span.last][:, units]

    def alignment(codes: np.ndarray, span: "ClipSpan", variant: SignVariant) -> tuple[np.ndarray, np.ndarray, float]:
        durations = inventory.units.durations[list(variant.units)]
        return np.array(variant.units), *align_frames(segment_scores(codes, span, variant.units), durations)

    for glosses, segments in alignments.sign_codes.items():
        for codes, span in zip(segments, alignments.sign_spans[glosses], strict=True):
            if span.clip in units_of and len(codes):
                candidates = [alignment(codes, span, variant) for variant in variants.get(glosses, ())]
                units_of[span.clip][span.first : span.last] = _best_units(candidates, len(codes))
    if inventory.rest is not None:
        for span in alignments.rest_spans:
            units_of[span.clip][span.first : span.last] = inventory.rest
    return list(units_of.values())


def _best_units(candidates: Sequence[tuple[np.ndarray, np.ndarray, float]], frames: int) -> np.ndarray:
    """(units, positions, score) of each variant → (T,) units of the best one; _NO_UNIT without candidates."""
    if not candidates:
        return np.full(frames, _NO_UNIT)
    units, positions, _ = max(candidates, key=lambda candidate: candidate[2])
    return units[positions]
