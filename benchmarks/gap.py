"""The gap between synthetic landmarks, for training, and rendered clips seen by MediaPipe, for testing.

    python benchmarks/gap.py [--signs 64] [--clips 48] [--signers 24] [--epochs 24] [--test-signer 200] [--model FOLDER]

Trains on the first signs of the built-in lexicon (unless --model names a trained model), renders each sign once by each of three
unseen signers, and prints top-1 and top-5 with intervals. All signing is synthetic: this is no accuracy on ASL.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TEST_SIGNERS = 3


def run_asl(*words) -> dict:
    command = [sys.executable, "-m", "asl", *map(str, words), "--format", "json", "-q"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def train(folder: Path, args: argparse.Namespace) -> Path:
    run_asl("init", folder)
    corpus = ("--signs", args.signs, "--clips", args.clips, "--signers", args.signers)
    run_asl("extract", "-w", folder, "--synthetic", *corpus, "--validation-share", 0.05, "--test-share", 0)
    recipe = ("--epochs", args.epochs, "--batch-size", 32, "--learning-rate", 0.005, "--patience", 0, "--threads", 1)
    return Path(run_asl("train-ctc", "-w", folder, *recipe, "--name", "gap")["folder"])


def test(folder: Path, model: Path, args: argparse.Namespace) -> dict:
    run_asl("init", folder)
    names = [f"synthetic-{args.test_signer + i}" for i in range(TEST_SIGNERS)]
    held_out = [word for name in names for word in ("--test-groups", name)]
    corpus = ("--signs", args.signs, "--clips", TEST_SIGNERS, "--signers", TEST_SIGNERS, "--first-signer", args.test_signer)
    metrics = run_asl("extract", "-w", folder, "--synthetic", "--video", *corpus, *held_out)["metrics"]
    print(f"{metrics['clips']} rendered clips, a hand detected in {100 * metrics['a_hand_seen']:.1f} % of the frames", flush=True)
    return run_asl("evaluate", "-w", folder, "--model", model)["results"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("signs", 64), ("clips", 48), ("signers", 24), ("epochs", 24), ("test-signer", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        model = args.model or train(Path(name) / "train", args)
        results = test(Path(name) / "test", model, args)
    for key in ("top_1", "top_5", "read_exactly"):
        value = results[key]
        print(f"{key}: {100 * value['value']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}] of {results['signs']}")
    print(f"intervals {results['intervals']}")


if __name__ == "__main__":
    main()
