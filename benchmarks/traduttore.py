"""Words of a webcam data set: train on two collectors, test on the third, each in turn, beside two baselines.

    python benchmarks/traduttore.py landmarks.npz [--seed 0] [--collectors collector-b …] [--train "--epochs 12"]

Only words (glosses of more than one character: no letters, no "-") that
the held-out collector and another one recorded are tested; the
figures come with 95 % bootstrap intervals over clips.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

import numpy as np
from comparison import report, right_on_test
from twenty import asl


def words_only(source: Path, target: Path) -> list[str]:
    """Writes the clips of words to a file of its own; returns the collectors."""
    with np.load(source, allow_pickle=False) as arrays:
        chosen = np.array([len(gloss) > 1 for gloss in arrays["gloss"]])
        kept = {key: arrays[key][chosen] for key in ("landmarks", "gloss", "collector")}
    np.savez(target, **kept)
    return sorted(set(kept["collector"].tolist()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--collectors", nargs="+", help="hold out these only")
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for collector in words_only(chosen.data, folder / "words.npz"):
            if chosen.collectors and collector not in chosen.collectors:
                continue
            workspace = folder / collector
            asl("init", str(workspace))
            source = ("--landmarks", str(folder / "words.npz"), "--test-groups", collector)
            asl("extract", "-w", str(workspace), *source, partly=True)
            report(right_on_test(workspace, shlex.split(chosen.train), chosen.seed))


if __name__ == "__main__":
    main()
