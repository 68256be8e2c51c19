import tracemalloc

import numpy as np
import pytest

from asl.pipelines.recogniser.intervals import (
    Groups,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_over_seeds,
    bootstrap_ratio,
    bootstrap_share_over_seeds,
    bootstrap_shares,
    groups_named,
    note_of,
)


def test_the_interval_of_a_mean_agrees_with_the_normal_approximation():
    values = np.random.default_rng(0).binomial(1, 0.6, 400).astype(float)
    interval = bootstrap_mean(values)
    margin = 1.96 * values.std() / 20
    assert interval.value == values.mean()
    assert interval.low == pytest.approx(values.mean() - margin, abs=0.01)
    assert interval.high == pytest.approx(values.mean() + margin, abs=0.01)
    assert bootstrap_mean(values) == interval


def test_columns_share_their_resamples_and_a_ratio_is_of_sums():
    values = np.random.default_rng(0).random((50, 2))
    first, second = bootstrap_means(values)
    assert [first.low, first.high] == pytest.approx([bootstrap_mean(values[:, 0]).low, bootstrap_mean(values[:, 0]).high])
    assert second.value == pytest.approx(values[:, 1].mean())
    ratio = bootstrap_ratio(values[:, 0], values[:, 1])
    assert ratio.value == pytest.approx(values[:, 0].sum() / values[:, 1].sum())
    assert ratio.low < ratio.value < ratio.high
    assert bootstrap_ratio(np.ones(3), np.zeros(3)).value == 0


def test_shares_of_clips_that_are_all_right_or_all_wrong_have_exact_intervals():
    """With n successes of n, the lower limit is the share whose n-th power is 2.5 %."""
    values = np.stack([np.zeros(3), np.ones(3), np.array([0.0, 1.0, 1.0])], axis=1)
    none, all, some = bootstrap_shares(values)
    assert [none.value, none.low, none.high] == pytest.approx([0, 0, 1 - 0.025 ** (1 / 3)])
    assert [all.value, all.low, all.high] == pytest.approx([1, 0.025 ** (1 / 3), 1])
    assert some == bootstrap_mean(values[:, 2])
    assert all.percent == "100.0 % [29.2, 100.0]"
    assert all.times(100).low == pytest.approx(100 * all.low)


def test_clips_that_agree_within_their_groups_count_as_one_trial_for_each_group():
    right = np.ones(40)
    (of_groups,) = bootstrap_shares(right[:, None], Groups(np.repeat(np.arange(4), 10)))
    (of_clips,) = bootstrap_shares(right[:, None], Groups(np.zeros(40, dtype=int)))
    assert of_groups.low == pytest.approx(0.025 ** (1 / 4))
    assert of_clips.low == pytest.approx(0.025 ** (1 / 40))


def test_seeds_that_agree_are_no_further_trials():
    assert bootstrap_share_over_seeds(np.zeros((5, 8))).high == pytest.approx(1 - 0.025 ** (1 / 8))
    mixed = np.array([[0.0, 1, 1, 1], [1, 1, 1, 1]])
    assert bootstrap_share_over_seeds(mixed) == bootstrap_over_seeds(mixed)


def test_equal_values_that_are_no_shares_are_left_to_the_bootstrap():
    assert bootstrap_mean(np.zeros(3)).high == 0
    assert bootstrap_shares(np.full((3, 1), 0.5))[0].high == 0.5


