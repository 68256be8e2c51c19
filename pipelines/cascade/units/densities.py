"""Which unit each training frame is of, and Gaussians of those frames (SPEC §10, Emission)."""

from collections.abc import Mapping, Sequence

import numpy as np
from asl.models.densities import fit
from asl.models.units import aligned, unit_scores
from asl.pipelines.cascade.units.alignments import Material, Spot
from asl.pipelines.cascade.units.frame_densities import FrameDensities, inputs
from asl.pipelines.cascade.units.sign_units import Inventory, Way
from asl.pipelines.recogniser.torch_model import TrainedModel

#: Times that frames are given to units anew by the Gaussians found so far.
ROUNDS = 2
_NONE = -1


def frame_densities(
    material: Material, found: Inventory, features: Mapping[int, np.ndarray], model: TrainedModel
) -> FrameDensities:
    """Of the units of an inventory, from the clips that it was learned from. features: clip → (T, size)."""
    values = {clip: inputs(own, model.feature_set, model.mean, model.deviation) for clip, own in features.items()}
    # First by the tables of codes, then by the Gaussians themselves.
    labels = _labels(material, found, values, None)
    made = fit(list(values.values()), labels, len(found.units))
    for _ in range(ROUNDS):
        scores = {clip: made.log_likelihoods(own) for clip, own in values.items()}
        made = fit(list(values.values()), _labels(material, found, values, scores), len(found.units))
    return FrameDensities(made, model.mean, model.deviation)


def _labels(
    material: Material, found: Inventory, values: Mapping[int, np.ndarray], scores: Mapping[int, np.ndarray] | None
) -> list[np.ndarray]:
    """Of each clip the unit of every frame, _NONE where nothing is known. scores: clip → (T, U); None takes the tables."""
    out = {clip: np.full(len(own), _NONE) for clip, own in values.items()}
    ways: dict[tuple[str, ...], list[Way]] = {}
    for way in found.ways:
        ways.setdefault(way.said, []).append(way)

    def own_scores(codes: np.ndarray, spot: Spot, units: Sequence[int]) -> np.ndarray:
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
