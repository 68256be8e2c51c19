"""Augmentation of training clips: mirrored, faster or slower, seen from another angle, noisy, partly masked (SPEC §6)."""

from dataclasses import dataclass

import numpy as np

from asl.models.features.feature_sets import FeatureSet, encoder_input

#: Stretches of a clip that are masked.
TIME_MASKS = 2


@dataclass(frozen=True)
class Augmentation:
    """How strongly training clips are varied; 0 disables a variation.

    mirror: share of clips. speed: ± share. crop: largest share cut off the ends. rotate: ± degrees in the image plane.
    scale: ± share, each axis. shift: ± shoulder widths. noise: standard deviations. time_mask: longest masked stretch,
    share of the clip, two per clip. frame_mask: largest share of single frames masked. part_mask: share of clips in which a
    hand, the face or the body is masked for a while.
    """

    mirror: float = 0.0
    speed: float = 0.0
    crop: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    noise: float = 0.0
    time_mask: float = 0.0
    frame_mask: float = 0.0
    part_mask: float = 0.0


def augmented_input(
    features: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    feature_set: FeatureSet,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The encoder's input for a randomly varied clip.

    features: (T, size), NaN where absent. mean, deviation: (expanded,) for standardisation. Returns (T', inputs) float32,
    and (T',) the index of the original frame that each frame comes from.
    """
    changed, source = augment_features(features, feature_set, augmentation, rng)
    if rng.random() < augmentation.part_mask:
        mask_body_part(changed, feature_set, rng)
    values = encoder_input(changed, mean, deviation, feature_set)
    corrupt_input(values, feature_set, augmentation, rng)
    return values, source


def augment_features(
    features: np.ndarray, feature_set: FeatureSet, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Crops a clip, changes its speed, mirrors it, and turns, scales and shifts it in the image plane.

    features: (T, size), NaN where absent. Returns (T', size), and (T',) the index of the original frame that each comes from.
    """
    first, count = 0, len(features)
    if augmentation.crop:
        count = min(count, max(2, round(count * (1 - rng.uniform(0, augmentation.crop)))))
        first = int(rng.integers(0, len(features) - count + 1))
    factor = rng.uniform(1 - augmentation.speed, 1 + augmentation.speed)
    changed = feature_set.change_speed(features[first : first + count], factor)
    if rng.random() < augmentation.mirror:
        changed = feature_set.mirror(changed)
    if augmentation.rotate or augmentation.scale or augmentation.shift:
        changed = feature_set.affine(changed, *_random_view(augmentation, rng))
    return changed, np.rint(np.linspace(first, first + count - 1, len(changed))).astype(int)


def corrupt_input(values: np.ndarray, feature_set: FeatureSet, augmentation: Augmentation, rng: np.random.Generator) -> None:
    """Adds noise to encoder input (T, inputs), and sets stretches and single frames of it to 0, in place."""
    if augmentation.noise:
        seen = values[:, : feature_set.expanded]
        seen += augmentation.noise * rng.standard_normal(seen.shape, dtype=np.float32) * (seen != 0)
    for _ in range(TIME_MASKS):
        width = int(rng.integers(0, int(augmentation.time_mask * len(values)) + 1))
        start = int(rng.integers(0, len(values) - width + 1))
        values[start : start + width] = 0
    if augmentation.frame_mask:
        values[rng.random(len(values)) < rng.uniform(0, augmentation.frame_mask)] = 0


def _random_view(augmentation: Augmentation, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A (2, 2) matrix that turns and scales, and a (2,) shift, shoulder widths."""
    angle = np.deg2rad(rng.uniform(-augmentation.rotate, augmentation.rotate))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scale = augmentation.scale
    overall, per_axis = rng.uniform(1 - scale, 1 + scale), rng.uniform(1 - scale / 3, 1 + scale / 3, 2)
    return rotation * (overall * per_axis), rng.uniform(-augmentation.shift, augmentation.shift, 2)


def mask_body_part(features: np.ndarray, feature_set: FeatureSet, rng: np.random.Generator) -> None:
    """Sets one part of the body to NaN for at least a third of the clip, in place. features: (T, size)."""
    names = sorted(feature_set.parts)
    columns = feature_set.parts[names[int(rng.integers(len(names)))]]
    width = int(rng.uniform(1 / 3, 1) * len(features))
    start = int(rng.integers(0, len(features) - width + 1))
    features[start : start + width, columns] = np.nan
