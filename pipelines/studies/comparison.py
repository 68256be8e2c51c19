"""The statistics of a comparison between two conditions over seeds (SPEC §14).

Tests are SciPy's; what is added here is which of them counts, and what so few seeds can show at all.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from asl.pipelines.recogniser.measures import LEVEL, RESAMPLES, Interval
from asl.pipelines.workspace.errors import BadInput

ALPHA = 1 - LEVEL
#: The chance of finding an effect that "could have been found" means.
POWER = 0.8
#: Up to this many arrangements a permutation test looks at all of them.
MOST_ARRANGEMENTS = 200_000
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class TestResult:
    """statistic and p (two-sided) of a test; df: degrees of freedom where it has them."""

    statistic: float
    p: float
    df: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A condition against the baseline; scores are in percent, differences condition − baseline in points.

    scores: of both, a value a seed, in the same order where `paired`. primary: the test that decides, fixed before the runs:
    the paired t test where both have the same seeds, else Welch's. interval: of the mean difference, by the primary test.
    clips_interval: bootstrap over clips and seeds, where scores of clips are known. detectable: the smallest difference that this
    many seeds find with probability POWER at the spread that was seen. least_p: the smallest p the exact test can give.
    p_holm: the primary p, corrected for the number of comparisons in the study.
    """

    baseline: str
    condition: str
    scores: tuple[tuple[float, ...], tuple[float, ...]]
    paired: bool
    difference: float
    tests: dict[str, TestResult]
    primary: str
    interval: Interval
    cohen_d: float
    hedges_g: float
    detectable: float
    least_p: float
    p_holm: float
    clips_interval: Interval | None = None

    @property
    def p(self) -> float:
        return self.tests[self.primary].p

    @property
    def stars(self) -> str:
        return stars(self.p_holm)


def compare(
    baseline: str,
    condition: str,
    scores: tuple[Sequence[float], Sequence[float]],
    *,
    paired: bool,
    clips: np.ndarray | None = None,
) -> Comparison:
    """All figures of one comparison; `p_holm` is still the plain p.

    scores: of the baseline and the condition. clips: (seeds, clips) differences of each clip's score, for the bootstrap.
    Raises BadInput: fewer than two scores of either, or scores that are not finite.
    """
    a, b = (np.asarray(one, dtype=float) for one in scores)
    for name, values in ((baseline, a), (condition, b)):
        if len(values) < 2:
            raise BadInput(
                f"{name} has {len(values)} seed: a mean without a spread, which no test can judge", "use --seeds 3 or more"
            )
        if not np.isfinite(values).all():
            raise BadInput(f"{name} has scores that are not numbers", "correct them")
    if paired and len(a) != len(b):
        raise BadInput(f"{baseline} has {len(a)} seeds, {condition} {len(b)}", "pairs need the same seeds in both")
    permutation, least = _permutation(a, b, paired)
    tests = _tests(a, b, paired) | {"permutation": permutation}
    primary = "paired" if paired else "welch"
    low, high = _interval(a, b, paired, tests[primary])
    d = _cohen_d(a, b)
    return Comparison(
        baseline, condition, (tuple(a.tolist()), tuple(b.tolist())), paired, float(b.mean() - a.mean()),
        tests, primary, Interval(float(b.mean() - a.mean()), low, high), d,
        d * hedges_factor(len(a) + len(b) - 2), least_effect(standard_error(a, b, paired), tests[primary].df or 1), least,
        tests[primary].p,
        None if clips is None else bootstrap_over_seeds(clips),
    )  # fmt: skip


def stars(p: float) -> str:
    """The usual stars of a p value: * < 0.05, ** < 0.01, *** < 0.001, else "n.s."."""
    return next((mark for bound, mark in STARS if p < bound), "n.s.")


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for being several (Holm 1979), in their order."""
    order = np.argsort(p)
    steps = np.maximum.accumulate([(len(p) - rank) * p[i] for rank, i in enumerate(order)])
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, steps)
    return corrected.tolist()


# Tests ---------------------------------------------------------------------------------------------------------------
def _tests(a: np.ndarray, b: np.ndarray, paired: bool) -> dict[str, TestResult]:
    with warnings.catch_warnings():
        # SciPy says that few pairs, ties or scores that hardly vary make a test approximate; the report shows as much.
        warnings.simplefilter("ignore")
        tests = {"student": _t(stats.ttest_ind(b, a)), "welch": _t(stats.ttest_ind(b, a, equal_var=False))}
        if paired:
            tests |= {"paired": _t(stats.ttest_rel(b, a)), "wilcoxon": _wilcoxon(b - a)}
    return tests


def _t(found) -> TestResult:
    """Where neither differs nor varies there is nothing to find: p = 1. Where all differ by the same, t is infinite and p 0."""
    if math.isnan(found.pvalue):
        return TestResult(0.0, 1.0, _number(found.df))
    return TestResult(float(found.statistic), float(found.pvalue), _number(found.df))


def _number(df) -> float | None:
    return float(df) if np.isfinite(df) else None


def _wilcoxon(differences: np.ndarray) -> TestResult:
    if not differences.any():
        return TestResult(0.0, 1.0)
    found = stats.wilcoxon(differences)
    return TestResult(float(found.statistic), float(found.pvalue))


def _permutation(a: np.ndarray, b: np.ndarray, paired: bool) -> tuple[TestResult, float]:
    """The exact test of the mean difference and the least p it can give; sampled where there are too many arrangements."""
    count = 2 ** len(a) if paired else math.comb(len(a) + len(b), len(a))
    exact = count <= MOST_ARRANGEMENTS
    least = 2 / count if exact else 2 / (RESAMPLES + 1)
    if not (b - a.mean()).any() and not (a - a.mean()).any():
        return TestResult(0.0, 1.0), min(1.0, least)
    found = stats.permutation_test(
        (b, a), _mean_difference, permutation_type="samples" if paired else "independent", vectorized=True,
        n_resamples=np.inf if exact else RESAMPLES, rng=np.random.default_rng(0),
    )  # fmt: skip
    return TestResult(float(found.statistic), float(found.pvalue)), min(1.0, least)


def _mean_difference(b: np.ndarray, a: np.ndarray, axis: int) -> np.ndarray:
    return b.mean(axis=axis) - a.mean(axis=axis)


# Sizes ---------------------------------------------------------------------------------------------------------------
def _cohen_d(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference in pooled standard deviations (Cohen 1988); 0 where nothing differs."""
    difference, spread = b.mean() - a.mean(), pooled_deviation(a, b)
    return float(difference / spread) if spread else math.copysign(math.inf, difference) if difference else 0.0


