"""The statistics of a comparison between two conditions over seeds (SPEC §14).

The tests are SciPy's. This module adds which of them decides, and which differences a given number of seeds can detect.
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
#: Power at which the smallest detectable difference is reported.
POWER = 0.8
#: A permutation test is exact up to this many arrangements; above, arrangements are sampled.
MAX_ARRANGEMENTS = 200_000
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class TestResult:
    """A test's statistic and two-sided p value; df: its degrees of freedom, None if it has none."""

    statistic: float
    p: float
    df: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A condition compared with the baseline. Scores are in percent, differences (condition − baseline) in points.

    scores: baseline and condition, one value per seed, in the same order if `paired`. primary: the test that decides, fixed
    before the runs: the paired t test if both have the same seeds, else Welch's. interval: confidence interval of the mean
    difference, from the primary test. clips_interval: bootstrap interval over clips and seeds, if per-clip scores exist.
    detectable: the smallest difference that this many seeds detect with power POWER at the observed spread. least_p: the
    smallest p value that the exact test can give. p_holm: the primary p value, corrected for the number of comparisons.
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
    """Compares two conditions. `p_holm` is still the uncorrected p value.

    scores: of the baseline and of the condition. clips: (seeds, clips) per-clip score differences, for the bootstrap.
    Raises BadInput if either has fewer than two scores, if a score is not finite, or if pairs are incomplete.
    """
    a, b = (np.asarray(sample, dtype=float) for sample in scores)
    for name, values in ((baseline, a), (condition, b)):
        if len(values) < 2:
            raise BadInput(f"{name} has {len(values)} seed, but a test needs at least two", "use --seeds 3 or more")
        if not np.isfinite(values).all():
            raise BadInput(f"{name} has scores that are not finite numbers", "correct them in the file")
    if paired and len(a) != len(b):
        raise BadInput(f"{baseline} has {len(a)} seeds, {condition} {len(b)}", "a paired comparison needs the same seeds in both")
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
    """Significance stars: * for p < 0.05, ** for p < 0.01, *** for p < 0.001, else "n.s."."""
    return next((mark for bound, mark in STARS if p < bound), "n.s.")


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for multiple comparisons (Holm 1979), in the given order."""
    order = np.argsort(p)
    steps = np.maximum.accumulate([(len(p) - rank) * p[i] for rank, i in enumerate(order)])
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, steps)
    return corrected.tolist()


# Tests ---------------------------------------------------------------------------------------------------------------
def _tests(a: np.ndarray, b: np.ndarray, paired: bool) -> dict[str, TestResult]:
    with warnings.catch_warnings():
        # SciPy warns that few pairs, ties or nearly constant scores make a test approximate; the report shows the sample sizes.
        warnings.simplefilter("ignore")
        tests = {"student": _t(stats.ttest_ind(b, a)), "welch": _t(stats.ttest_ind(b, a, equal_var=False))}
        if paired:
            tests |= {"paired": _t(stats.ttest_rel(b, a)), "wilcoxon": _wilcoxon(b - a)}
    return tests


def _t(result) -> TestResult:
    """Identical constant samples give p = 1. A constant non-zero difference gives an infinite t and p = 0."""
    if math.isnan(result.pvalue):
        return TestResult(0.0, 1.0, _finite_or_none(result.df))
    return TestResult(float(result.statistic), float(result.pvalue), _finite_or_none(result.df))


def _finite_or_none(df) -> float | None:
    return float(df) if np.isfinite(df) else None


def _wilcoxon(differences: np.ndarray) -> TestResult:
    if not differences.any():
        return TestResult(0.0, 1.0)
    result = stats.wilcoxon(differences)
    return TestResult(float(result.statistic), float(result.pvalue))


def _permutation(a: np.ndarray, b: np.ndarray, paired: bool) -> tuple[TestResult, float]:
    """The permutation test of the mean difference, and the smallest p value that it can give.

    Exact up to MAX_ARRANGEMENTS arrangements, else RESAMPLES of them are sampled.
    """
    count = 2 ** len(a) if paired else math.comb(len(a) + len(b), len(a))
    exact = count <= MAX_ARRANGEMENTS
    least = 2 / count if exact else 2 / (RESAMPLES + 1)
    if not (b - a.mean()).any() and not (a - a.mean()).any():
        return TestResult(0.0, 1.0), min(1.0, least)
    result = stats.permutation_test(
        (b, a), _mean_difference, permutation_type="samples" if paired else "independent", vectorized=True,
        n_resamples=np.inf if exact else RESAMPLES, rng=np.random.default_rng(0),
    )  # fmt: skip
    return TestResult(float(result.statistic), float(result.pvalue)), min(1.0, least)


def _mean_difference(b: np.ndarray, a: np.ndarray, axis: int) -> np.ndarray:
    return b.mean(axis=axis) - a.mean(axis=axis)


# Effect sizes --------------------------------------------------------------------------------------------------------
def _cohen_d(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference in pooled standard deviations (Cohen 1988); 0 if the means are equal."""
    difference, spread = b.mean() - a.mean(), pooled_deviation(a, b)
    return float(difference / spread) if spread else math.copysign(math.inf, difference) if difference else 0.0


