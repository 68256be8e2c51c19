"""Whether the tests of `asl ablate` err as often as they say: simulated studies without an effect, and with a known one.

    python benchmarks/calibration.py [--studies 2000] [--seeds 5 8]

Without an effect: the share of studies in which each test gives p < 0.05; a sound one is right about 5 %, the exact test at
most that. With the effect that so many seeds "could have found": the share in which the deciding test finds it; 80 % was
promised. Scores of a pair share the seed's luck (correlation 0.5), as runs on the same clips do.
"""

import argparse
import math

import numpy as np

from asl.pipelines.studies.comparison import ALPHA, Comparison, compare, least_effect

SPREAD, SHARED = 3.0, 0.5


def studies(count: int, seeds: int, effect: float, shared: float, rng: np.random.Generator):
    """(baseline, condition) scores in percent; shared: how much of the variance is the pair's own luck."""
    for _ in range(count):
        luck = rng.normal(60, SPREAD * math.sqrt(shared), seeds)
        a, b = rng.normal(0, SPREAD * math.sqrt(1 - shared), (2, seeds))
        yield luck + a, luck + b + effect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 8])
    chosen = parser.parse_args()
    for seeds in chosen.seeds:
        for paired, shared, df in ((True, SHARED, seeds - 1), (False, 0.0, 2 * seeds - 2)):
            effect = least_effect(SPREAD * math.sqrt(2 * (1 - shared) / seeds), df)
            rng = np.random.default_rng(seeds)
            null, real = (
                [compare("a", "b", pair, paired=paired) for pair in studies(chosen.studies, seeds, size, shared, rng)]
                for size in (0.0, effect)
            )
            listed = ", ".join(f"{name} {100 * rejected(null, name):.1f} %" for name in null[0].tests)
            found = 100 * rejected(real, real[0].primary)
            print(
                f"{seeds} seeds, {'paired' if paired else 'unpaired'}. No effect, p < {ALPHA:.2f}: {listed}. "
                f"An effect of {effect:.1f} points is found by {real[0].primary} in {found:.1f} %",
                flush=True,
            )


def rejected(found: list[Comparison], name: str) -> float:
    """Share of the studies in which a test gives p < ALPHA."""
    return float(np.mean([one.tests[name].p < ALPHA for one in found]))


if __name__ == "__main__":
    main()
