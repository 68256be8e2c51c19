"""Words of a webcam data set: train on two collectors, test on the third, each in turn.

    python benchmarks/traduttore.py landmarks.npz [--seeds 1] [--train "--epochs 12"]

Only words (glosses of more than one character: no letters, no "-") that
the held-out collector and another one recorded are tested; the
figures come with 95 % bootstrap intervals over clips.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

import numpy as np
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
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for collector in words_only(chosen.data, folder / "words.npz"):
            workspace = str(folder / collector)
            asl("init", workspace)
            asl("extract", "-w", workspace, "--landmarks", str(folder / "words.npz"), "--test-groups", collector, partly=True)
            for seed in range(chosen.seeds):
                made = asl("train-ctc", "-w", workspace, "--seed", str(seed), *shlex.split(chosen.train))["metrics"]
                found = asl("evaluate", "-w", workspace, "--force")["results"]
                top = found["top_1"]
                print(
                    f"{collector}: {found['signs']} test clips of {len(found['by_gloss'])} words, {made['train_clips']} to train "
                    f"({made['seconds']:.0f} s), seed {seed}: top-1 {100 * top['value']:.1f} % "
                    f"[{100 * top['low']:.1f}, {100 * top['high']:.1f}], top-5 {100 * found['top_5']['value']:.1f} %",
                    flush=True,
                )


if __name__ == "__main__":
    main()
