"""Variations of a training clip: mirrored, faster or slower, seen from elsewhere, noisy, partly hidden (SPEC §6)."""

from dataclasses import dataclass

import numpy as np

from asl.models.features.feature_sets import FeatureSet, encoder_input

TIME_MASKS = 2


@dataclass(frozen=True)
class Augmentation:
    """How far training clips are varied; 0 everywhere leaves them as they are.

    mirror: share of clips. speed: ± share. crop: largest share cut off the ends. rotate: ± degrees in the image plane.
    scale: ± share, each axis. shift: ± shoulder widths. noise: standard deviations. time_mask: longest stretch hidden,
    share of the clip, two a clip. frame_mask: largest share of single frames hidden. part_mask: share of clips in which a
    hand, the face or the body is hidden for a while.
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
    how: Augmentation,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """(T, size) features of a clip → (T', inputs) encoder input, varied at random, and (T',) the frames it came from."""
    changed, source = augment_features(features, feature_set, how, rng)
    if rng.random() < how.part_mask:
        mask_body_part(changed, feature_set, rng)
    values = encoder_input(changed, mean, deviation, feature_set)
    corrupt_input(values, feature_set, how, rng)
    return values, source


def augment_features(
    features: np.ndarray, feature_set: FeatureSet, how: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(T, size) → (T', size) the same clip, signed and seen a little differently, NaN where absent; and (T',) the frames
    that each came from."""
    first, kept = 0, len(features)
    if how.crop:
        kept = min(kept, max(2, round(kept * (1 - rng.uniform(0, how.crop)))))
        first = int(rng.integers(0, len(features) - kept + 1))
    changed = feature_set.change_speed(features[first : first + kept], rng.uniform(1 - how.speed, 1 + how.speed))
    if rng.random() < how.mirror:
        changed = feature_set.mirror(changed)
    if how.rotate or how.scale or how.shift:
        changed = feature_set.affine(changed, *_view(how, rng))
    return changed, np.rint(np.linspace(first, first + kept - 1, len(changed))).astype(int)


def corrupt_input(values: np.ndarray, feature_set: FeatureSet, how: Augmentation, rng: np.random.Generator) -> None:
    """Noise on encoder input (T, inputs), and stretches and single frames of it hidden, in place."""
    if how.noise:
        seen = values[:, : feature_set.expanded]
        seen += how.noise * rng.standard_normal(seen.shape, dtype=np.float32) * (seen != 0)
    for _ in range(TIME_MASKS):
        width = int(rng.integers(0, int(how.time_mask * len(values)) + 1))
        start = int(rng.integers(0, len(values) - width + 1))
        values[start : start + width] = 0
    if how.frame_mask:
        values[rng.random(len(values)) < rng.uniform(0, how.frame_mask)] = 0


def _view(how: Augmentation, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    angle = np.deg2rad(rng.uniform(-how.rotate, how.rotate))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    whole, each = rng.uniform(1 - how.scale, 1 + how.scale), rng.uniform(1 - how.scale / 3, 1 + how.scale / 3, 2)
    return turn * (whole * each), rng.uniform(-how.shift, how.shift, 2)


def mask_body_part(features: np.ndarray, feature_set: FeatureSet, rng: np.random.Generator) -> None:
    """One part of the body absent, for at least a third of the clip."""
    names = sorted(feature_set.parts)
    columns = feature_set.parts[names[int(rng.integers(len(names)))]]
    width = int(rng.uniform(1 / 3, 1) * len(features))
    start = int(rng.integers(0, len(features) - width + 1))
    features[start : start + width, columns] = np.nan
