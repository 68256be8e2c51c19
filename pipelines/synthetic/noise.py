"""What MediaPipe makes of the truth: misjudged handshapes, distorted depth, jitter, lost hands, swapped hands.

Rates of loss, swapping and jitter are those of benchmarks/detector_noise.py on 265 real clips of isolated signs from several
signers (20,433 frames): a seen hand is lost in 2.42 % of the steps and a lost one found in 18.7 %; both hands' points lie on
one place in 1.64 % of the frames in which both are seen, in 30 runs of 2.1 frames that crowd in 19 % of the clips; slow
points tremble by 0.0042 (hands), 0.0013 (body) and 0.0010 shoulder widths (face; robust deviations). How depth and handshapes
are misjudged was measured on rendered clips, where the truth is known (benchmarks/detector_error.py): fingers seem straighter
than they are (slope 0.2–0.8 of the flexion, least for the index; residual 0.3–0.5 rad), a hand's own depth is halved (slope
0.46–0.53), the body's is stretched three to five times around the hips with a residual of 0.5–0.8 shoulder widths, and the
shoulders seem 5 % nearer to each other.
"""

from dataclasses import dataclass, replace

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, LEFT_WRIST, POSE, RIGHT_HAND, RIGHT_WRIST
from asl.pipelines.synthetic.lexicon import handshapes
from asl.pipelines.synthetic.skeleton import Tracks


@dataclass(frozen=True)
class DetectorRates:
    """Per frame, at 25 frames a second. jitter: standard deviations, shoulder widths; depth_jitter: of the body's depth.

    lose, find: chance that a hand that is seen is lost in the next frame, and that a lost one is found again.
    swapping_clips: share of clips in which hands are taken for each other; swap: chance that it begins there in a frame;
    swap_frames: how long it lasts on average.
    flatten: how much straighter index, middle, ring and little finger seem, on average (share); misjudge: error of each
    finger's joints, rad. shoulders: how far apart they seem (share).
    """

    hand_jitter: float = 0.0042
    pose_jitter: float = 0.0013
    face_jitter: float = 0.0010
    depth_jitter: float = 0.12
    lose: float = 0.0242
    find: float = 0.187
    swapping_clips: float = 0.19
    swap: float = 0.04
    swap_frames: float = 2.1
    flatten: tuple[float, float, float, float] = (0.40, 0.32, 0.22, 0.12)
    misjudge: float = 0.20
    shoulders: float = 0.95


RATES = DetectorRates()
#: Of the 25 numbers of a handshape: joints and the thumb are misjudged, spreads are not.
_FLATTENED = np.array([1, 1, 1, 0] * 4 + [1] * 9)
_PACE_SECONDS = 0.2


def misjudged(tracks: Tracks, fps: float, rng: np.random.Generator, rates: DetectorRates = RATES) -> Tracks:
    """Tracks whose handshapes are as a detector takes them: straighter, and off by a little at every finger."""
    frames = len(tracks)
    slow = _slow(rng, frames, 2 * 9, fps).reshape(frames, 2, 9)
    factor = (1 + rng.normal(0, 0.5, 2) + 0.7 * slow[..., 0])[..., None]
    share = np.clip(factor * _FLATTENED * np.concatenate([np.repeat(rates.flatten, 4), np.full(9, 0.25)]), 0, 0.8)
    shape = tracks.shape + share * (handshapes()["open-B"] - tracks.shape)
    fingers = shape[..., :16].reshape(frames, 2, 4, 4)
    fingers[..., :2] += rates.misjudge * slow[..., 1:].reshape(frames, 2, 4, 2)
    return replace(tracks, shape=shape.astype(np.float32))


