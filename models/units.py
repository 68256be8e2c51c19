"""Phonological units: the states that signs consist of, and their emission tables, learned from codes (SPEC §10).

A sign is a left-to-right sequence of up to a few states (hold, movement, hold). Each state has a table over the codes of every
part; states of all signs with similar tables are tied into one unit. Code −1 (the part is not seen) has a column of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

#: Weight of the background distribution in every table, frames.
SMOOTHING = 5.0
#: Frames per state at least, on average; shorter signs have fewer states.
FRAMES_PER_STATE = 3.0
_MAX_ALIGNMENTS, _MAX_TYING_ROUNDS = 6, 25

#: For each sign the (T, P) codes of each of its segments; for each sign the (T,) states of each of its segments.
SignCodes = Sequence[Sequence[np.ndarray]]
SignStates = Sequence[Sequence[np.ndarray]]


@dataclass(frozen=True)
class Units:
    """U units, and the sequence of units of each sign.

    tables: part → (U, K + 1) log-probabilities of its codes; the last column is for a part that is not seen. durations: (U,)
    mean frames of a visit. unit_sequences: for each sign its units, in order. frames: (U,) frames that each was estimated on.
    """

    tables: Mapping[str, np.ndarray]
    durations: np.ndarray
    unit_sequences: tuple[tuple[int, ...], ...]
    frames: np.ndarray

    def __len__(self) -> int:
        return len(self.durations)


def concatenate_units(inventories: Sequence[Units]) -> Units:
    """All units and signs of several inventories with the same parts, numbered consecutively."""
    first = np.cumsum([0, *(len(units) for units in inventories)]).tolist()
    tables = {part: np.concatenate([units.tables[part] for units in inventories]) for part in inventories[0].tables}
    durations = np.concatenate([units.durations for units in inventories])
    frames = np.concatenate([units.frames for units in inventories])
    sequences = tuple(
        tuple(unit + offset for unit in sequence)
        for units, offset in zip(inventories, first, strict=False)
        for sequence in units.unit_sequences
    )
    return Units(tables, durations, sequences, frames)


def learn_units(signs: SignCodes, sizes: Mapping[str, int], *, max_states: int = 3, tie: int = 0, seed: int = 0) -> Units:
    """Learns the units of signs from their segments.

    signs: for each sign the (T, P) codes of each segment, over the P parts of `sizes` (part → K). max_states: per sign. tie:
    number of units that all states share; 0 keeps one per state. Starts from states of even length; then estimation of the
    tables and Viterbi alignment alternate. Without parts, states stay of even length. Raises ValueError if a sign has no frames.
    """
    if any(not any(len(codes) for codes in segments) for segments in signs):
        raise ValueError("a sign without frames has no units")
    signs = [[codes for codes in segments if len(codes)] for segments in signs]
    counts = [_state_count(segments, max_states) for segments in signs]
    first = np.concatenate([[0], np.cumsum(counts)])
    states: SignStates = [
        [_even_states(len(codes), count) for codes in segments] for segments, count in zip(signs, counts, strict=True)
    ]
    background = _background(signs, sizes)
    for _ in range(_MAX_ALIGNMENTS):
        tables, durations, _ = _estimate(signs, states, first, sizes, background)
        previous, states = states, _align_signs(signs, tables, durations, first)
        if _same_states(previous, states):
            break
    tables, durations, frames = _estimate(signs, states, first, sizes, background)
    sequences = tuple(tuple(range(first[sign], first[sign + 1])) for sign in range(len(signs)))
    units = Units(tables, durations, sequences, frames)
    return tie_units(units, tie, seed) if sizes and 0 < tie < len(units) else units


def _state_count(segments: Sequence[np.ndarray], most: int) -> int:
    return int(np.clip(np.mean([len(codes) for codes in segments]) / FRAMES_PER_STATE, 1, most))


def _even_states(frames: int, states: int) -> np.ndarray:
    """(T,) the state of each frame, if all states have the same length."""
    return np.arange(frames) * states // max(frames, states)


def _align_signs(signs: SignCodes, tables: Mapping[str, np.ndarray], durations: np.ndarray, first: np.ndarray) -> SignStates:
    """Viterbi alignment of every segment with the states `first[s]` … `first[s + 1] − 1` of its sign s."""

    def states(codes: np.ndarray, begin: int, end: int) -> np.ndarray:
        return align_frames(unit_scores(codes, tables, range(begin, end)), durations[begin:end])[0]

    return [[states(codes, first[sign], first[sign + 1]) for codes in segments] for sign, segments in enumerate(signs)]


def _same_states(before: SignStates, after: SignStates) -> bool:
    pairs = ((a, b) for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True))
    return all(np.array_equal(a, b) for a, b in pairs)


def _background(signs: SignCodes, sizes: Mapping[str, int]) -> list[np.ndarray]:
    """For each part the distribution of its codes over all frames, smoothed so that no probability is 0."""
    frames = np.concatenate([codes for segments in signs for codes in segments])
    counts = [np.bincount(_columns(frames[:, p], k), minlength=k + 1) + 0.5 for p, k in enumerate(sizes.values())]
    return [part_counts / part_counts.sum() for part_counts in counts]


def _columns(codes: np.ndarray, size: int) -> np.ndarray:
    """Codes −1…K−1 → columns 0…K of a table."""
    return np.where(codes < 0, size, codes)


def _estimate(
    signs: SignCodes, states: SignStates, first: np.ndarray, sizes: Mapping[str, int], background: Sequence[np.ndarray]
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The tables, (S,) mean durations and (S,) frames of all S states, from aligned segments."""
    total = int(first[-1])
    codes = np.concatenate([codes for segments in signs for codes in segments])
    state = np.concatenate([first[sign] + path for sign, paths in enumerate(states) for path in paths])
    frames = np.bincount(state, minlength=total)
    visits = np.zeros(total)
    for sign, paths in enumerate(states):
        for path in paths:
            visits[first[sign] + np.unique(path)] += 1
    tables = {}
    for p, (part, size) in enumerate(sizes.items()):
        counts = np.zeros((total, size + 1))
        np.add.at(counts, (state, _columns(codes[:, p], size)), 1)
        tables[part] = np.log((counts + SMOOTHING * background[p]) / (frames[:, None] + SMOOTHING))
    return tables, np.maximum(frames / np.maximum(visits, 1), 1.0), frames


