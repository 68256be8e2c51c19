"""Bootstrap intervals over test clips, and over the groups (signers or sources) that the clips come from (SPEC §13).

Clips of one person resemble each other. An interval that resamples only clips says how much a figure depends on which clips of
these people were tested, and nothing about other people. Where the groups are known, they are resampled first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from asl.pipelines.corpus.clips import Clip

#: Bootstrap resamples.
RESAMPLES = 10_000
#: Confidence level of all intervals.
LEVEL = 0.95
#: With fewer groups than this, their variation cannot be estimated: the interval is too narrow.
MIN_GROUPS = 5
#: Resampled clips held in memory at once, over all resamples of a batch.
DRAWS_PER_BATCH = 1 << 18


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval at LEVEL."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Interval":
        """The interval of `factor` (> 0) times the value."""
        return Interval(factor * self.value, factor * self.low, factor * self.high)

    @property
    def percent(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True)
class Groups:
    """The groups of N test clips. of_clip: (N,) the index of each clip's group, from 0 without gaps."""

    of_clip: np.ndarray

    @property
    def count(self) -> int:
        return int(self.of_clip.max()) + 1

    @property
    def note(self) -> str:
        """What the intervals resample and cover, in words."""
        if self.count == 1:
            return "over clips, all of one group (signer or source): it covers other clips of the same people, not other people"
        note = f"over {self.count} groups (signers or sources), then the clips of each (hierarchical bootstrap)"
        return note + ("; with fewer than five groups it is too narrow" if self.count < MIN_GROUPS else "")


#: The note of clips whose groups are not known.
UNKNOWN_GROUPS = (
    "over clips, whose groups (signers or sources) are not known: it covers other clips of the same people, not other people"
)


def groups_of(clips: Sequence[Clip]) -> Groups | None:
    """The groups of clips; None if they are not known."""
    return groups_named([group_name(clip) for clip in clips])


def group_name(clip: Clip) -> str:
    """What the splits keep together, else the signer; "" if neither is known."""
    return clip.group or clip.signer


def groups_named(names: Sequence[str]) -> Groups | None:
    """The groups of clips by name, None if no clip has one. A clip without a name is a group of its own, as in the splits."""
    if not any(names):
        return None
    keys = [name or i for i, name in enumerate(names)]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return Groups(np.array([index[key] for key in keys]))


def note_of(groups: Groups | None) -> str:
    return groups.note if groups else UNKNOWN_GROUPS


def bootstrap_mean(values: np.ndarray, groups: Groups | None = None, seed: int = 0) -> Interval:
    """Mean of (N,) per-clip values, with its interval."""
    return bootstrap_means(values[:, None], groups, seed)[0]


def bootstrap_means(values: np.ndarray, groups: Groups | None = None, seed: int = 0) -> list[Interval]:
    """The mean of each column of (N, K) per-clip values, with its interval. All columns share their resamples."""
    return bootstrap(values, lambda means: means, groups, seed)


def bootstrap_shares(values: np.ndarray, groups: Groups | None = None, seed: int = 0) -> list[Interval]:
    """The mean of each column of (N, K) values that are 0 or 1, with its interval; exact where all clips have the same value."""
    intervals = bootstrap_means(values, groups, seed)
    return [_exact_if_constant(column, groups, interval) for column, interval in zip(values.T, intervals, strict=True)]


def bootstrap_share_over_seeds(values: np.ndarray, groups: Groups | None = None, seed: int = 0) -> Interval:
    """Mean of (seeds, N) values that are 0 or 1, with its interval; exact where all clips of all seeds have the same value.

    Otherwise seeds and clips are resampled. The seeds are no further trials: all were tested on the same clips.
    """
    return _exact_if_constant(values, groups, bootstrap_over_seeds(values, groups, seed))


def _exact_if_constant(values: np.ndarray, groups: Groups | None, bootstrapped: Interval) -> Interval:
    """The interval of Clopper and Pearson (Biometrika 26(4), 1934) if all (…, N) values are 0 or all are 1.

    Every resample of such values is the same, so that a bootstrap would claim certainty after three clips. The trials are the
    clips, or the groups if there are several: the fewest that the clips can be worth, if those of a group agree completely. Only
    for shares, whose range is known: the mean of equal differences, losses or error rates may lie anywhere.
    """
    share = values.flat[0]
    if share not in (0, 1) or (values != share).any():
        return bootstrapped
    from scipy.stats import binomtest  # takes half a second to import

    trials = groups.count if groups is not None and groups.count > 1 else values.shape[-1]
    exact = binomtest(int(share) * trials, trials).proportion_ci(LEVEL, method="exact")
    return Interval(float(share), float(exact.low), float(exact.high))


