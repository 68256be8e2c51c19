"""The code version of every step, and the steps that each one reads from.

If you change what a step computes, raise its version here. The fingerprint of a stage takes in the version of its step and of all
steps that this one reads from, directly or not, so that a change of the features makes a model stale, and its evaluation.
"""

from collections.abc import Mapping
from typing import Any

#: The version of each step's code. A step with golden outputs (tests/golden) fails its test if they move and this does not.
VERSIONS = {
    "tracker": 3,
    "synthetic": 2,
    "landmarks": 1,  # of sources that are landmarks already: how they are read
    "extract": 2,  # which clips there are, their labels and splits
    "features": 2,
    "pretrain": 4,
    "train-ctc": 6,
    "decode": 2,
    "build-fst": 4,
    "train-stage3": 3,
    "evaluate": 4,
    "experiment": 3,
    "ablate": 3,
    "scale": 3,
    "modalities": 3,
    "export": 3,
}

#: The steps that each step reads from in any case. What only some runs read from, such as a cascade, is added by their plan.
READS_FROM = {
    "tracker": (),
    "synthetic": (),
    "landmarks": (),
    "extract": ("tracker", "synthetic", "landmarks"),
    "features": ("extract",),
    "pretrain": ("features",),
    "train-ctc": ("features",),
    "decode": (),
    "build-fst": ("train-ctc", "decode"),
    "train-stage3": ("build-fst",),
    "evaluate": ("train-ctc", "decode"),
    "experiment": ("train-ctc",),
    "ablate": ("experiment", "evaluate"),
    "scale": ("experiment", "evaluate"),
    "modalities": ("experiment", "evaluate"),
    "export": ("train-ctc", "decode"),
}


def versions_of(*steps: str) -> dict[str, int]:
    """The versions of these steps and of all that they read from, by step, in the order of VERSIONS."""
    reached, waiting = set(), list(steps)
    while waiting:
        step = waiting.pop()
        if step not in reached:
            reached.add(step)
            waiting += READS_FROM[step]
    return {step: version for step, version in VERSIONS.items() if step in reached}


def recorded_versions(record: Mapping[str, Any], stage: str) -> dict[str, int]:
    """The versions in a stage's record, by step. Earlier versions of asl recorded a single number, that of the stage itself."""
    code = record.get("code")
    return dict(code) if isinstance(code, Mapping) else {} if code is None else {stage: code}


def version_changes(recorded: Mapping[str, int], current: Mapping[str, int]) -> list[str]:
    """What differs between two sets of versions, in words, such as "features: code version 3 → 4"; [] if nothing does."""
    common = [step for step in current if step in recorded]
    changes = [f"{step}: code version {recorded[step]} → {current[step]}" for step in common if recorded[step] != current[step]]
    if unrecorded := [step for step in current if step not in recorded]:
        changes.append(f"recorded without the code version of {', '.join(unrecorded)}")
    return changes + [f"{step} has no effect on it any more" for step in recorded if step not in current]


def changes_since(record: Mapping[str, Any], stage: str) -> list[str]:
    """What has changed in the code since a stage was recorded: in the steps that it read from, and what they read from now."""
    recorded = recorded_versions(record, stage)
    return version_changes(recorded, versions_of(*(step for step in recorded if step in VERSIONS)))