def unit_scores(codes: np.ndarray, tables: Mapping[str, np.ndarray], units: Sequence[int]) -> np.ndarray:
    """The emission b_u: (T, P) codes → (T, len(units)) log-probability of each frame under each unit (SPEC §10)."""
    parts = (part_scores(codes[:, p], table[list(units)]) for p, table in enumerate(tables.values()))
    return sum(parts, start=np.zeros((len(codes), len(units))))


def part_scores(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(T,) codes of a part, (U, K + 1) its table → (T, U) log-probabilities."""
    return table[:, _columns(codes, table.shape[1] - 1)].T


def align_frames(scores: np.ndarray, durations: np.ndarray) -> tuple[np.ndarray, float]:
    """The best left-to-right alignment of frames with the states of a sign (Viterbi).

    scores: (T, S) log-probabilities of each frame under each state; durations: (S,) mean frames of each state. Returns (T,) the
    state of each frame, and the score of the path. Fewer frames than states are divided evenly, with a score of −inf.
    """
    frames, states = scores.shape
    if frames < states:
        return _even_states(frames, states), -np.inf
    stay = np.log(np.maximum(1 - 1 / np.maximum(durations, 1.01), 1e-3))
    leave = -np.log(np.maximum(durations, 1.01))
    best = np.full(states, -np.inf)
    best[0] = scores[0, 0]
    advanced = np.zeros((frames, states), dtype=bool)
    for t in range(1, frames):
        staying, advancing = best + stay, np.concatenate([[-np.inf], best[:-1] + leave[:-1]])
        advanced[t] = advancing > staying
        best = np.maximum(staying, advancing) + scores[t]
    path = np.empty(frames, dtype=int)
    state = states - 1
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= int(advanced[t, state])
    return path, float(best[-1])


# Tying ---------------------------------------------------------------------------------------------------------------
def tie_units(units: Units, count: int, seed: int = 0) -> Units:
    """Clusters the units into at most `count` by their tables, so that the frames lose the least likelihood.

    k-means with the Kullback–Leibler divergence, weighted by frames. Adjacent units of a sign that fall into one cluster become
    one unit.
    """
    rows = np.concatenate([np.exp(table) for table in units.tables.values()], axis=1)
    negative_entropy = (rows * np.concatenate(list(units.tables.values()), axis=1)).sum(axis=1)
    weight = np.maximum(units.frames, 1).astype(float)
    centres = _initial_centres(rows, weight, negative_entropy, count, np.random.default_rng(seed))
    cluster = np.zeros(len(rows), dtype=int)
    for _ in range(_MAX_TYING_ROUNDS):
        nearest = _divergence(rows, negative_entropy, centres).argmin(axis=1)
        if np.array_equal(nearest, cluster):
            break
        cluster = nearest
        total = np.bincount(cluster, weights=weight, minlength=count)
        used = total > 0
        centres[used] = _weighted_sums(rows, weight, cluster, count)[used] / total[used, None]
    clusters, cluster = np.unique(cluster, return_inverse=True)
    return _merge_units(units, weight, cluster, len(clusters))


def _initial_centres(
    rows: np.ndarray, weight: np.ndarray, negative_entropy: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """k-means++: each further centre is drawn in proportion to the loss under the centres so far."""
    centres = [int(rng.choice(len(rows), p=weight / weight.sum()))]
    loss = _divergence(rows, negative_entropy, rows[centres])[:, 0]
    for _ in range(count - 1):
        share = np.maximum(loss, 0) * weight + 1e-12
        centres.append(int(rng.choice(len(rows), p=share / share.sum())))
        loss = np.minimum(loss, _divergence(rows, negative_entropy, rows[centres[-1:]])[:, 0])
    return rows[centres].copy()


def _divergence(rows: np.ndarray, negative_entropy: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, D) distributions, (N,) Σ p log p, (C, D) → (N, C) Σ_J KL(row ‖ centre)."""
    return negative_entropy[:, None] - rows @ np.log(centres).T


def _weighted_sums(rows: np.ndarray, weight: np.ndarray, cluster: np.ndarray, count: int) -> np.ndarray:
    """(N, D) rows, (N,) weights and clusters → (count, D)."""
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, cluster, rows * weight[:, None])
    return sums