def brute_force(values: np.ndarray, names: list[str], resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means when groups are drawn with replacement, then as many clips of each drawn group as it has."""
    clips_of = [np.flatnonzero(np.array(names) == name) for name in sorted(set(names))]
    means = []
    for _ in range(resamples):
        drawn = [clips_of[group] for group in rng.integers(0, len(clips_of), len(clips_of))]
        means.append(values[np.concatenate([rng.choice(clips, len(clips)) for clips in drawn])].mean())
    return np.array(means)


def test_groups_are_resampled_then_their_clips():
    rng = np.random.default_rng(3)
    names = rng.permutation(["ann"] * 10 + ["bo"] * 25 + ["cy"] * 40 + ["di"] * 5 + ["ed"] * 20 + ["flo"] * 30).tolist()
    level = dict(zip(sorted(set(names)), (0.9, 0.4, 0.8, 0.2, 0.6, 0.7), strict=True))
    values = np.array([rng.random() < level[name] for name in names], dtype=float)
    interval, clips_only = bootstrap_mean(values, groups_named(names)), bootstrap_mean(values)
    expected = np.quantile(brute_force(values, names, 4000, np.random.default_rng(4)), [0.025, 0.975])
    assert [interval.low, interval.high] == pytest.approx(expected.tolist(), abs=0.02)
    assert interval.value == values.mean() == clips_only.value
    assert interval.high - interval.low > 1.5 * (clips_only.high - clips_only.low)


def test_the_interval_covers_other_groups():
    """Eight signers who differ: the interval over groups covers the mean of all signers, that over clips far too seldom."""
    rng, covered = np.random.default_rng(0), []
    groups = Groups(np.repeat(np.arange(8), 15))
    for _ in range(40):
        levels = np.clip(rng.normal(0.6, 0.2, 8), 0, 1)
        values = (rng.random((8, 15)) < levels[:, None]).astype(float).ravel()
        covered.append(
            [interval.low <= 0.6 <= interval.high for interval in (bootstrap_mean(values, groups), bootstrap_mean(values))]
        )
    over_groups, over_clips = np.mean(covered, axis=0)
    assert over_groups >= 0.9
    assert over_clips <= 0.8


def test_seeds_and_clips_are_resampled():
    rng = np.random.default_rng(1)
    seeds, clips = rng.normal(0, 3, (6, 1)), rng.normal(2, 4, (1, 80))
    interval = bootstrap_over_seeds(seeds + clips)
    resampling = np.random.default_rng(2)
    values = [(seeds + clips)[np.ix_(resampling.integers(0, 6, 6), resampling.integers(0, 80, 80))].mean() for _ in range(4000)]
    assert [interval.low, interval.high] == pytest.approx(np.quantile(values, [0.025, 0.975]).tolist(), abs=0.25)
    assert interval.value == pytest.approx((seeds + clips).mean())
    assert bootstrap_over_seeds(np.full((3, 5), 2.0)).low == pytest.approx(2.0)


def test_seeds_groups_and_clips_are_resampled():
    rng = np.random.default_rng(1)
    names = np.repeat(list("abcdef"), 15).tolist()
    values = rng.normal(0, 1, (4, 90)) + np.repeat(rng.normal(0, 2, 6), 15)
    interval, clips_only = bootstrap_over_seeds(values, groups_named(names)), bootstrap_over_seeds(values)
    expected = np.quantile(brute_force(values.mean(axis=0), names, 4000, rng), [0.025, 0.975])
    assert [interval.low, interval.high] == pytest.approx(expected.tolist(), abs=0.15)
    assert interval.high - interval.low > 2 * (clips_only.high - clips_only.low)


@pytest.mark.parametrize("groups", [None, Groups(np.arange(6_000) % 40)])
def test_the_memory_is_bounded(groups):
    """All resamples of 6,000 clips at once would take half a gigabyte."""
    tracemalloc.start()
    bootstrap_over_seeds(np.zeros((2, 6_000)), groups)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6


def test_what_is_resampled_is_said():
    assert note_of(None).startswith("over clips, whose groups")
    assert groups_named(["", ""]) is None
    assert "all of one group" in note_of(groups_named(["ann", "ann"]))
    assert note_of(groups_named(["ann", "bo", ""])).startswith("over 3 groups (signers or sources), then the clips of each")
    assert "too narrow" in note_of(groups_named(["ann", "bo", "cy", "di"]))
    assert "too narrow" not in note_of(groups_named(["ann", "bo", "cy", "di", "ed"]))
