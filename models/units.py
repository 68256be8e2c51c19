"""Phonological units and their tables, learned from codes: what a sign is made of (SPEC §10, Units and Emission).

A sign is a left-to-right row of up to a few stays (hold, movement, hold). Each stay has a table over every part's codes; the
stays of all signs that are alike are tied into one unit. Code −1 (the part is not seen) counts as a code of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Weight of the background in every table, frames.
SMOOTHING = 5.0
#: Frames that a stay takes at least on average; shorter signs have fewer stays.
FRAMES_PER_STATE = 3.0
_ROUNDS, _TYING_ROUNDS = 6, 25


@dataclass(frozen=True)
class Units:
    """What was learned.

    tables: part → (U, K + 1) log-probabilities of its codes, the last column for a part that is not seen. durations: (U,)
    mean frames. spelled: of each sign the units it is made of, in order. frames: (U,) frames that each was counted on.
    """

    tables: Mapping[str, np.ndarray]
    durations: np.ndarray
    unit_sequences: tuple[tuple[int, ...], ...]
    frames: np.ndarray

    def __len__(self) -> int:
        return len(self.durations)


def concatenate_units(parts: Sequence[Units]) -> Units:
    """Units side by side, numbered through."""
    first = np.cumsum([0, *(len(one) for one in parts)])
    tables = {part: np.concatenate([one.tables[part] for one in parts]) for part in parts[0].tables}
    spelled = tuple(
        tuple(unit + int(at) for unit in row) for one, at in zip(parts, first, strict=False) for row in one.unit_sequences
    )
    durations, frames = (np.concatenate([getattr(one, name) for one in parts]) for name in ("durations", "frames"))
    return Units(tables, durations, spelled, frames)


def learn_units(
    signs: Sequence[Sequence[np.ndarray]], sizes: Mapping[str, int], *, max_states: int = 3, tie: int = 0, seed: int = 0
) -> Units:
    """Of each sign its segments, (T, P) codes of the P parts of `sizes` (part → K) → its units.

    stays: the most that a sign has. tie: units that all stays share, 0 leaves each its own. Stays begin evenly parted;
    then counting and aligning (Viterbi) take turns. Without parts, stays are of even length. Raises ValueError: a sign without
    frames.
    """
    if any(not any(len(one) for one in own) for own in signs):
        raise ValueError("a sign without frames has no units")
    found = [[one for one in own if len(one)] for own in signs]
    counts = [_stays_of(own, max_states) for own in found]
    first = np.concatenate([[0], np.cumsum(counts)])
    background = _background(found, sizes)
    places = [[_evenly(len(one), count) for one in own] for own, count in zip(found, counts, strict=True)]
    for _ in range(_ROUNDS):
        tables, durations, frames = _count(found, places, first, sizes, background)
        new = [
            [
                align_frames(unit_scores(one, tables, range(first[s], first[s + 1])), durations[first[s] : first[s + 1]])[0]
                for one in own
            ]
            for s, own in enumerate(found)
        ]
        same = all(np.array_equal(a, b) for old, own in zip(places, new, strict=True) for a, b in zip(old, own, strict=True))
        places = new
        if same:
            break
    tables, durations, frames = _count(found, places, first, sizes, background)
    spelled = tuple(tuple(range(first[s], first[s + 1])) for s in range(len(found)))
    units = Units(tables, durations, spelled, frames)
    return tie_units(units, tie, seed) if sizes and 0 < tie < len(units) else units


def _stays_of(segments: Sequence[np.ndarray], most: int) -> int:
    return int(np.clip(np.mean([len(one) for one in segments]) / FRAMES_PER_STATE, 1, most))


def _evenly(frames: int, stays: int) -> np.ndarray:
    """(T,) the stay of each frame."""
    return np.arange(frames) * stays // max(frames, stays)


def _background(signs: Sequence[Sequence[np.ndarray]], sizes: Mapping[str, int]) -> list[np.ndarray]:
    """Of each part the share of its codes, none of them 0."""
    frames = np.concatenate([one for own in signs for one in own])
    shares = [np.bincount(_columns(frames[:, p], k), minlength=k + 1) + 0.5 for p, k in enumerate(sizes.values())]
    return [one / one.sum() for one in shares]


def _columns(codes: np.ndarray, size: int) -> np.ndarray:
    """Codes −1…K−1 → columns 0…K of a table."""
    return np.where(codes < 0, size, codes)


def _count(signs, places, first, sizes, background) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Tables, mean durations and frames of every stay."""
    total = int(first[-1])
    every = np.concatenate([one for own in signs for one in own])
    at = np.concatenate([first[s] + place for s, own in enumerate(places) for place in own])
    frames = np.bincount(at, minlength=total)
    visits = np.zeros(total)
    for s, own in enumerate(places):
        for place in own:
            visits[first[s] + np.unique(place)] += 1
    tables = {}
    for p, (part, size) in enumerate(sizes.items()):
        counts = np.zeros((total, size + 1))
        np.add.at(counts, (at, _columns(every[:, p], size)), 1)
        tables[part] = np.log((counts + SMOOTHING * background[p]) / (frames[:, None] + SMOOTHING))
    return tables, np.maximum(frames / np.maximum(visits, 1), 1.0), frames


def unit_scores(codes: np.ndarray, tables: Mapping[str, np.ndarray], units: Sequence[int]) -> np.ndarray:
    """(T, P) → (T, len(units)) log-probability of each frame under each unit (SPEC §10, b_u)."""
    own = (part_scores(codes[:, p], table[list(units)]) for p, table in enumerate(tables.values()))
    return sum(own, start=np.zeros((len(codes), len(units))))


