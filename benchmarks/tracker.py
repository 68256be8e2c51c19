"""Agreement of asl's tracker with MediaPipe, beside MediaPipe's own jitter: its results on the clip moved by one pixel.

python benchmarks/tracker.py FOLDER_OF_VIDEOS [--every 1]

Distances are in pixels. Presence is the share of frames in which both find a part, or neither does. The last figure
is the share of clips of one sign (in folders called `words`) that the shipped model reads as the same gloss. Needs
pip install "asl[mediapipe]".
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

import asl
from asl.models.features.holistic import COMPONENTS, Landmarks
from asl.pipelines.media.tracker.extraction import open_tracker
from asl.pipelines.media.video import frames, probe
from asl.pipelines.workspace.settings.clips import LandmarkSettings

SUFFIXES = (".mp4", ".webm", ".mov")


def moved(picture: np.ndarray) -> np.ndarray:
    """The picture one pixel to the right, its left column doubled."""
    return np.ascontiguousarray(np.concatenate([picture[:, :1], picture[:, :-1]], axis=1))


def gloss(recogniser: asl.Recogniser, points: np.ndarray, fps: float, picture: np.ndarray) -> str:
    """The gloss of a clip of one sign; "" if the clip cannot be used."""
    height, width = picture.shape[:2]
    try:
        tokens = recogniser.translate(Landmarks(points.astype(np.float32), fps, width / height, width), isolated=True).tokens
    except asl.BadClip:
        return ""
    return tokens[0].gloss if tokens else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every N-th clip")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix in SUFFIXES)[:: arguments.every]
    if not paths:
        parser.error(f"there are no videos ({', '.join(SUFFIXES)}) in {arguments.folder}")
    trackers = {"asl": open_tracker(LandmarkSettings()), "mediapipe": open_tracker(LandmarkSettings(tracker="mediapipe"))}
    distances, presences, seconds = defaultdict(list), defaultdict(list), defaultdict(float)
    recogniser, same = asl.load("shipped"), defaultdict(list)
    count = 0
    for path in paths:
        pictures = [frame.picture for frame in frames(path, max_side=LandmarkSettings().max_side)]
        results = {}
        for label, name in (("asl", "asl"), ("reference", "mediapipe"), ("jitter", "mediapipe")):
            tracker = trackers[name]
            tracker.reset()
            shown = [moved(picture) for picture in pictures] if label == "jitter" else pictures
            started = time.process_time()
            results[label] = np.stack([tracker.track(picture).points for picture in shown])
            seconds[label] += time.process_time() - started
        width = pictures[0].shape[1]
        results["jitter"][..., 0] -= 1 / width
        count += len(pictures)
        if path.parent.name == "words":
            read = {label: gloss(recogniser, points, probe(path).fps, pictures[0]) for label, points in results.items()}
            for label in ("asl", "jitter"):
                same[label].append(read[label] == read["reference"])
        for part, points in COMPONENTS.items():
            seen = {label: np.isfinite(result[:, points, 0]).any(axis=1) for label, result in results.items()}
            for label in ("asl", "jitter"):
                both = seen[label] & seen["reference"]
                difference = (results[label] - results["reference"])[both][:, points, :2]
                distances[part, label].append(width * np.linalg.norm(difference, axis=-1).ravel())
                presences[part, label].append(seen[label] == seen["reference"])
    for tracker in trackers.values():
        tracker.close()
    print(f"{len(paths)} clips, {count} frames; CPU per frame: " + ", ".join(
        f"{label} {1000 * seconds[label] / count:.1f} ms" for label in ("asl", "reference")
    ))  # fmt: skip
    for part in COMPONENTS:
        for label in ("asl", "jitter"):
            pixels = np.concatenate(distances[part, label])
            print(
                f"{part:11} {label:7} median {np.median(pixels):.3f} px, p95 {np.percentile(pixels, 95):.3f} px, "
                f"presence equal in {100 * np.concatenate(presences[part, label]).mean():.2f} % of frames"
            )
    for label, equal in same.items():
        print(f"{label:7} the same gloss as the reference in {100 * np.mean(equal):.1f} % of {len(equal)} clips")


if __name__ == "__main__":
    main()