def pooled_deviation(a: np.ndarray, b: np.ndarray) -> float:
    squares = (len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)
    return float(np.sqrt(squares / (len(a) + len(b) - 2)))


def hedges_factor(df: float) -> float:
    """Correction factor that makes Cohen's d unbiased in small samples (Hedges 1981)."""
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)) if df > 1 else 0.0


def _interval(a: np.ndarray, b: np.ndarray, paired: bool, primary: TestResult) -> tuple[float, float]:
    """Confidence interval of the mean difference at LEVEL, from the primary test's t distribution."""
    difference = b.mean() - a.mean()
    error = standard_error(a, b, paired)
    if not error or primary.df is None:
        return float(difference), float(difference)
    margin = stats.t.ppf(1 - ALPHA / 2, primary.df) * error
    return float(difference - margin), float(difference + margin)


def standard_error(a: np.ndarray, b: np.ndarray, paired: bool) -> float:
    """Standard error of the mean difference: of pairs, or of two samples with unequal variances."""
    if paired:
        return float((b - a).std(ddof=1) / np.sqrt(len(a)))
    return float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))


# Power ---------------------------------------------------------------------------------------------------------------
def least_effect(error: float, df: float, power: float = POWER) -> float:
    """The smallest true difference that a two-sided t test at ALPHA detects with the given power.

    error: observed standard error of the difference; df: degrees of freedom of the test.
    """
    if not error:
        return 0.0
    return float(error * optimize.brentq(lambda shift: power_of(shift, df) - power, 0.0, 1e3))


def power_of(shift: float, df: float) -> float:
    """Power of a two-sided t test at ALPHA. shift: the true difference in standard errors (the noncentrality parameter)."""
    bound = stats.t.ppf(1 - ALPHA / 2, df)
    # For a large shift, SciPy returns NaN for the tail whose probability is 0.
    return float(stats.nct.sf(bound, df, shift) + np.nan_to_num(stats.nct.cdf(-bound, df, shift)))


# Bootstrap -----------------------------------------------------------------------------------------------------------
def bootstrap_over_seeds(values: np.ndarray, seed: int = 0) -> Interval:
    """Mean of (seeds, clips) scores or differences, with its percentile interval when seeds and clips are resampled.

    The interval covers other seeds *and* other clips of the same people. Every seed was tested on the same clips, so each
    resample draws one set of clips for all seeds.
    """
    seeds, clips = values.shape
    rng = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, 500):  # 500 resamples at a time, to bound the memory with many clips
        size = min(500, RESAMPLES - start)
        by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=size) / seeds
        by_clip = rng.multinomial(clips, np.full(clips, 1 / clips), size=size) / clips
        means[start : start + size] = ((by_seed @ values) * by_clip).sum(axis=1)
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(float(values.mean()), float(low), float(high))


# Verdict -------------------------------------------------------------------------------------------------------------
def verdict(comparison: Comparison, *, better: str = "higher") -> str:
    """The result in one to three sentences; a null result comes with its power. better: "higher" or "lower" scores."""
    name, baseline, interval = comparison.condition, comparison.baseline, comparison.interval
    change = "better" if (comparison.difference > 0) == (better == "higher") else "worse"
    effect = f"{_points(comparison.difference)} points [{_points(interval.low)}, {_points(interval.high)}]"
    corrected = not math.isclose(comparison.p, comparison.p_holm)
    p = f"p = {comparison.p_holm:.3g}" + (" after Holm correction" if corrected else "")
    if comparison.p_holm < ALPHA:
        return f"{name} is {change} than {baseline}: {effect}, {p} ({comparison.stars})."
    text = (
        f"No effect detected: {name} vs {baseline} {effect}, {p}. With {_in_words(min(map(len, comparison.scores)))} seeds, "
        f"{100 * POWER:.0f} % power is reached only for differences of {comparison.detectable:.1f} points or more."
    )
    if comparison.least_p > ALPHA:
        text += f" The smallest p value that the exact test can give with so few seeds is {comparison.least_p:.2g}."
    return text


def _points(difference: float) -> str:
    return f"{difference:+.1f}".replace("-", "−")


def _in_words(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if count < len(words) else str(count)
