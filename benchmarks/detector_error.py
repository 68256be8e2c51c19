"""How MediaPipe misjudges what it sees, feature by feature, where the truth is known: on rendered synthetic clips.

    asl extract -w WORKSPACE --synthetic --video --clips 3 --signers 3 --first-signer 100
    python benchmarks/detector_error.py WORKSPACE

For each of phon36: correlation and slope of what MediaPipe gives against the truth, and the residual; beside it the same for
the detector model of pipelines/synthetic/noise.py, which should look alike.
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
    *(f"{what} {side} {axis}" for what in ("location", "palm", "velocity") for side in ("left", "right") for axis in "xyz"),
    *(f"acceleration {axis}" for axis in "xyz"),
    *(f"eye line {axis}" for axis in "xyz"), "mouth", "brows",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    folder = parser.parse_args().workspace
    truth, found, model = (np.concatenate(parts) for parts in zip(*features(folder), strict=True))
    print(f"{len(truth)} frames           MediaPipe: r  slope  residual   model: r  slope  residual   sd of the truth")
    for i, name in enumerate(NAMES):
        one, other = fit(truth[:, i], found[:, i]), fit(truth[:, i], model[:, i])
        print(f"{name:18} {one[0]:14.2f} {one[1]:6.2f} {one[2]:9.2f} {other[0]:10.2f} {other[1]:6.2f} {other[2]:9.2f} "
              f"{np.nanstd(truth[:, i]):17.2f}")  # fmt: skip


def features(folder: Path):
    """Each rendered clip's (truth, MediaPipe, model), (T, 36) each."""
    phon36 = FEATURE_SETS["phon36"]
    for clip in read_clips(folder / "clips.jsonl"):
        signer, name = clip.name.split("/")
        gloss, take = name.rsplit("-", 1)
        number = int(signer.removeprefix("synthetic-"))
        recipe = performances.Recipe("everyday", 0, gloss, int(take), number, 0, clip.fps, False)
        exact = performances.landmarks(recipe)
        found = read_pose(folder / clip.pose)
        if gloss == "sentence" or len(exact) != len(found):
            continue
        three = (exact, found, performances.landmarks(replace(recipe, noise=True)))
        yield tuple(clip_features(one, phon36, 25.0)[0] for one in three)


def fit(truth: np.ndarray, found: np.ndarray) -> tuple[float, float, float]:
    """Correlation, slope and standard deviation of the residual, over what both have."""
    both = np.isfinite(truth) & np.isfinite(found)
    x, y = truth[both], found[both]
    slope, start = np.polyfit(x, y, 1)
    return float(np.corrcoef(x, y)[0, 1]), float(slope), float((y - slope * x - start).std())


if __name__ == "__main__":
    main()
