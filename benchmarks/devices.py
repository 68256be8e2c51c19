"""Training on two processes against one with as many shards and two threads: losses and speed.

    python benchmarks/devices.py WORK [--runs 3] [--epochs 6]

Trains on synthetic signers on the CPU (gloo), in turns. Prints the largest difference of the losses, and the median seconds per
epoch of each.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path


def run_asl(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "asl", *words, "-q"], check=True, stdout=subprocess.DEVNULL)


def history(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--encoder", default="bilstm")
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    run_asl("init", str(args.work))
    run_asl("extract", "-w", str(args.work), "--synthetic", "--signs", "60", "--clips", "16", "--signers", "8")
    variants = {
        "one process, two threads": ("--accumulate", "2", "--threads", "2"),
        "one process, one thread": ("--accumulate", "2", "--threads", "1"),
        "two processes": ("--devices", "2", "--threads", "1"),
    }
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    losses: dict[str, list[float]] = {}
    for _ in range(args.runs):
        for variant, flags in variants.items():
            common = ("--epochs", str(args.epochs), "--device", "cpu", "--encoder", args.encoder, "--force", "--name", "run")
            run_asl("train-ctc", "-w", str(args.work), *common, *flags)
            epochs = history(args.work / "models" / "run")
            losses[variant] = [epoch["loss"] for epoch in epochs]
            seconds[variant] += [epoch["seconds"] for epoch in epochs[1:]]
    # Two threads add in another order, which training amplifies: losses are compared with one thread each.
    _, single, double = losses.values()
    largest = max(abs(a - b) for a, b in zip(single, double, strict=True))
    print(f"losses differ by {largest:.1e} at most, of {single[0]:.2f} to {single[-1]:.2f}")
    medians = {variant: statistics.median(values) for variant, values in seconds.items()}
    for variant, median in medians.items():
        print(f"{variant}: {median:.2f} s per epoch")
    print(f"two processes: {medians['one process, two threads'] / medians['two processes']:.2f} times as fast")


if __name__ == "__main__":
    main()
