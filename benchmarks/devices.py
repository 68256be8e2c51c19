"""Two processes that train together against one with as many shards and two threads: the same losses, and how fast.

    python benchmarks/devices.py WORK [--runs 3] [--epochs 6]

Trains on synthetic signers on the CPU (gloo), taking turns. Prints the largest difference of the epochs' losses and the
median seconds an epoch of both.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path


def asl(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "asl", *words, "-q"], check=True, stdout=subprocess.DEVNULL)


def history(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--encoder", default="bilstm")
    chosen = parser.parse_args()
    shutil.rmtree(chosen.work, ignore_errors=True)
    asl("init", str(chosen.work))
    asl("extract", "-w", str(chosen.work), "--synthetic", "--signs", "60", "--clips", "16", "--signers", "8")
    ways = {
        "one process, two threads": ("--accumulate", "2", "--threads", "2"),
        "one process, one thread": ("--accumulate", "2", "--threads", "1"),
        "two processes": ("--devices", "2", "--threads", "1"),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    losses: dict[str, list[float]] = {}
    for _ in range(chosen.runs):
        for way, words in ways.items():
            common = ("--epochs", str(chosen.epochs), "--device", "cpu", "--encoder", chosen.encoder, "--force", "--name", "run")
            asl("train-ctc", "-w", str(chosen.work), *common, *words)
            epochs = history(chosen.work / "models" / "run")
            losses[way] = [one["loss"] for one in epochs]
            seconds[way] += [one["seconds"] for one in epochs[1:]]
    # Two threads add up in another order, which training then amplifies: losses are compared at one thread each.
    _, one, two = losses.values()
    print(
        f"losses differ by {max(abs(a - b) for a, b in zip(one, two, strict=True)):.1e} at most, of {one[0]:.2f} to {one[-1]:.2f}"
    )
    medians = {way: statistics.median(own) for way, own in seconds.items()}
    for way, median in medians.items():
        print(f"{way}: {median:.2f} s an epoch")
    print(f"two processes: {medians['one process, two threads'] / medians['two processes']:.2f} times as fast")


if __name__ == "__main__":
    main()