def pooled_deviation(a: np.ndarray, b: np.ndarray) -> float:
    squares = (len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)
    return float(np.sqrt(squares / (len(a) + len(b) - 2)))


def hedges_factor(df: float) -> float:
    """What Cohen's d of few samples has to be multiplied by to be unbiased (Hedges 1981)."""
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)) if df > 1 else 0.0


def _interval(a: np.ndarray, b: np.ndarray, paired: bool, primary: TestResult) -> tuple[float, float]:
    """Of the mean difference at LEVEL, by the primary test's t distribution."""
    difference = b.mean() - a.mean()
    error = standard_error(a, b, paired)
    if not error or primary.df is None:
        return float(difference), float(difference)
    reach = stats.t.ppf(1 - ALPHA / 2, primary.df) * error
    return float(difference - reach), float(difference + reach)


def standard_error(a: np.ndarray, b: np.ndarray, paired: bool) -> float:
    """Of the mean difference: of pairs, or of two samples of unequal spread."""
    if paired:
        return float((b - a).std(ddof=1) / np.sqrt(len(a)))
    return float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))


# Power ---------------------------------------------------------------------------------------------------------------
def least_effect(error: float, df: float, power: float = POWER) -> float:
    """The smallest true difference that a two-sided t test at ALPHA finds with this probability.

    error: the difference's standard error, as seen; df: the test's.
    """
    if not error:
        return 0.0
    return float(error * optimize.brentq(lambda shift: power_of(shift, df) - power, 0.0, 1e3))


def power_of(shift: float, df: float) -> float:
    """Power of a two-sided t test at ALPHA. shift: the true difference in its standard errors (the noncentrality)."""
    bound = stats.t.ppf(1 - ALPHA / 2, df)
    # Far out SciPy's noncentral distribution is not a number on the side that has no weight.
    return float(stats.nct.sf(bound, df, shift) + np.nan_to_num(stats.nct.cdf(-bound, df, shift)))


# Bootstrap -----------------------------------------------------------------------------------------------------------
def bootstrap_over_seeds(values: np.ndarray, seed: int = 0) -> Interval:
    """(seeds, clips) scores, or differences of them → the mean and its percentile interval when seeds and clips are drawn anew.

    It says what other seeds *and* other clips of the same people would have given. The same clips were read under every
    seed, so clips are drawn once for all seeds.
    """
    seeds, clips = values.shape
    rng = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 500):  # the counts of 500 draws at a time, lest many clips fill the memory
        size = min(500, RESAMPLES - start)
        by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=size) / seeds
        by_clip = rng.multinomial(clips, np.full(clips, 1 / clips), size=size) / clips
        means[start : start + size] = ((by_seed @ values) * by_clip).sum(axis=1)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(float(values.mean()), float(low), float(high))


# Words ---------------------------------------------------------------------------------------------------------------
def verdict(one: Comparison, *, better: str = "higher") -> str:
    """The result in a sentence or two, a null result said as one. better: whether higher or lower scores are, in percent."""
    change = "better" if (one.difference > 0) == (better == "higher") else "worse"
    name, against = one.condition, one.baseline
    what = f"{_points(one.difference)} points [{_points(one.interval.low)}, {_points(one.interval.high)}]"
    p = f"p = {one.p_holm:.3g}" + (" after Holm's correction" if not math.isclose(one.p, one.p_holm) else "")
    if one.p_holm < ALPHA:
        return f"{name} is {change} than {against}: {what}, {p} ({one.stars})."
    could = (
        f"{_in_words(min(map(len, one.scores)))} seeds could only have found a difference of {one.detectable:.1f} points or more"
    )
    text = f"No effect shown: {name} against {against} {what}, {p}; {could} (four times in five)."
    if one.least_p > ALPHA:
        text += f" The exact test cannot go below p = {one.least_p:.2g} with so few."
    return text


def _points(difference: float) -> str:
    return f"{difference:+.1f}".replace("-", "−")


def _in_words(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if count < len(words) else str(count)
