"""Compares a trained model with the baselines on held-out clips of single signs, paired by clip, with intervals over clips.

The held-out clips are of one collector, or of unknown signers: there are no groups to resample.
"""

from pathlib import Path

import numpy as np
from baselines import BASELINES, right_by_baseline
from twenty import run_asl

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.recogniser.intervals import bootstrap_mean

ASL = "asl"


def right_on_test(workspace: Path, train: list[str], seed: int = 0) -> dict[str, np.ndarray]:
    """Trains `asl train-ctc` and each baseline on the train split. Returns method → (clips,) 1 where top-1 is right.

    All methods are tested on the same clips: those whose glosses are in the training data.
    """
    metrics = run_asl("train-ctc", "-w", str(workspace), "--seed", str(seed), *train)["metrics"]
    results = run_asl("evaluate", "-w", str(workspace), "--force")["results"]
    clips = read_clips(workspace / "clips.jsonl")
    train_clips = [clip for clip in clips if clip.split == "train" and len(clip.glosses) == 1]
    ranks = {row["name"]: row["rank"] for row in results["clips"]}
    test = [clip for clip in clips if clip.split == "test" and clip.name in ranks]
    right = {ASL: np.array([ranks[clip.name] == 1 for clip in test], dtype=float)}
    right |= {"top-5": np.array([ranks[clip.name] <= 5 for clip in test], dtype=float)}
    right |= {name: right_by_baseline(name, workspace, train_clips, test, seed) for name in BASELINES}
    counts = f"{len(test)} test clips, {len(train_clips)} training clips, {metrics['seconds']:.0f} s"
    print(f"{workspace.name}: {counts}; {summary(right)}", flush=True)
    return right


def summary(right: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {100 * values.mean():.1f} %" for name, values in right.items())


def report(right: dict[str, np.ndarray]) -> None:
    """Prints top-1 of each method, and the difference of asl to each baseline, paired by clip, with intervals."""
    for name, values in right.items():
        mean = bootstrap_mean(values)
        print(f"{name:10} {100 * mean.value:.1f} % [{100 * mean.low:.1f}, {100 * mean.high:.1f}] of {len(values)}")
    for name in BASELINES:
        difference = bootstrap_mean(right[ASL] - right[name])
        low, high = 100 * difference.low, 100 * difference.high
        print(f"{ASL} minus {name}: {100 * difference.value:+.1f} points [{low:+.1f}, {high:+.1f}]")
