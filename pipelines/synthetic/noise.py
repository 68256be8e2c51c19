"""A model of MediaPipe's errors: handshape errors, distorted depth, jitter, lost hands, swapped hands.

Rates of loss, swapping and jitter were measured by benchmarks/detector_noise.py on 265 real clips of isolated signs from
several signers (20,433 frames). A visible hand is lost in 2.42 % of the steps, and a lost one is found again in 18.7 %. The
points of both hands coincide in 1.64 % of the frames in which both are visible, in 30 runs of 2.1 frames that are concentrated
in 19 % of the clips. The jitter of slow points is 0.0042 (hands), 0.0013 (body) and 0.0010 (face) shoulder widths (robust
deviations). Errors of depth and handshape were measured on rendered clips, for which the ground truth is known
(benchmarks/detector_error.py). Fingers appear straighter than they are (slope 0.2–0.8 of the flexion, least for the index;
residual 0.3–0.5 rad). The depth within a hand is halved (slope 0.46–0.53). The depth of the body is stretched three to five
times around the hips, with a residual of 0.5–0.8 shoulder widths. The shoulders appear 5 % closer together.
"""

from dataclasses import dataclass, replace

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, LEFT_WRIST, POSE, RIGHT_HAND, RIGHT_WRIST
from asl.pipelines.synthetic.lexicon import handshapes
from asl.pipelines.synthetic.skeleton import Tracks


