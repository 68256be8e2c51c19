"""Errors of MediaPipe, feature by feature, on rendered synthetic clips, for which the truth is known.

    asl extract -w WORKSPACE --synthetic --video --clips 3 --signers 3 --first-signer 100
    python benchmarks/detector_error.py WORKSPACE

For each feature of phon36, prints correlation and slope of MediaPipe's values against the truth, and the residual; beside them
the same for the detector model of pipelines/synthetic/noise.py, which should be similar.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS, clip_features
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.synthetic import performances

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
NAMES = [
    *(f"{side} {finger}" for side in ("left", "right") for finger in FINGERS),
    *(f"{feature} {side} {axis}" for feature in ("location", "palm", "velocity") for side in ("left", "right") for axis in "xyz"),
    *(f"acceleration {axis}" for axis in "xyz"),
    *(f"eye line {axis}" for axis in "xyz"), "mouth", "brows",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    folder = parser.parse_args().workspace
    truth, tracked, simulated = (np.concatenate(parts) for parts in zip(*features(folder), strict=True))
    print(f"{len(truth)} frames           MediaPipe: r  slope  residual   model: r  slope  residual   sd of the truth")
    for i, name in enumerate(NAMES):
        a, b = fit(truth[:, i], tracked[:, i]), fit(truth[:, i], simulated[:, i])
        print(f"{name:18} {a[0]:14.2f} {a[1]:6.2f} {a[2]:9.2f} {b[0]:10.2f} {b[1]:6.2f} {b[2]:9.2f} "
              f"{np.nanstd(truth[:, i]):17.2f}")  # fmt: skip


def features(folder: Path):
    """Yields (truth, MediaPipe, detector model) of each rendered clip, (T, 36) each."""
    phon36 = FEATURE_SETS["phon36"]
    for clip in read_clips(folder / "clips.jsonl"):
        signer, name = clip.name.split("/")
        gloss, take = name.rsplit("-", 1)
        number = int(signer.removeprefix("synthetic-"))
        recipe = performances.Recipe("everyday", 0, gloss, int(take), number, 0, clip.fps, False)
        exact = performances.landmarks(recipe)
        tracked = read_pose(folder / clip.pose)
        if gloss == "sentence" or len(exact) != len(tracked):
            continue
        versions = (exact, tracked, performances.landmarks(replace(recipe, noise=True)))
        yield tuple(clip_features(landmarks, phon36, 25.0)[0] for landmarks in versions)


def fit(truth: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Correlation, slope and standard deviation of the residual, over the frames in which both are present."""
    both = np.isfinite(truth) & np.isfinite(values)
    x, y = truth[both], values[both]
    slope, intercept = np.polyfit(x, y, 1)
    return float(np.corrcoef(x, y)[0, 1]), float(slope), float((y - slope * x - intercept).std())


if __name__ == "__main__":
    main()