def bootstrap_ratio(numerators: np.ndarray, denominators: np.ndarray, groups: Groups | None = None, seed: int = 0) -> Interval:
    """Sum of (N,) numerators divided by the sum of (N,) denominators, with its interval; 0 if the denominators sum to 0."""

    def ratio(means: np.ndarray) -> np.ndarray:
        return np.divide(means[:, :1], means[:, 1:], out=np.zeros((len(means), 1)), where=means[:, 1:] != 0)

    return bootstrap(np.stack([numerators, denominators], axis=1).astype(float), ratio, groups, seed)[0]


def bootstrap(
    values: np.ndarray, statistics: Callable[[np.ndarray], np.ndarray], groups: Groups | None = None, seed: int = 0
) -> list[Interval]:
    """Statistics of the means of N clips, with their percentile intervals.

    values: (N, K) values of each clip. statistics: (R, K) means over the clips of R resamples → (R, S). Resamples clips (Efron
    1979) or, if `groups` has several, groups with replacement, then as many clips as each drawn group has, with replacement
    (the hierarchical bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8; Saravanan,
    Berman and Sober, Neurons, Behavior, Data Analysis and Theory 3(5), 2020).
    """
    rng = np.random.default_rng(seed)
    resampled = [statistics(weights @ values) for weights in _resampled_weights(len(values), groups, rng)]
    return _percentiles(statistics(values.mean(axis=0)[None])[0], resampled)


def bootstrap_over_seeds(values: np.ndarray, groups: Groups | None = None, seed: int = 0) -> Interval:
    """Mean of (seeds, N) scores or differences, with its percentile interval when seeds and clips are resampled.

    Every seed was tested on the same clips, so each resample draws one set of clips for all seeds, as in `bootstrap`.
    """
    seeds, clips = values.shape
    rng = np.random.default_rng(seed)
    means = []
    for by_clip in _resampled_weights(clips, groups, rng):
        by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(by_clip)) / seeds
        means.append(((by_seed @ values) * by_clip).sum(axis=1, keepdims=True))
    return _percentiles(np.array([values.mean()]), means)[0]


def _percentiles(values: np.ndarray, resampled: Sequence[np.ndarray]) -> list[Interval]:
    """The interval of each of (S,) values. resampled: batches of (R, S)."""
    bounds = np.quantile(np.concatenate(resampled), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [Interval(*map(float, of_statistic)) for of_statistic in zip(values, *bounds, strict=True)]


def _resampled_weights(clips: int, groups: Groups | None, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of (R, clips) shares of each clip in a resample, RESAMPLES rows in all. Each row sums to 1."""
    size = max(1, DRAWS_PER_BATCH // clips)
    nested = groups is not None and 1 < groups.count < clips
    for start in range(0, RESAMPLES, size):
        rows = min(size, RESAMPLES - start)
        row, clip = _drawn_clips(rows, groups, rng) if nested else _drawn(rows, clips, rng)
        counts = np.bincount(row * clips + clip, minlength=rows * clips).reshape(rows, clips)
        yield counts / counts.sum(axis=1, keepdims=True)


def _drawn(rows: int, clips: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """For each of `rows` resamples, as many clips as there are: row and clip of each."""
    return np.repeat(np.arange(rows), clips), rng.integers(0, clips, size=rows * clips)


def _drawn_clips(rows: int, groups: Groups, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """For each of `rows` resamples, the clips drawn from as many groups as there are: row and clip of each."""
    sizes = np.bincount(groups.of_clip)
    sorted_clips, first = np.argsort(groups.of_clip, kind="stable"), np.cumsum(sizes) - sizes
    row, group = _drawn(rows, groups.count, rng)
    drawn = sizes[group]
    # Four times as fast as rng.integers with an array of bounds.
    within = (rng.random(drawn.sum()) * np.repeat(drawn, drawn)).astype(np.int64)
    return np.repeat(row, drawn), sorted_clips[np.repeat(first[group], drawn) + within]