@dataclass(frozen=True)
class DetectorRates:
    """Error rates per frame, at 25 frames per second.

    hand_jitter, pose_jitter, face_jitter: standard deviations in shoulder widths; depth_jitter: of the wrists' depth. lose:
    probability that a visible hand is lost in the next frame; find: that a lost one is found again. swapping_clips: share of
    clips in which hands are confused; swap: probability per frame that a confusion begins in them; swap_frames: its mean
    length. flatten: mean share by which index, middle, ring and little finger appear straighter; misjudge: error of the finger
    joints, rad. shoulders: factor of the apparent shoulder width.
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
#: Which of the 25 values of a handshape have errors: joints and the thumb, but not spreads.
_MISJUDGED = np.array([1, 1, 1, 0] * 4 + [1] * 9)
_ERROR_SECONDS = 0.2


def with_handshape_errors(tracks: Tracks, fps: float, rng: np.random.Generator, rates: DetectorRates = RATES) -> Tracks:
    """Tracks with the handshapes that a detector would see: straighter, and with an error at every finger."""
    frames = len(tracks)
    slow = _slow_noise(rng, frames, 2 * 9, fps).reshape(frames, 2, 9)
    factor = (1 + rng.normal(0, 0.5, 2) + 0.7 * slow[..., 0])[..., None]
    share = np.clip(factor * _MISJUDGED * np.concatenate([np.repeat(rates.flatten, 4), np.full(9, 0.25)]), 0, 0.8)
    shape = tracks.shape + share * (handshapes()["open-B"] - tracks.shape)
    fingers = shape[..., :16].reshape(frames, 2, 4, 4)
    fingers[..., :2] += rates.misjudge * slow[..., 1:].reshape(frames, 2, 4, 2)
    return replace(tracks, shape=shape.astype(np.float32))


def with_detector_errors(
    points: np.ndarray, zoom: float, fps: float, rng: np.random.Generator, rates: DetectorRates = RATES
) -> np.ndarray:
    """The points that a detector would find, (T, 543, 3) in image widths, NaN where a hand is lost. points: the true ones.

    zoom: image widths per shoulder width.
    """
    points = points.copy()
    pose, frames = points[:, POSE], len(points)
    # One draw for all slowly varying errors: body depth (33), then tilt and position of each hand (6 each).
    slow = _slow_noise(rng, frames, 33 + 2 * 6, fps)
    stretch = np.float32(rng.uniform(2.5, 5.0))
    pose[..., 2] = stretch * pose[..., 2] + zoom * (np.float32(rng.normal(-0.5, 0.3)) + np.float32(0.55) * slow[:, :33])
    middle = pose[:, 11:13].mean(axis=1, keepdims=True)
    pose[:, 11:13] = middle + np.float32(rates.shoulders + rng.normal(0, 0.03)) * (pose[:, 11:13] - middle)
    for number, hand in enumerate((LEFT_HAND, RIGHT_HAND)):
        of_hand = slow[:, 33 + 6 * number : 39 + 6 * number]
        local = points[:, hand]
        local -= points[:, hand.start : hand.start + 1].copy()
        local[..., 2] *= (0.45 + 0.12 * of_hand[:, 0])[:, None]
        local[..., 2] += (0.25 * of_hand[:, 1])[:, None] * local[..., 0] + (0.25 * of_hand[:, 2])[:, None] * local[..., 1]
        wrist = pose[:, 15 + number] + zoom * np.float32(0.02) * of_hand[:, 3:6]
        points[:, hand, :2] = local[..., :2] + wrist[:, None, :2]
    _jitter(points, zoom, rng, rates)
    _lose_hands(points, fps, rng, rates)
    return points


def _slow_noise(rng: np.random.Generator, frames: int, count: int, fps: float) -> np.ndarray:
    """(T, count) noise, interpolated between unit normal knots every _ERROR_SECONDS, as tracker errors last several frames."""
    knots = max(2, int(frames / (fps * _ERROR_SECONDS)) + 2)
    values = rng.standard_normal((knots, count), dtype=np.float32)
    positions = np.linspace(0, knots - 1, frames, dtype=np.float32)
    low = np.minimum(positions.astype(int), knots - 2)
    share = (positions - low)[:, None]
    return (1 - share) * values[low] + share * values[low + 1]


def _jitter(points: np.ndarray, zoom: float, rng: np.random.Generator, rates: DetectorRates) -> None:
    frames = len(points)
    for part, size in ((POSE, rates.pose_jitter), (LEFT_HAND, rates.hand_jitter), (RIGHT_HAND, rates.hand_jitter)):
        points[:, part] += np.float32(size * zoom) * rng.standard_normal((frames, part.stop - part.start, 3), dtype=np.float32)
    wrists = slice(LEFT_WRIST, RIGHT_WRIST + 1)
    points[:, wrists, 2] += np.float32(rates.depth_jitter * zoom) * rng.standard_normal((frames, 2), dtype=np.float32)
    # The mesh is rigid, so its noise is one shift per frame.
    shift = np.float32(rates.face_jitter * zoom) * rng.standard_normal((frames, 3), dtype=np.float32)
    for axis in range(3):
        points[:, FACE, axis] += shift[:, axis, None]


def _lose_hands(points: np.ndarray, fps: float, rng: np.random.Generator, rates: DetectorRates) -> None:
    """Removes hands for runs of frames, and sometimes replaces one hand by the other. Changes points in place."""
    frames, step = len(points), 25.0 / fps
    draws = rng.random((3, frames))
    lose, find = 1 - (1 - rates.lose) ** step, 1 - (1 - rates.find) ** step
    for number, hand in enumerate((LEFT_HAND, RIGHT_HAND)):
        change = draws[number]
        lost, seen = np.zeros(frames, dtype=bool), True
        for frame in np.flatnonzero(change < max(lose, find)):
            seen_before, seen = seen, (change[frame] >= lose) if seen else (change[frame] < find)
            if seen != seen_before:
                lost[frame:] = not seen
        points[lost, hand] = np.nan
    if rng.random() >= rates.swapping_clips:
        return
    replaced, copied = (LEFT_HAND, RIGHT_HAND) if rng.random() < 0.5 else (RIGHT_HAND, LEFT_HAND)
    for start in np.flatnonzero(draws[2] < rates.swap * step):
        run = slice(start, start + 1 + int(rng.exponential(rates.swap_frames - 1) / step))
        points[run, replaced] = points[run, copied]
