"""Across the gap: trained on synthetic landmarks alone, tested on rendered clips that MediaPipe has looked at.

    python benchmarks/gap.py [--signs 64] [--clips 48] [--signers 24] [--epochs 24] [--test-signer 200] [--model FOLDER]

Trains on the first signs of the built-in lexicon (unless --model names a trained model), renders each sign once by each of
three signers that were not trained on, and prints top-1 and top-5 with their intervals. Synthetic: no accuracy on ASL.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TEST_SIGNERS = 3


def asl(*words) -> dict:
    command = [sys.executable, "-m", "asl", *map(str, words), "--format", "json", "-q"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def train(folder: Path, chosen: argparse.Namespace) -> Path:
    asl("init", folder)
    corpus = ("--signs", chosen.signs, "--clips", chosen.clips, "--signers", chosen.signers)
    asl("extract", "-w", folder, "--synthetic", *corpus, "--validation-share", 0.05, "--test-share", 0)
    recipe = ("--epochs", chosen.epochs, "--batch-size", 32, "--learning-rate", 0.005, "--patience", 0, "--threads", 1)
    return Path(asl("train-ctc", "-w", folder, *recipe, "--name", "gap")["folder"])


def test(folder: Path, model: Path, chosen: argparse.Namespace) -> dict:
    asl("init", folder)
    names = [f"synthetic-{chosen.test_signer + i}" for i in range(TEST_SIGNERS)]
    held = [word for name in names for word in ("--test-groups", name)]
    corpus = ("--signs", chosen.signs, "--clips", TEST_SIGNERS, "--signers", TEST_SIGNERS, "--first-signer", chosen.test_signer)
    seen = asl("extract", "-w", folder, "--synthetic", "--video", *corpus, *held)["metrics"]
    print(f"{seen['clips']} rendered clips, a hand seen in {100 * seen['a_hand_seen']:.1f} % of the frames", flush=True)
    return asl("evaluate", "-w", folder, "--model", model)["results"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("signs", 64), ("clips", 48), ("signers", 24), ("epochs", 24), ("test-signer", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        model = chosen.model or train(Path(name) / "train", chosen)
        found = test(Path(name) / "test", model, chosen)
    for key in ("top_1", "top_5", "read_exactly"):
        value = found[key]
        print(f"{key}: {100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}] of {found['signs']}")


if __name__ == "__main__":
    main()
