"""Words of a webcam data set: trains on two collectors and tests on the third, each in turn, beside two baselines.

    python benchmarks/traduttore.py landmarks.npz [--seed 0] [--collectors collector-b …] [--train "--epochs 12"]

Only words are tested (glosses of more than one character: no letters, no "-") that both the held-out collector and another one
recorded. Figures have 95 % bootstrap intervals over clips.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

import numpy as np
from comparison import report, right_on_test
from twenty import run_asl


def words_only(source: Path, target: Path) -> list[str]:
    """Writes the clips of words to a file. Returns the collectors."""
    with np.load(source, allow_pickle=False) as arrays:
        is_word = np.array([len(gloss) > 1 for gloss in arrays["gloss"]])
        words = {key: arrays[key][is_word] for key in ("landmarks", "gloss", "collector")}
    np.savez(target, **words)
    return sorted(set(words["collector"].tolist()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--collectors", nargs="+", help="hold out only these")
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for collector in words_only(args.data, folder / "words.npz"):
            if args.collectors and collector not in args.collectors:
                continue
            workspace = folder / collector
            run_asl("init", str(workspace))
            source = ("--landmarks", str(folder / "words.npz"), "--test-groups", collector)
            run_asl("extract", "-w", str(workspace), *source, partly=True)
            report(right_on_test(workspace, shlex.split(args.train), args.seed))


if __name__ == "__main__":
    main()
