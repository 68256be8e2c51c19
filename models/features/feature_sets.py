"""The registry of feature sets: the name, size and functions of each (SPEC §3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asl.models.features import landmark_features, phon36
from asl.models.features.holistic import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER, Landmarks
from asl.models.features.resampling import fill_hand_gaps, resample
from asl.models.features.signer_frame import signer_frame


@dataclass(frozen=True)
class FeatureSet:
    """A function from landmarks to features, and how the features change with the signer and the view.

    size: features per frame. points: (K,) indices of the landmarks that it reads, of the 543, in its own order.
    compute: ((T, K, 3) points, fps, frame=signer frame) → (T, size), NaN where absent.
    mirror: (…, size) → (…, size), the features of the mirrored signer. change_speed: (T, size), factor → (T', size).
    affine: (T, size), (2, 2) matrix, (2,) shift → (T, size), with the points turned, scaled and shifted in the image plane.
    hands: a feature of the left and one of the right hand that are absent exactly where the hand is (presence bits).
    parts: part of the body → its columns, which are masked together.
    lagged: (L,) columns whose differences to the previous frame and to the one before it are inputs as well.
    """

    name: str
    size: int
    points: np.ndarray
    compute: Callable[..., np.ndarray]
    mirror: Callable[[np.ndarray], np.ndarray]
    change_speed: Callable[[np.ndarray, float], np.ndarray]
    affine: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    hands: tuple[int, int]
    parts: Mapping[str, np.ndarray]
    lagged: np.ndarray

    @property
    def expanded(self) -> int:
        """Features per frame with the differences of `lagged`."""
        return self.size + len(LAGS) * len(self.lagged)

    @property
    def inputs(self) -> int:
        """Size D of the encoder's input: the features, their differences, and a presence bit per hand."""
        return self.expanded + 2

    @property
    def phonological(self) -> bool:
        """Whether the first 36 features are phon36, which the codebooks quantise."""
        return self.name.split("+")[0] == "phon36"

    def keep_modalities(self, features: np.ndarray, modalities: Sequence[str]) -> np.ndarray:
        """Sets the features of all other modalities to NaN. modalities: keys of MODALITIES.

        features: (T, size) → (T, size). Columns of no part count as the hands', such as the position of one hand relative to the
        other. Raises ValueError if the set has no features of these modalities.
        """
        names = [name for modality in modalities for name in MODALITIES[modality] if name in self.parts]
        if not names:
            raise ValueError(f"{self.name} has no features of {', '.join(modalities)}")
        every = np.arange(self.size)
        shared = np.setdiff1d(every, np.concatenate(list(self.parts.values())))
        columns = np.concatenate([*(self.parts[name] for name in names), shared if "hands" in modalities else _NO_COLUMNS])
        if len(columns) == self.size:
            return features
        selected = features.copy()
        selected[:, np.setdiff1d(every, columns)] = np.nan
        return selected

    def expand(self, features: np.ndarray) -> np.ndarray:
        """Appends the differences to each of LAGS frames earlier: (T, size) → (T, expanded), NaN where either is absent."""
        if not len(self.lagged):
            return features
        lagged = features[:, self.lagged]
        expanded = np.full((len(features), self.expanded), np.nan, dtype=features.dtype)
        expanded[:, : self.size] = features
        for number, lag in enumerate(LAGS):
            first = self.size + number * len(self.lagged)
            expanded[lag:, first : first + len(self.lagged)] = lagged[lag:] - lagged[:-lag]
        return expanded


#: Frames that differences go back.
LAGS = (1, 2)
#: Modality (SPEC §12) → the parts of a feature set that show it.
MODALITIES = {"hands": ("left hand", "right hand"), "face": ("face",), "body": ("body",)}
_NO_COLUMNS = np.zeros(0, dtype=int)

PHON36 = FeatureSet(
    "phon36",
    phon36.SIZE,
    phon36.POINTS,
    phon36.phon36,
    phon36.mirror,
    phon36.change_speed,
    phon36.affine,
    (phon36.LOCATION.start, phon36.LOCATION.start + 3),
    {
        "left hand": np.r_[0:5, 10:13, 16:19, 22:25],
        "right hand": np.r_[5:10, 13:16, 19:22, 25:28],
        "face": np.r_[phon36.NON_MANUAL],
    },
    _NO_COLUMNS,
)
LANDMARKS = FeatureSet(
    "landmarks",
    landmark_features.SIZE,
    landmark_features.POINTS,
    landmark_features.landmark_features,
    landmark_features.mirror,
    landmark_features.change_speed,
    landmark_features.affine,
    (landmark_features.LEFT.start, landmark_features.RIGHT.start),
    {
        "left hand": np.r_[landmark_features.LEFT],
        "right hand": np.r_[landmark_features.RIGHT],
        "face": np.r_[landmark_features.LIPS, landmark_features.EYES],
        "body": np.r_[landmark_features.BODY],
    },
    np.arange(landmark_features.SIZE),
)


def combined(first: FeatureSet, second: FeatureSet) -> FeatureSet:
    """The columns of two sets side by side: the first's, then the second's. Presence bits are the first's."""
    points = np.union1d(first.points, second.points)
    first_points, second_points = (np.searchsorted(points, feature_set.points) for feature_set in (first, second))
    cut = first.size

    def compute(values: np.ndarray, fps: float, **options: Any) -> np.ndarray:
        features = first.compute(values[:, first_points], fps, **options)
        return np.concatenate([features, second.compute(values[:, second_points], fps, **options)], axis=1)

    def columnwise(of_first: Callable[..., np.ndarray], of_second: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        """Applies the function of each set to its own columns."""

        def apply(features: np.ndarray, *arguments: Any) -> np.ndarray:
            halves = of_first(features[..., :cut], *arguments), of_second(features[..., cut:], *arguments)
            return np.concatenate(halves, axis=-1)

        return apply

    return FeatureSet(
        name=f"{first.name}+{second.name}",
        size=cut + second.size,
        points=points,
        compute=compute,
        mirror=columnwise(first.mirror, second.mirror),
        change_speed=columnwise(first.change_speed, second.change_speed),
        affine=columnwise(first.affine, second.affine),
        hands=first.hands,
        parts={
            name: np.concatenate([first.parts.get(name, _NO_COLUMNS), cut + columns]) for name, columns in second.parts.items()
        },
        lagged=np.concatenate([first.lagged, cut + second.lagged]),
    )


FEATURE_SETS = {feature_set.name: feature_set for feature_set in (PHON36, LANDMARKS, combined(PHON36, LANDMARKS))}


def clip_features(
    landmarks: Landmarks, feature_set: FeatureSet, fps: float, *, depth: bool = False, causal: bool = False
) -> tuple[np.ndarray, int]:
    """The features of a clip: resamples its points to `fps`, closes short gaps of a hand, and computes (SPEC §1–3).

    depth: as in `signer_frame`. causal: as a stream computes them (`FeatureStream`), without any later frame, so gaps stay open.
    Returns (T', size) float32, NaN where absent, and the number of hand frames that were interpolated.
    """
    points = resample(landmarks.points[:, feature_set.points], landmarks.fps, fps)
    filled = 0
    if not causal:
        points, filled = fill_hand_gaps(points, hand_slices(feature_set.points), fps)
    left, right = (points[:, index] for index in shoulder_indices(feature_set))
    frame = signer_frame(left, right, fps, depth=depth, causal=causal)
    return feature_set.compute(points, fps, frame=frame), filled


def shoulder_indices(feature_set: FeatureSet) -> tuple[int, int]:
    """The positions of the left and the right shoulder among a set's points."""
    left, right = (int(np.flatnonzero(feature_set.points == point)[0]) for point in (LEFT_SHOULDER, RIGHT_SHOULDER))
    return left, right


def hand_slices(points: np.ndarray) -> list[slice]:
    """The positions of the left and the right hand among a set's points (K,)."""
    slices = []
    for hand in (LEFT_HAND, RIGHT_HAND):
        indices = np.flatnonzero((points >= hand.start) & (points < hand.stop))
        slices.append(slice(int(indices[0]), int(indices[-1]) + 1))
    return slices


def encoder_input(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """The encoder's input: features expanded and standardised, 0 where absent, then a presence bit per hand (SPEC §3).

    features: (T, size). mean, deviation: (expanded,). Returns (T, inputs) float32. Standardised values are clipped to ±CLIP:
    a hand that jumps for one frame has velocities of hundreds.
    """
    expanded = feature_set.expand(features)
    values = np.empty((len(features), feature_set.inputs), dtype=np.float32)
    seen = values[:, : feature_set.expanded]
    np.subtract(expanded, mean, out=seen)
    seen /= deviation
    np.clip(seen, -CLIP, CLIP, out=seen)
    np.nan_to_num(seen, copy=False, nan=0.0)
    values[:, feature_set.expanded :] = np.isfinite(features[:, feature_set.hands])
    return values


#: Bound of standardised features, standard deviations.
CLIP = 4.0


def standardisation(clips: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (D,) float32 of clips (T, D) over the frames in which a feature is present.

    A feature that is never present gets 0 and 1.
    """
    count = total = squares = 0.0
    for features in clips:
        seen = np.isfinite(features)
        values = np.where(seen, features, 0).astype(np.float64)
        count, total, squares = count + seen.sum(axis=0), total + values.sum(axis=0), squares + (values * values).sum(axis=0)
    count = np.maximum(count, 1)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean * mean, 0))
    return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)
