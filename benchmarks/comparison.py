"""Held-out clips of one sign: a trained model beside the baselines, clip by clip, with intervals."""

from pathlib import Path

import numpy as np
from baselines import BASELINES, right_by_baseline
from twenty import asl

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.recogniser.measures import bootstrap_mean

OURS = "asl"


def right_on_test(workspace: Path, train: list[str], seed: int = 0) -> dict[str, np.ndarray]:
    """Trains on the train split with `asl train-ctc` and with each baseline; method → (clips,) 1 where top-1 is right.

    Every method is tested on the same clips: those of glosses that were trained on.
    """
    made = asl("train-ctc", "-w", str(workspace), "--seed", str(seed), *train)["metrics"]
    found = asl("evaluate", "-w", str(workspace), "--force")["results"]
    clips = read_clips(workspace / "clips.jsonl")
    learned = [clip for clip in clips if clip.split == "train" and len(clip.glosses) == 1]
    ours = {row["name"]: row for row in found["clips"]}
    test = [clip for clip in clips if clip.split == "test" and clip.name in ours]
    right = {OURS: np.array([ours[clip.name]["rank"] == 1 for clip in test], dtype=float)}
    right |= {"top-5": np.array([ours[clip.name]["rank"] <= 5 for clip in test], dtype=float)}
    right |= {name: right_by_baseline(name, workspace, learned, test, seed) for name in BASELINES}
    print(f"{workspace.name}: {len(test)} clips, {len(learned)} to train, {made['seconds']:.0f} s; " + summary(right), flush=True)
    return right


def summary(right: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {100 * values.mean():.1f} %" for name, values in right.items())


def report(right: dict[str, np.ndarray]) -> None:
    """Each method's top-1 with its interval, and how far we are ahead of each baseline, paired over clips."""
    for name, values in right.items():
        one = bootstrap_mean(values)
        print(f"{name:10} {100 * one.value:.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}] of {len(values)}")
    for name in BASELINES:
        one = bootstrap_mean(right[OURS] - right[name])
        print(f"ahead of {name} by {100 * one.value:+.1f} points [{100 * one.low:+.1f}, {100 * one.high:+.1f}]")
