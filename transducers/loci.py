"""Loci and reference: who is where in the signing space, and whom a point means (SPEC §8). Plain functions on directions.

A direction is a unit vector (3,) in the signer frame. Angles and τ are in radians.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

#: Height of a locus and distance at which it lies, in metres: what sets the smallest angle between two (SPEC §8).
LOCUS_METRES, REACH_METRES = 0.08, 1.0
#: τ where nothing was measured. Landmark noise is far above this.
SMALLEST_TAU = math.atan(LOCUS_METRES / (2 * REACH_METRES))


@dataclass(frozen=True)
class DiscourseState:
    """What has been set up so far. referents: names, in order of introduction; directions: (m, 3), of their loci."""

    referents: tuple[str, ...] = ()
    directions: tuple[tuple[float, float, float], ...] = ()

    def __len__(self) -> int:
        return len(self.referents)

    def assign(self, referent: str, direction: np.ndarray) -> "DiscourseState":
        """A(r, ℓ̂): with the referent at this locus; one that had a locus moves to the new one and keeps its place."""
        at = tuple(unit_vector(direction).tolist())
        if referent in self.referents:
            place = self.referents.index(referent)
            return DiscourseState(self.referents, (*self.directions[:place], at, *self.directions[place + 1 :]))
        return DiscourseState((*self.referents, referent), (*self.directions, at))

    def angles(self, direction: np.ndarray) -> np.ndarray:
        """(m,) angle of a direction to each locus."""
        return angle(unit_vector(direction)[None], np.array(self.directions).reshape(-1, 3))


def unit_vector(vector: np.ndarray) -> np.ndarray:
    """(…, 3) scaled to length 1; a vector of no length stays 0."""
    vector = np.asarray(vector, dtype=float)
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(length > 0, length, 1.0)


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(…, 3), (…, 3) unit vectors → (…) angle between them, exact also for small ones (Kahan)."""
    return 2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))


def retrieval(direction: np.ndarray, state: DiscourseState, alpha: float, context: np.ndarray | None = None) -> np.ndarray:
    """p(r | g) ∝ exp(−α ∠(g, ℓ̂_r)) p(r | context): (m,) probability of each referent.

    context: (m,) prior log-probabilities, from what was said; None for equal ones. Raises ValueError without referents.
    """
    if not len(state):
        raise ValueError("nobody has a locus yet")
    scores = -alpha * state.angles(direction)
    return special.softmax(scores if context is None else scores + context)


def locus_test(direction: np.ndarray, state: DiscourseState, tau: float) -> int | None:
    """The referent that a point means, as its place in the state; None where the nearest is farther than τ: a new one."""
    if not len(state):
        return None
    angles = state.angles(direction)
    nearest = int(angles.argmin())
    return nearest if angles[nearest] <= tau else None


def agreement(start: np.ndarray, end: np.ndarray, state: DiscourseState, tau: float) -> tuple[int, int] | None:
    """A verb that moves from one locus to another: (who acts, whom it is done to); None unless both ends are two bound loci."""
    pair = locus_test(start, state, tau), locus_test(end, state, tau)
    return None if None in pair or pair[0] == pair[1] else pair


def fuse_cues(likelihoods: np.ndarray, transition: np.ndarray, temperatures: np.ndarray | None = None) -> np.ndarray:
    """(C, m) log p(cue | r) of pointing, eye line, brow, mouthing …, NaN where a cue is absent, and (m,) log p(r | r_prev) →
    (m,) posterior of the referents. temperatures: (C,) that each cue's log-likelihoods are divided by, from calibration."""
    seen = np.nan_to_num(likelihoods, nan=0.0)
    scale = np.ones(len(seen)) if temperatures is None else np.asarray(temperatures)
    return special.softmax((seen / scale[:, None]).sum(axis=0) + transition)


# Seeing loci ---------------------------------------------------------------------------------------------------------
def pointing_directions(
    neck: np.ndarray, wrists: np.ndarray, knuckles: np.ndarray, tips: np.ndarray, extended: np.ndarray, fps: float
) -> np.ndarray:
    """(T, 3) g(t): from the neck to the wrist of the faster hand, or along its index finger where that one is extended.

    neck: (T, 3); wrists, knuckles (MCP of the index), tips: (T, 2, 3) of the left and right hand, NaN where not seen;
    extended: (T, 2) bool. NaN where neither hand is seen.
    """
    speed = np.linalg.norm(np.gradient(wrists, axis=0), axis=-1) * fps if len(wrists) > 1 else np.zeros(wrists.shape[:2])
    seen = np.isfinite(wrists).all(axis=-1)
    faster = np.where(seen, np.nan_to_num(speed), -1.0).argmax(axis=1)
    rows = np.arange(len(wrists))
    along, out = tips[rows, faster] - knuckles[rows, faster], wrists[rows, faster] - neck
    points = extended[rows, faster] & np.isfinite(along).all(axis=-1)
    chosen = np.where(points[:, None], along, out)
    return np.where(seen.any(axis=1)[:, None], unit_vector(chosen), np.nan)


def candidate_loci(palms: np.ndarray, window: int, side: float) -> np.ndarray:
    """(T, 3) palm centres, NaN where not seen → (K, 3) centres of the voxels of this side in which the palm rested.

    A palm rests where it stays within one voxel for at least `window` frames; each voxel counts once, in order of time.
    """
    cells = np.floor(palms / side)
    found: dict[tuple[int, ...], None] = {}
    run = 0
    for t in range(len(cells)):
        same = t > 0 and np.array_equal(cells[t], cells[t - 1])
        run = run + 1 if same else int(np.isfinite(cells[t]).all())
        if run >= window:
            found[tuple(cells[t].astype(int).tolist())] = None
    return (np.array(list(found), dtype=float).reshape(-1, 3) + 0.5) * side


# Calibration ---------------------------------------------------------------------------------------------------------
def calibrated_tau(same: Sequence[float], other: Sequence[float]) -> float:
    """τ with the fewest errors: angles of points to their own locus against those to the nearest other one, equally weighed.

    Never below SMALLEST_TAU. Raises ValueError if either is empty.
    """
    if not len(same) or not len(other):
        raise ValueError("τ is calibrated on points at known loci and on the distances to others")
    same, other = np.sort(same), np.sort(other)
    values = np.unique(np.concatenate([same, other]))
    edges = np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [values[-1] * 1.01]])
    missed = 1 - np.searchsorted(same, edges, side="right") / len(same)
    taken = np.searchsorted(other, edges, side="right") / len(other)
    return max(SMALLEST_TAU, float(edges[(missed + taken).argmin()]))


def calibrated_alpha(angles: Sequence[np.ndarray], truth: Sequence[int]) -> float:
    """α under which the true referents are likeliest. angles: of each point to all loci then bound; truth: the right place."""
    from scipy import optimize  # slow to load, and reading does without

    def surprise(log_alpha: float) -> float:
        return -sum(special.log_softmax(-math.exp(log_alpha) * one)[at] for one, at in zip(angles, truth, strict=True))

    if not len(truth):
        raise ValueError("α is calibrated on points whose referent is known")
    return math.exp(optimize.minimize_scalar(surprise, bounds=(-3.0, 6.0), method="bounded").x)


def uniqueness_bound(loci: int, tau: float) -> float:
    """With so many loci uniform on the sphere, P(at most one within τ of a direction) ≥ 1 − C(m,2)(1 − cos 2τ)/2 (SPEC §8)."""
    return 1 - math.comb(loci, 2) * (1 - math.cos(2 * tau)) / 2
