"""Frames per second of the phon36 features on one core, from landmark arrays and from .pose files.

    python benchmarks/features.py FOLDER-OF-POSE-FILES [--runs 7]

The files may be from elsewhere or from a workspace (landmarks/); the latter have all 543 points and are slower.
"""

import argparse
import statistics
import time
from pathlib import Path

from asl.models.features.feature_sets import PHON36, clip_features
from asl.pipelines.media.pose_files import read_pose

FPS = 25.0


def seconds(work) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    files = sorted(args.folder.rglob("*.pose"))
    clips = [read_pose(file) for file in files]
    frames = sum(map(len, clips))
    arrays = statistics.median(seconds(lambda: [clip_features(clip, PHON36, FPS) for clip in clips]) for _ in range(args.runs))
    with_reading = statistics.median(
        seconds(lambda: [clip_features(read_pose(file), PHON36, FPS) for file in files]) for _ in range(args.runs)
    )
    print(f"{len(files)} clips, {frames} frames, median of {args.runs} runs")
    print(f"from arrays:      {frames / arrays:9,.0f} frames/s")
    print(f"from .pose files: {frames / with_reading:9,.0f} frames/s")


if __name__ == "__main__":
    main()
