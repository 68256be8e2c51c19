"""Loci and reference: the positions of referents in the signing space, and which of them a point means (SPEC §8).

A direction is a unit vector (3,) in the signer frame. Angles and τ are in radians.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

#: Height and distance of a locus, metres. They determine the smallest angle between two loci (SPEC §8).
LOCUS_METRES, REACH_METRES = 0.08, 1.0
#: τ without calibration, and its lower bound. Landmark noise is far above it.
SMALLEST_TAU = math.atan(LOCUS_METRES / (2 * REACH_METRES))


@dataclass(frozen=True)
class DiscourseState:
    """The m loci that are bound. referents: names, in order of introduction; directions: (m, 3) unit vectors."""

    referents: tuple[str, ...] = ()
    directions: tuple[tuple[float, float, float], ...] = ()

    def __len__(self) -> int:
        return len(self.referents)

    def assign(self, referent: str, direction: np.ndarray) -> "DiscourseState":
        """A(r, ℓ̂): the state in which the referent is bound to this direction.

        direction: (3,), any length. A referent that had a locus moves to the new one and keeps its position in the order.
        """
        locus = _vector(unit_vector(direction))
        if referent in self.referents:
            index = self.referents.index(referent)
            return DiscourseState(self.referents, (*self.directions[:index], locus, *self.directions[index + 1 :]))
        return DiscourseState((*self.referents, referent), (*self.directions, locus))

    def angles(self, direction: np.ndarray) -> np.ndarray:
        """(m,) the angle between a direction (3,) and each locus."""
        return angle(unit_vector(direction)[None], np.array(self.directions).reshape(-1, 3))


def _log_normalised(scores: np.ndarray) -> np.ndarray:
    return scores - np.logaddexp.reduce(scores)


def _vector(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def unit_vector(vector: ArrayLike) -> np.ndarray:
    """(…, 3) vectors scaled to length 1; a null vector stays 0."""
    vector = np.asarray(vector, dtype=float)
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(length > 0, length, 1.0)


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angle between unit vectors: (…, 3), (…, 3) → (…), accurate for small angles too (Kahan)."""
    return 2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))


def retrieval(direction: np.ndarray, state: DiscourseState, alpha: float, context: np.ndarray | None = None) -> np.ndarray:
    """p(r | g) ∝ exp(−α ∠(g, ℓ̂_r)) p(r | context): (m,) the probability of each referent.

    direction: g (3,). alpha: per rad. context: (m,) log-probabilities from the discourse; None for equal ones. Raises ValueError
    if no locus is bound.
    """
    if not len(state):
        raise ValueError("no locus is bound yet")
    scores = -alpha * state.angles(direction)
    return np.exp(_log_normalised(scores if context is None else scores + context))


def locus_test(direction: np.ndarray, state: DiscourseState, tau: float) -> int | None:
    """The index of the referent nearest to a direction (3,); None if it is farther than τ, so that the referent is new."""
    if not len(state):
        return None
    angles = state.angles(direction)
    nearest = int(angles.argmin())
    return nearest if angles[nearest] <= tau else None


def agreement(start: np.ndarray, end: np.ndarray, state: DiscourseState, tau: float) -> tuple[int, int] | None:
    """The indices of subject and object of a verb that moves between two loci; None unless both ends are different bound loci.

    start, end: directions (3,). tau: as in `locus_test`.
    """
    subject, verb_object = locus_test(start, state, tau), locus_test(end, state, tau)
    if subject is None or verb_object is None or subject == verb_object:
        return None
    return subject, verb_object


def fuse_cues(likelihoods: np.ndarray, transition: np.ndarray, temperatures: np.ndarray | None = None) -> np.ndarray:
    """The posterior (m,) of the referents from C cues, such as pointing, eye line, brow and mouthing (SPEC §8).

    likelihoods: (C, m) log p(cue | r), NaN where a cue is absent. transition: (m,) log p(r | previous referent). temperatures:
    (C,) by which the log-likelihoods of each cue are divided, from calibration; None for 1. A cue that is absent for a referent
    leaves its posterior as it is: a likelihood of 1 instead would favour it over referents whose cue was seen and fits. Cues that
    all referents have come first, so that this is the posterior given all of those.
    """
    scaled = likelihoods if temperatures is None else likelihoods / np.asarray(temperatures)[:, None]
    present = ~np.isnan(scaled)
    log_posterior = _log_normalised(transition)
    for cue in np.argsort(~present.all(axis=1), kind="stable"):
        log_posterior = _with_cue(log_posterior, scaled[cue], present[cue])
    return np.exp(log_posterior)


