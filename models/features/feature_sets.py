"""The feature sets an encoder can be fed with: one place names them, their size and their function (SPEC §3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asl.models.features import landmark_features, phon36
from asl.models.features.holistic import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER, Landmarks
from asl.models.features.resampling import fill_hand_gaps, resample
from asl.models.features.signer_frame import signer_frame


@dataclass(frozen=True)
class FeatureSet:
    """A way to turn points into numbers.

    size: features a frame. points: (K,) the points of the 543 that it reads, in its order.
    compute: ((T, K, 3) points, fps, frame=signer frame) → (T, size), NaN where absent.
    mirror: (…, size) → (…, size), the features of the mirrored signer. change_speed: (T, size), factor → (T', size).
    affine: (T, size), (2, 2) matrix, (2,) shift → (T, size), the points turned, scaled and moved in the image plane.
    hands: a feature of the left and of the right hand that is absent exactly where the hand is (presence bits).
    parts: the columns of each part of the body that can be hidden as one.
    lagged: (L,) the columns whose differences to one and two frames before are inputs as well.
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
        """Size with the differences."""
        return self.size + len(LAGS) * len(self.lagged)

    @property
    def inputs(self) -> int:
        """Size of the encoder's input: the features, their differences, and a presence bit a hand."""
        return self.expanded + 2

    @property
    def phonological(self) -> bool:
        """Whether the first 36 features are phon36, on which the codebooks are."""
        return self.name.split("+")[0] == "phon36"

    def keep_modalities(self, features: np.ndarray, modalities: Sequence[str]) -> np.ndarray:
        """(T, size) → (T, size): all but the features of these MODALITIES absent. Raises ValueError if none is left.

        What is in no part, such as how the hands stand to each other, belongs to the hands.
        """
        names = [name for one in modalities for name in MODALITIES[one] if name in self.parts]
        if not names:
            raise ValueError(f"{self.name} has no features of {', '.join(modalities)}")
        every = np.arange(self.size)
        shared = np.setdiff1d(every, np.concatenate(list(self.parts.values())))
        kept = np.concatenate([*(self.parts[name] for name in names), shared if "hands" in modalities else _NONE])
        if len(kept) == self.size:
            return features
        out = features.copy()
        out[:, np.setdiff1d(every, kept)] = np.nan
        return out

    def expand(self, features: np.ndarray) -> np.ndarray:
        """(T, size) → (T, expanded): with the differences to one and two frames before, NaN where either is absent."""
        if not len(self.lagged):
            return features
        chosen = features[:, self.lagged]
        out = np.full((len(features), self.expanded), np.nan, dtype=features.dtype)
        out[:, : self.size] = features
        for number, lag in enumerate(LAGS):
            first = self.size + number * len(self.lagged)
            out[lag:, first : first + len(self.lagged)] = chosen[lag:] - chosen[:-lag]
        return out


LAGS = (1, 2)
#: What a signer shows (SPEC §12), and the parts of a feature set that it is seen in.
MODALITIES = {"hands": ("left hand", "right hand"), "face": ("face",), "body": ("body",)}
_NONE = np.zeros(0, dtype=int)

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
    _NONE,
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
    """Two sets side by side: the first's columns, then the second's."""
    points = np.union1d(first.points, second.points)
    own = [np.searchsorted(points, one.points) for one in (first, second)]
    cut = first.size

    def compute(values: np.ndarray, fps: float, **how) -> np.ndarray:
        return np.concatenate([one.compute(values[:, at], fps, **how) for one, at in zip((first, second), own, strict=True)], 1)

    def beside(name: str) -> Callable[..., np.ndarray]:
        """The function of both sets, each on its own columns."""

        def apply(features: np.ndarray, *how) -> np.ndarray:
            halves = features[..., :cut], features[..., cut:]
            return np.concatenate([getattr(one, name)(f, *how) for one, f in zip((first, second), halves, strict=True)], -1)

        return apply

    parts = {name: np.concatenate([first.parts.get(name, _NONE), cut + columns]) for name, columns in second.parts.items()}
    lagged = np.concatenate([first.lagged, cut + second.lagged])
    functions = (beside("mirror"), beside("change_speed"), beside("affine"))
    return FeatureSet(
        f"{first.name}+{second.name}", cut + second.size, points, compute, *functions, first.hands, parts, lagged
    )  # fmt: skip


FEATURE_SETS = {one.name: one for one in (PHON36, LANDMARKS, combined(PHON36, LANDMARKS))}


def clip_features(
    landmarks: Landmarks, feature_set: FeatureSet, fps: float, *, depth: bool = False, causal: bool = False
) -> tuple[np.ndarray, int]:
    """A clip's features: points resampled to `fps`, short gaps of a hand closed, features computed (SPEC §1–3).

    causal: as a stream sees them (`FeatureStream`): no later frame is looked at, so that gaps stay open.
    Returns (T', size) float32 with NaN where absent, and the number of hand frames that were interpolated.
    """
    points = resample(landmarks.points[:, feature_set.points], landmarks.fps, fps)
    filled = 0
    if not causal:
        points, filled = fill_hand_gaps(points, hand_slices(feature_set.points), fps)
    left, right = (points[:, at] for at in shoulder_indices(feature_set))
    frame = signer_frame(left, right, fps, depth=depth, causal=causal)
    return feature_set.compute(points, fps, frame=frame), filled


def shoulder_indices(feature_set: FeatureSet) -> tuple[int, int]:
    """Where the left and the right shoulder stand among a set's points."""
    return tuple(int(np.flatnonzero(feature_set.points == one)[0]) for one in (LEFT_SHOULDER, RIGHT_SHOULDER))


def hand_slices(points: np.ndarray) -> list[slice]:
    """Where the left and the right hand stand among a set's points."""
    slices = []
    for hand in (LEFT_HAND, RIGHT_HAND):
        at = np.flatnonzero((points >= hand.start) & (points < hand.stop))
        slices.append(slice(int(at[0]), int(at[-1]) + 1))
    return slices


def encoder_input(features: np.ndarray, mean: np.ndarray, deviation: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) features → (T, inputs) float32: expanded, standardised, absent ones 0, then a presence bit a hand (SPEC §3).

    Standardised values are held within ±CLIP: a hand that jumps for one frame gives velocities of hundreds.
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


CLIP = 4.0


def standardisation(clips: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Clips of (T, D) → mean and standard deviation (D,) of what was seen; an unseen feature gets 0 and 1."""
    count = total = squares = 0.0
    for features in clips:
        seen = np.isfinite(features)
        values = np.where(seen, features, 0).astype(np.float64)
        count, total, squares = count + seen.sum(axis=0), total + values.sum(axis=0), squares + (values * values).sum(axis=0)
    count = np.maximum(count, 1)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean * mean, 0))
    return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)
