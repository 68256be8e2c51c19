"""Error rates of the tests of `asl ablate`, in simulated studies without an effect and with a known one.

    python benchmarks/calibration.py [--studies 2000] [--seeds 5 8]

Without an effect, prints the share of studies in which each test gives p < 0.05: about 5 % for a correct test, at most that for
the exact test. With the effect that is reported as detectable with so many seeds, prints the share in which the primary test
detects it: 80 % is expected. The scores of a pair have a correlation of 0.5, as runs on the same clips do.
"""

import argparse
import math

import numpy as np

from asl.pipelines.studies.comparison import ALPHA, Comparison, compare, least_effect

SPREAD, SHARED = 3.0, 0.5


def studies(count: int, seeds: int, effect: float, shared: float, rng: np.random.Generator):
    """(baseline, condition) scores in percent. shared: share of the variance that the pair has in common."""
    for _ in range(count):
        common = rng.normal(60, SPREAD * math.sqrt(shared), seeds)
        a, b = rng.normal(0, SPREAD * math.sqrt(1 - shared), (2, seeds))
        yield common + a, common + b + effect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 8])
    args = parser.parse_args()
    for seeds in args.seeds:
        for paired, shared, df in ((True, SHARED, seeds - 1), (False, 0.0, 2 * seeds - 2)):
            effect = least_effect(SPREAD * math.sqrt(2 * (1 - shared) / seeds), df)
            rng = np.random.default_rng(seeds)
            null, real = (
                [compare("a", "b", pair, paired=paired) for pair in studies(args.studies, seeds, size, shared, rng)]
                for size in (0.0, effect)
            )
            shares = ", ".join(f"{name} {100 * rejected(null, name):.1f} %" for name in null[0].tests)
            power = 100 * rejected(real, real[0].primary)
            print(
                f"{seeds} seeds, {'paired' if paired else 'unpaired'}. No effect, p < {ALPHA:.2f}: {shares}. "
                f"An effect of {effect:.1f} points is detected by {real[0].primary} in {power:.1f} %",
                flush=True,
            )


def rejected(comparisons: list[Comparison], name: str) -> float:
    """Share of the studies in which a test gives p < ALPHA."""
    return float(np.mean([comparison.tests[name].p < ALPHA for comparison in comparisons]))


if __name__ == "__main__":
    main()