def detected(points: np.ndarray, zoom: float, fps: float, rng: np.random.Generator, rates: DetectorRates = RATES) -> np.ndarray:
    """True points (T, 543, 3) in image widths → as a detector would have found them, NaN where it lost a hand.

    zoom: image widths a shoulder width covers.
    """
    points = points.copy()
    pose, frames = points[:, POSE], len(points)
    # One draw for all parts that follow slowly: body depth (33), hand tilt, hand place.
    slow = _slow(rng, frames, 33 + 2 * 6, fps)
    stretch = np.float32(rng.uniform(2.5, 5.0))
    pose[..., 2] = stretch * pose[..., 2] + zoom * (np.float32(rng.normal(-0.5, 0.3)) + np.float32(0.55) * slow[:, :33])
    middle = pose[:, 11:13].mean(axis=1, keepdims=True)
    pose[:, 11:13] = middle + np.float32(rates.shoulders + rng.normal(0, 0.03)) * (pose[:, 11:13] - middle)
    for number, hand in enumerate((LEFT_HAND, RIGHT_HAND)):
        own = slow[:, 33 + 6 * number : 39 + 6 * number]
        local = points[:, hand]
        local -= points[:, hand.start : hand.start + 1].copy()
        local[..., 2] *= (0.45 + 0.12 * own[:, 0])[:, None]
        local[..., 2] += (0.25 * own[:, 1])[:, None] * local[..., 0] + (0.25 * own[:, 2])[:, None] * local[..., 1]
        place = pose[:, 15 + number] + zoom * np.float32(0.02) * own[:, 3:6]
        points[:, hand, :2] = local[..., :2] + place[:, None, :2]
    _jitter(points, zoom, rng, rates)
    _lose_hands(points, fps, rng, rates)
    return points


def _slow(rng: np.random.Generator, frames: int, count: int, fps: float) -> np.ndarray:
    """(T, count) of unit variance that changes over a fifth of a second: errors of a tracker last longer than a frame."""
    knots = max(2, int(frames / (fps * _PACE_SECONDS)) + 2)
    drawn = rng.standard_normal((knots, count), dtype=np.float32)
    at = np.linspace(0, knots - 1, frames, dtype=np.float32)
    low = np.minimum(at.astype(int), knots - 2)
    share = (at - low)[:, None]
    return (1 - share) * drawn[low] + share * drawn[low + 1]


def _jitter(points: np.ndarray, zoom: float, rng: np.random.Generator, rates: DetectorRates) -> None:
    frames = len(points)
    for part, size in ((POSE, rates.pose_jitter), (LEFT_HAND, rates.hand_jitter), (RIGHT_HAND, rates.hand_jitter)):
        points[:, part] += np.float32(size * zoom) * rng.standard_normal((frames, part.stop - part.start, 3), dtype=np.float32)
    wrists = slice(LEFT_WRIST, RIGHT_WRIST + 1)
    points[:, wrists, 2] += np.float32(rates.depth_jitter * zoom) * rng.standard_normal((frames, 2), dtype=np.float32)
    # The mesh moves as one: its noise is one shift a frame.
    shift = np.float32(rates.face_jitter * zoom) * rng.standard_normal((frames, 3), dtype=np.float32)
    for axis in range(3):
        points[:, FACE, axis] += shift[:, axis, None]


def _lose_hands(points: np.ndarray, fps: float, rng: np.random.Generator, rates: DetectorRates) -> None:
    """Hands vanish for runs of frames, and now and then are taken for each other."""
    frames, pace = len(points), 25.0 / fps
    drawn = rng.random((3, frames))
    lose, find = 1 - (1 - rates.lose) ** pace, 1 - (1 - rates.find) ** pace
    for number, hand in enumerate((LEFT_HAND, RIGHT_HAND)):
        change = drawn[number]
        lost, seen = np.zeros(frames, dtype=bool), True
        for frame in np.flatnonzero(change < max(lose, find)):
            seen_before, seen = seen, (change[frame] >= lose) if seen else (change[frame] < find)
            if seen != seen_before:
                lost[frame:] = not seen
        points[lost, hand] = np.nan
    if rng.random() >= rates.swapping_clips:
        return
    one, other = (LEFT_HAND, RIGHT_HAND) if rng.random() < 0.5 else (RIGHT_HAND, LEFT_HAND)
    for start in np.flatnonzero(drawn[2] < rates.swap * pace):
        run = slice(start, start + 1 + int(rng.exponential(rates.swap_frames - 1) / pace))
        points[run, one] = points[run, other]
