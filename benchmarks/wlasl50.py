"""Fifty glosses of WLASL, in five folds by clip, beside two baselines trained in the same run.

    python benchmarks/wlasl50.py DATA/wlasl50/landmarks.npz [--train "--recipe strong"] [--seed 0]

The signers are unknown, so the folds are by clip, balanced by gloss: a signer may be in training and test, for all methods.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

import numpy as np
from comparison import report, right_on_test
from twenty import run_asl

FOLDS = 5


def folded(source: Path, target: Path) -> None:
    """Writes the clips with their fold as group. The clips of each gloss are distributed evenly, at random."""
    rng = np.random.default_rng(0)
    with np.load(source, allow_pickle=False) as arrays:
        landmarks, glosses = arrays["landmarks"], arrays["gloss"]
    fold = np.empty(len(glosses), dtype=int)
    for gloss in np.unique(glosses):
        clips = rng.permutation(np.flatnonzero(glosses == gloss))
        fold[clips] = (np.arange(len(clips)) + rng.integers(FOLDS)) % FOLDS
    np.savez(target, landmarks=landmarks, gloss=glosses, group=np.array([f"fold{number}" for number in fold]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    args = parser.parse_args()
    parts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folded(args.data, folder / "clips.npz")
        for fold in range(FOLDS):
            workspace = folder / f"fold{fold}"
            run_asl("init", str(workspace))
            split = ("--test-groups", workspace.name, "--validation-share", "0", "--drop-duplicates")
            run_asl("extract", "-w", str(workspace), "--landmarks", str(folder / "clips.npz"), *split)
            parts.append(right_on_test(workspace, shlex.split(args.train), args.seed))
    report({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


if __name__ == "__main__":
    main()
