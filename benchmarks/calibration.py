"""Error rates of the tests of `asl ablate`, in simulated studies without an effect and with a known one.

    python benchmarks/calibration.py [--studies 2000] [--seeds 3 5 6 8] [--clips 46] [--spreads 3 0.5]

Without an effect, prints the share of studies in which each test gives p < 0.05: about 5 % for a correct test, at most that for
the exact test. With the effect that the t test detects with 80 % power with so many seeds, prints the share in which it does. The
scores of a pair have a correlation of 0.5, as runs on the same clips do.

Then the same without an effect for scores that are multiples of 1 / --clips, as accuracies are, with each spread between seeds in
points: the share of p < 0.05 by the paired t test as SciPy computes it, p = 0 included, and the share of verdicts of an effect by
the rules of `asl ablate`, in which the exact test decides where the spread is below one clip or the seeds are too few.
"""

import argparse
import math
import warnings
from collections.abc import Iterator

import numpy as np
from scipy import stats

from asl.pipelines.studies.comparison import ALPHA, SMALL_SPREAD, Comparison, compare, least_effect

SPREAD, SHARED = 3.0, 0.5
Pair = tuple[np.ndarray, np.ndarray]


def studies(
    count: int, seeds: int, effect: float, shared: float, rng: np.random.Generator, spread: float = SPREAD
) -> Iterator[Pair]:
    """(baseline, condition) scores in percent. shared: share of the variance that the pair has in common."""
    for _ in range(count):
        # Between steps of a discrete score, every position of the mean is as likely.
        common = rng.uniform(55, 65) + rng.normal(0, spread * math.sqrt(shared), seeds)
        a, b = rng.normal(0, spread * math.sqrt(1 - shared), (2, seeds))
        yield common + a, common + b + effect


def rejected(comparisons: list[Comparison], name: str) -> float:
    """Share of the studies in which a test gives p < ALPHA."""
    return float(np.mean([name in comparison.tests and comparison.tests[name].p < ALPHA for comparison in comparisons]))


def print_continuous(count: int, seeds: int) -> None:
    for paired, shared, df in ((True, SHARED, seeds - 1), (False, 0.0, 2 * seeds - 2)):
        effect = least_effect(SPREAD * math.sqrt(2 * (1 - shared) / seeds), df)
        rng, t_test = np.random.default_rng(seeds), "paired" if paired else "welch"
        null, real = (
            [compare("a", "b", pair, paired=paired) for pair in studies(count, seeds, size, shared, rng)]
            for size in (0.0, effect)
        )
        shares = ", ".join(f"{name} {100 * rejected(null, name):.1f} %" for name in null[0].tests)
        verdicts = 100 * np.mean([comparison.significant for comparison in null])
        print(
            f"{seeds} seeds, {'paired' if paired else 'unpaired'}. No effect, p < {ALPHA:.2f}: {shares}; verdict of an effect "
            f"{verdicts:.1f} %. An effect of {effect:.1f} points is detected by {t_test} in {100 * rejected(real, t_test):.1f} %",
            flush=True,
        )


def print_discrete(count: int, seeds: int, clips: int, spread: float) -> None:
    step, rng = 100 / clips, np.random.default_rng(seeds)
    pairs = [step * np.round(np.array(pair) / step) for pair in studies(count, seeds, 0.0, SHARED, rng, spread)]
    null = [compare("a", "b", pair, paired=True, resolution=step) for pair in pairs]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        p = np.array([stats.ttest_rel(b, a).pvalue for a, b in pairs])
    exact = 100 * np.mean([comparison.why_exact == SMALL_SPREAD for comparison in null])
    verdicts = 100 * np.mean([comparison.significant for comparison in null])
    print(
        f"{seeds} seeds, multiples of 1/{clips}, spread {spread:g} points. No effect, p < {ALPHA:.2f}: plain paired t test "
        f"{100 * np.mean(p < ALPHA):.1f} % (p < 1e-6 in {100 * np.mean(p < 1e-6):.2f} %), exact "
        f"{100 * rejected(null, 'permutation'):.1f} %; verdict of an effect {verdicts:.1f} %. The spread is below one clip in "
        f"{exact:.0f} %",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 6, 8])
    parser.add_argument("--clips", type=int, default=46)
    parser.add_argument("--spreads", type=float, nargs="+", default=[SPREAD, 1.0, 0.5])
    args = parser.parse_args()
    for seeds in args.seeds:
        print_continuous(args.studies, seeds)
        for spread in args.spreads:
            print_discrete(args.studies, seeds, args.clips, spread)


if __name__ == "__main__":
    main()