def _merge_units(units: Units, weight: np.ndarray, cluster: np.ndarray, count: int) -> Units:
    """One unit per cluster: means of tables and durations, weighted by frames. cluster: (U,)."""
    total = np.bincount(cluster, weights=weight, minlength=count)
    tables = {
        part: np.log(_weighted_sums(np.exp(table), weight, cluster, count) / total[:, None])
        for part, table in units.tables.items()
    }
    durations = np.bincount(cluster, weights=weight * units.durations, minlength=count) / total
    frames = np.bincount(cluster, weights=units.frames, minlength=count).astype(int)
    sequences = tuple(
        tuple(unit for unit, _ in groupby(int(cluster[unit]) for unit in sequence)) for sequence in units.unit_sequences
    )
    return Units(tables, durations, sequences, frames)


# Variants ------------------------------------------------------------------------------------------------------------
def cluster_variants(
    segments: Sequence[np.ndarray], sizes: Mapping[str, int], max_variants: int, min_segments: int, seed: int = 0
) -> np.ndarray:
    """(N,) for each segment (T, P) of a gloss the variant that it shows, 0…; every variant has at least `min_segments`.

    k-means on the code distributions in each third of a segment (square roots of shares, so distances are Hellinger's).
    """
    from scipy.cluster.vq import kmeans2  # takes a quarter of a second to load, and is not needed to decode

    single = np.zeros(len(segments), dtype=int)
    if not sizes:
        return single
    points = np.array([_third_shares(codes, sizes) for codes in segments])
    for count in range(min(max_variants, len(segments) // min_segments), 1, -1):
        _, cluster = kmeans2(points, count, minit="++", rng=np.random.default_rng(seed))
        if np.bincount(cluster, minlength=count).min() >= min_segments:
            return cluster
    return single


def _third_shares(codes: np.ndarray, sizes: Mapping[str, int]) -> np.ndarray:
    """Square roots of the shares of each part's codes in each third of a segment (T, P), flattened."""
    third = _even_states(len(codes), 3)
    shares = []
    for p, size in enumerate(sizes.values()):
        counts = np.zeros((3, size + 1))
        np.add.at(counts, (third, _columns(codes[:, p], size)), 1)
        shares.append(np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).ravel())
    return np.concatenate(shares)