def _with_cue(log_posterior: np.ndarray, cue: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The log-posterior (m,) after a cue: the referents for which it is present share anew what they had together."""
    weighed = log_posterior[present] + cue[present]
    if not np.isfinite(weighed).any():  # it contradicts them all
        return log_posterior
    updated = log_posterior.copy()
    updated[present] = _log_normalised(weighed) + np.logaddexp.reduce(log_posterior[present])
    return updated


# Measurement of loci -------------------------------------------------------------------------------------------------
def pointing_directions(
    neck: np.ndarray, wrists: np.ndarray, knuckles: np.ndarray, tips: np.ndarray, extended: np.ndarray, fps: float
) -> np.ndarray:
    """(T, 3) g(t): the direction from the neck to the wrist of the faster hand, or of its index finger if that is extended.

    neck: (T, 3); wrists, knuckles (MCP of the index), tips: (T, 2, 3) of the left and right hand, NaN where not seen;
    extended: (T, 2) bool. Returns unit vectors, NaN where neither hand is seen.
    """
    speed = np.linalg.norm(np.gradient(wrists, axis=0), axis=-1) * fps if len(wrists) > 1 else np.zeros(wrists.shape[:2])
    seen = np.isfinite(wrists).all(axis=-1)
    faster = np.where(seen, np.nan_to_num(speed), -1.0).argmax(axis=1)
    rows = np.arange(len(wrists))
    finger, arm = tips[rows, faster] - knuckles[rows, faster], wrists[rows, faster] - neck
    points = extended[rows, faster] & np.isfinite(finger).all(axis=-1)
    direction = np.where(points[:, None], finger, arm)
    return np.where(seen.any(axis=1)[:, None], unit_vector(direction), np.nan)


def candidate_loci(palms: np.ndarray, window: int, side: float) -> np.ndarray:
    """The centres (K, 3) of the voxels in which the palm rested, in order of time, each once.

    palms: (T, 3) centres of the palm, NaN where not seen. window: frames that the palm must stay in a voxel. side: of a voxel.
    """
    cells = np.floor(palms / side)
    rested: dict[tuple[int, ...], None] = {}
    run = 0
    for t in range(len(cells)):
        same = t > 0 and np.array_equal(cells[t], cells[t - 1])
        run = run + 1 if same else int(np.isfinite(cells[t]).all())
        if run >= window:
            rested[tuple(cells[t].astype(int).tolist())] = None
    return (np.array(list(rested), dtype=float).reshape(-1, 3) + 0.5) * side


# Calibration ---------------------------------------------------------------------------------------------------------
def calibrated_tau(same: ArrayLike, other: ArrayLike) -> float:
    """τ with the fewest errors, where misses and false matches weigh the same; never below SMALLEST_TAU.

    same: angles of points to their own locus. other: angles of points to the nearest other locus. Raises ValueError if either is
    empty.
    """
    same, other = np.sort(same), np.sort(other)
    if not len(same) or not len(other):
        raise ValueError("τ is calibrated on points at known loci and on the distances to others")
    values = np.unique(np.concatenate([same, other]))
    edges = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [values[-1] * 1.01]])
    misses = 1 - np.searchsorted(same, edges, side="right") / len(same)
    false_matches = np.searchsorted(other, edges, side="right") / len(other)
    return max(SMALLEST_TAU, float(edges[(misses + false_matches).argmin()]))


def calibrated_alpha(angles: Sequence[np.ndarray], truth: Sequence[int]) -> float:
    """The α of `retrieval` with the maximum likelihood of the true referents.

    angles: for each point (m,) to all loci bound then. truth: for each point the index of its locus. Raises ValueError if there
    are no points.
    """
    from scipy import optimize  # slow to load, and not needed to decode

    if not len(truth):
        raise ValueError("α is calibrated on points whose referent is known")

    def negative_log_likelihood(log_alpha: float) -> float:
        alpha = math.exp(log_alpha)
        return -sum(_log_normalised(-alpha * to_loci)[index] for to_loci, index in zip(angles, truth, strict=True))

    return math.exp(optimize.minimize_scalar(negative_log_likelihood, bounds=(-3.0, 6.0), method="bounded").x)


def uniqueness_bound(loci: int, tau: float) -> float:
    """A lower bound of P(at most one of m loci is within τ of a direction), for loci uniform on the sphere (SPEC §8)."""
    return 1 - math.comb(loci, 2) * (1 - math.cos(2 * tau)) / 2
