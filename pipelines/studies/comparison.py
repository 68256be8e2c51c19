"""The statistics of a comparison between two conditions over seeds (SPEC §14).

The tests are SciPy's. This module adds which of them decides, and which differences a given number of seeds can detect.

A t test decides: the paired one if both conditions have the same seeds, else Welch's. It assumes normally distributed scores.
The exact permutation test (Fisher 1935; Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005) assumes only that
the two conditions could be exchanged, and decides in two cases in which that assumption carries the whole result:

- The spread is below `resolution`, the step of a score when one test clip (for word error rates one word) is read differently.
  Scores are multiples of this step, so equal differences are common and are no sign of a small variance; a t test divides by a
  spread near zero.
- There are so few seeds that the exact test cannot reach ALPHA after correction, however large the difference. A t test of three
  differences can, but only by trusting a spread estimated from three numbers.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from asl.pipelines.recogniser.intervals import LEVEL, RESAMPLES, Interval
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput

ALPHA = 1 - LEVEL
#: Power at which the smallest detectable difference is reported.
POWER = 0.8
#: A permutation test is exact up to this many arrangements; above, arrangements are sampled.
MAX_ARRANGEMENTS = 200_000
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
#: Two scores per condition show nothing, whatever the other condition has.
MIN_SEEDS = 3
#: Spread, as a share of the largest score, that is only the rounding of floating-point numbers.
ROUNDING = 1e-9
EXACT = "permutation"
#: Why the exact test decides.
SMALL_SPREAD, FEW_SEEDS = "small spread", "few seeds"


@dataclass(frozen=True)
class TestResult:
    """A test's statistic and two-sided p value; df: its degrees of freedom, None if it has none."""

    statistic: float
    p: float
    df: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A condition compared with the baseline. Scores are in percent, differences (condition − baseline) in points.

    scores: baseline and condition, one value per seed, in the same order if `paired`. tests: those that apply, by name; t tests
    do not where the spread is below `resolution`, the step of a score in points. primary: the test that decides. why_exact:
    SMALL_SPREAD or FEW_SEEDS if this is the exact test, else "". interval: confidence interval of the mean difference, from the
    t test; None if that does not apply. cohen_d, hedges_g: NaN if the spread is below `resolution`. clips_interval: bootstrap
    interval over clips and seeds, if per-clip scores exist. detectable: the smallest difference that this many seeds detect
    with power POWER at the observed spread; None if the exact test decides. least_p: the smallest p value that the exact test
    can give. comparisons: how many the study makes. p_holm: the primary p value, corrected for their number.
    """

    baseline: str
    condition: str
    scores: tuple[tuple[float, ...], tuple[float, ...]]
    paired: bool
    resolution: float
    difference: float
    tests: dict[str, TestResult]
    primary: str
    why_exact: str
    interval: Interval | None
    cohen_d: float
    hedges_g: float
    detectable: float | None
    least_p: float
    comparisons: int
    p_holm: float
    clips_interval: Interval | None = None

    @property
    def p(self) -> float:
        return self.tests[self.primary].p

    @property
    def seeds(self) -> int:
        """Scores of the condition that has fewer."""
        return min(map(len, self.scores))

    @property
    def significant(self) -> bool:
        return self.p_holm < ALPHA and self.seeds >= MIN_SEEDS

    @property
    def stars(self) -> str:
        return stars(self.p_holm) if self.significant else stars(1.0)


def compare(
    baseline: str,
    condition: str,
    scores: tuple[Sequence[float], Sequence[float]],
    *,
    paired: bool,
    resolution: float = 0.0,
    comparisons: int = 1,
    clips_interval: Interval | None = None,
) -> Comparison:
    """Compares two conditions. `p_holm` is still the uncorrected p value.

    scores: of the baseline and of the condition. resolution: the step of a score when one test clip is read differently, in
    points; 0 if there is no such step. comparisons: how many the study makes, for which p values will be corrected. Raises
    BadInput if either has fewer than two scores, if a score is not finite, or if pairs are incomplete.
    """
    a, b = (np.asarray(sample, dtype=float) for sample in scores)
    _check(a, b, (baseline, condition), paired)
    permutation, least = _permutation(a, b, paired)
    tests = _tests(a, b, paired, resolution) | {EXACT: permutation}
    t_test = tests.get("paired" if paired else "welch")
    few = comparisons * least >= ALPHA or min(len(a), len(b)) < MIN_SEEDS
    why_exact = SMALL_SPREAD if t_test is None else FEW_SEEDS if few else ""
    primary = EXACT if why_exact else "paired" if paired else "welch"
    difference, d = float(b.mean() - a.mean()), _cohen_d(a, b, resolution)
    return Comparison(
        baseline, condition, (tuple(a.tolist()), tuple(b.tolist())), paired, resolution, difference, tests, primary, why_exact,
        _interval(a, b, paired, t_test) if t_test else None, d, d * hedges_factor(len(a) + len(b) - 2),
        None if why_exact else least_effect(standard_error(a, b, paired), tests[primary].df or 1), least,
        comparisons, tests[primary].p, clips_interval,
    )  # fmt: skip


def _check(a: np.ndarray, b: np.ndarray, names: tuple[str, str], paired: bool) -> None:
    hint = f"give at least {seeds_needed(paired)} seeds, the fewest that can show an effect"
    for name, values in zip(names, (a, b), strict=True):
        if len(values) < 2:
            raise BadInput(
                f"{name} has {len(values)} seed, but a test needs at least two",
                hint,
            )
        if not np.isfinite(values).all():
            raise BadInput(f"{name} has scores that are not finite numbers", "correct them in the file")
    if paired and len(a) != len(b):
        raise BadInput(
            f"{names[0]} has {counted(len(a), 'seed')}, {names[1]} {len(b)}", "a paired comparison needs the same seeds in both"
        )


def seeds_needed(paired: bool, comparisons: int = 1) -> int:
    """The fewest seeds per condition with which the exact test can reach ALPHA in a study of so many comparisons."""
    seeds = MIN_SEEDS
    while comparisons * least_p(seeds, seeds, paired) >= ALPHA:
        seeds += 1
    return seeds


def least_p(baseline: int, condition: int, paired: bool) -> float:
    """The smallest two-sided p value of the exact test with so many scores."""
    return min(1.0, 2 / _arrangements(baseline, condition, paired))


def _arrangements(baseline: int, condition: int, paired: bool) -> int:
    return 2**baseline if paired else math.comb(baseline + condition, baseline)


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
def _tests(a: np.ndarray, b: np.ndarray, paired: bool, resolution: float) -> dict[str, TestResult]:
    """The tests that apply, apart from the exact one."""
    tests, least_spread = {}, max(resolution * (1 - ROUNDING), _rounding(a, b))
    with warnings.catch_warnings():
        # SciPy warns that few pairs, ties or nearly constant scores make a test approximate; the report shows the sample sizes.
        warnings.simplefilter("ignore")
        if pooled_deviation(a, b) > least_spread:
            tests |= {"student": _t(stats.ttest_ind(b, a)), "welch": _t(stats.ttest_ind(b, a, equal_var=False))}
        if paired and (b - a).std(ddof=1) > least_spread:
            tests |= {"paired": _t(stats.ttest_rel(b, a))}
        if paired:
            tests |= {"wilcoxon": _wilcoxon(b - a, _rounding(a, b))}
    return tests


def _t(result) -> TestResult:
    return TestResult(float(result.statistic), float(result.pvalue), float(result.df))


def _rounding(a: np.ndarray, b: np.ndarray) -> float:
    """Scores, or means of scores, that differ by less than this are equal but for the rounding of floating-point numbers."""
    return ROUNDING * float(max(np.abs(a).max(), np.abs(b).max()))


def _wilcoxon(differences: np.ndarray, rounding: float) -> TestResult:
    if (np.abs(differences) <= rounding).all():
        return TestResult(0.0, 1.0)
    result = stats.wilcoxon(rounding * np.round(differences / rounding))  # so that equal differences share a rank
    return TestResult(float(result.statistic), float(result.pvalue))


def _permutation(a: np.ndarray, b: np.ndarray, paired: bool) -> tuple[TestResult, float]:
    """The permutation test of the mean difference, and the smallest p value that it can give.

    Exact up to MAX_ARRANGEMENTS arrangements, else RESAMPLES of them are sampled.
    """
    exact = _arrangements(len(a), len(b), paired) <= MAX_ARRANGEMENTS
    least, rounding = least_p(len(a), len(b), paired) if exact else 2 / (RESAMPLES + 1), _rounding(a, b)
    if np.ptp(np.concatenate([a, b])) <= rounding:
        return TestResult(0.0, 1.0), least
    result = stats.permutation_test(
        (b, a), _mean_difference, permutation_type="samples" if paired else "independent", vectorized=True,
        n_resamples=np.inf if exact else RESAMPLES, rng=np.random.default_rng(0),
    )  # fmt: skip
    statistic = float(result.statistic)
    return TestResult(statistic, _two_sided_p(result.null_distribution, statistic, rounding, exact)), least


def _two_sided_p(null: np.ndarray, statistic: float, rounding: float, exact: bool) -> float:
    """Twice the share of arrangements that are at least as extreme as the observed one, on the side that has fewer.

    SciPy's own p value misses arrangements whose means equal the observed one but for rounding, and is too small then: its
    tolerance is relative to the difference of the means, but they are rounded relative to the scores. A sample of them counts
    the observed one, too (Phipson and Smyth 2010).
    """
    extreme = min((null >= statistic - rounding).sum(), (null <= statistic + rounding).sum())
    return min(1.0, 2 * float(extreme + (not exact)) / (len(null) + (not exact)))


def _mean_difference(b: np.ndarray, a: np.ndarray, axis: int) -> np.ndarray:
    return b.mean(axis=axis) - a.mean(axis=axis)


# Effect sizes --------------------------------------------------------------------------------------------------------
def _cohen_d(a: np.ndarray, b: np.ndarray, resolution: float) -> float:
    """Mean difference in pooled standard deviations (Cohen 1988); 0 if the means are equal, NaN below the resolution."""
    difference, spread = b.mean() - a.mean(), pooled_deviation(a, b)
    if not difference:
        return 0.0
    return float(difference / spread) if spread > max(resolution * (1 - ROUNDING), _rounding(a, b)) else math.nan


def pooled_deviation(a: np.ndarray, b: np.ndarray) -> float:
    squares = (len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)
    return float(np.sqrt(squares / (len(a) + len(b) - 2)))


def hedges_factor(df: float) -> float:
    """Correction factor that makes Cohen's d unbiased in small samples (Hedges 1981)."""
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)) if df > 1 else 0.0


def _interval(a: np.ndarray, b: np.ndarray, paired: bool, t_test: TestResult) -> Interval:
    """Confidence interval of the mean difference at LEVEL, from the t distribution of the test."""
    difference = b.mean() - a.mean()
    margin = stats.t.ppf(1 - ALPHA / 2, t_test.df) * standard_error(a, b, paired)
    return Interval(float(difference), float(difference - margin), float(difference + margin))


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