def part_scores(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(T,) codes of a part, (U, K + 1) its table → (T, U) log-probabilities."""
    return table[:, _columns(codes, table.shape[1] - 1)].T


def align_frames(scores: np.ndarray, durations: np.ndarray) -> tuple[np.ndarray, float]:
    """(T, S) scores of a sign's stays, (S,) their mean durations → (T,) the likeliest left-to-right places, and their score.

    Fewer frames than stays are parted evenly, which scores nothing.
    """
    frames, stays = scores.shape
    if frames < stays:
        return _evenly(frames, stays), -np.inf
    stay = np.log(np.maximum(1 - 1 / np.maximum(durations, 1.01), 1e-3))
    leave = -np.log(np.maximum(durations, 1.01))
    best = np.full(stays, -np.inf)
    best[0] = scores[0, 0]
    came = np.zeros((frames, stays), dtype=bool)
    for t in range(1, frames):
        on, up = best + stay, np.concatenate([[-np.inf], best[:-1] + leave[:-1]])
        came[t] = up > on
        best = np.maximum(on, up) + scores[t]
    place = np.empty(frames, dtype=int)
    at = stays - 1
    for t in range(frames - 1, -1, -1):
        place[t] = at
        at -= int(came[t, at])
    return place, float(best[-1])


# Tying ---------------------------------------------------------------------------------------------------------------
def tie_units(units: Units, count: int, seed: int = 0) -> Units:
    """The units clustered into `count` by their tables: those under which a unit's frames lose the least likelihood.

    k-means with the Kullback–Leibler divergence, weighted by frames. Neighbours in a sign that fall together become one.
    """
    shares = {part: np.exp(table) for part, table in units.tables.items()}
    weight = np.maximum(units.frames, 1).astype(float)
    rows = np.concatenate(list(shares.values()), axis=1)
    own = (rows * np.concatenate(list(units.tables.values()), axis=1)).sum(axis=1)
    rng = np.random.default_rng(seed)
    centres = _far_apart(rows, weight, own, count, rng)
    cluster = np.zeros(len(rows), dtype=int)
    for _ in range(_TYING_ROUNDS):
        new = _divergence(rows, own, centres).argmin(axis=1)
        if np.array_equal(new, cluster):
            break
        cluster = new
        kept = np.bincount(cluster, weights=weight, minlength=count) > 0
        sums = np.zeros_like(centres)
        np.add.at(sums, cluster, rows * weight[:, None])
        centres[kept] = sums[kept] / np.bincount(cluster, weights=weight, minlength=count)[kept, None]
    names, cluster = np.unique(cluster, return_inverse=True)
    return _merged(units, shares, weight, cluster, len(names))


def _far_apart(rows, weight, own, count: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++: each further centre likelier where the loss is large."""
    chosen = [int(rng.choice(len(rows), p=weight / weight.sum()))]
    loss = _divergence(rows, own, rows[chosen])[:, 0]
    for _ in range(count - 1):
        share = np.maximum(loss, 0) * weight + 1e-12
        chosen.append(int(rng.choice(len(rows), p=share / share.sum())))
        loss = np.minimum(loss, _divergence(rows, own, rows[chosen[-1:]])[:, 0])
    return rows[chosen].copy()


def _divergence(rows: np.ndarray, own: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, D), (N,) Σ p log p, (C, D) → (N, C) Σ_J KL(row ‖ centre)."""
    return own[:, None] - rows @ np.log(centres).T


def _merged(units: Units, shares, weight: np.ndarray, cluster: np.ndarray, count: int) -> Units:
    total = np.bincount(cluster, weights=weight, minlength=count)
    tables = {}
    for part, share in shares.items():
        sums = np.zeros((count, share.shape[1]))
        np.add.at(sums, cluster, share * weight[:, None])
        tables[part] = np.log(sums / total[:, None])
    durations = np.bincount(cluster, weights=weight * units.durations, minlength=count) / total
    spelled = []
    for sign in units.unit_sequences:
        own = [int(cluster[unit]) for unit in sign]
        spelled.append(tuple(unit for place, unit in enumerate(own) if place == 0 or unit != own[place - 1]))
    frames = np.bincount(cluster, weights=units.frames, minlength=count).astype(int)
    return Units(tables, durations, tuple(spelled), frames)


# Variants ------------------------------------------------------------------------------------------------------------
def cluster_variants(
    segments: Sequence[np.ndarray], sizes: Mapping[str, int], most: int, least: int, seed: int = 0
) -> np.ndarray:
    """(N,) which of up to `most` ways of signing it each segment of a gloss is; none has fewer than `least` segments.

    k-means on what is seen in each third of a segment (square roots of shares: Hellinger's distance).
    """
    from scipy.cluster.vq import kmeans2  # a quarter of a second that reading does without

    label = np.zeros(len(segments), dtype=int)
    if not sizes:
        return label
    points = np.array([_thirds(one, sizes) for one in segments])
    for count in range(min(most, len(segments) // least), 1, -1):
        _, found = kmeans2(points, count, minit="++", rng=np.random.default_rng(seed))
        if np.bincount(found, minlength=count).min() >= least:
            return found
    return label


def _thirds(codes: np.ndarray, sizes: Mapping[str, int]) -> np.ndarray:
    third = _evenly(len(codes), 3)
    out = []
    for p, size in enumerate(sizes.values()):
        counts = np.zeros((3, size + 1))
        np.add.at(counts, (third, _columns(codes[:, p], size)), 1)
        out.append(np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).ravel())
    return np.concatenate(out)
