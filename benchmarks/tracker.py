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
from asl.pipelines.media.tracker.frame import FrameTracker
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


class Agreement:
    """What two trackers of a frame agree on, added up over clips: `label` is compared with the reference."""

    def __init__(self, label: str):
        self.label = label
        self.distances, self.presences, self.glosses = defaultdict(list), defaultdict(list), []

    def add(self, points: np.ndarray, reference: np.ndarray, width: int) -> None:
        """points, reference: (T, 543, 3) in image widths; width: of the picture, pixels."""
        for part, rows in COMPONENTS.items():
            seen, expected = (np.isfinite(values[:, rows, 0]).any(axis=1) for values in (points, reference))
            both = seen & expected
            difference = (points - reference)[both][:, rows, :2]
            self.distances[part].append(width * np.linalg.norm(difference, axis=-1).ravel())
            self.presences[part].append(seen == expected)

    def report(self) -> None:
        for part in COMPONENTS:
            median, p95 = np.percentile(np.concatenate(self.distances[part]), (50, 95))
            same = 100 * np.concatenate(self.presences[part]).mean()
            print(f"{self.label:7} {part:11} median {median:.3f} px, p95 {p95:.3f} px, presence equal in {same:.2f} % of frames")
        if self.glosses:
            same = 100 * np.mean(self.glosses)
            print(f"{self.label:7} the same gloss as the reference in {same:.1f} % of {len(self.glosses)} clips")


def tracked(tracker: FrameTracker, pictures: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """(T, 543, 3) points of a clip, and the seconds of CPU that they took."""
    tracker.reset()
    started = time.process_time()
    return np.stack([tracker.track(picture).points for picture in pictures]), time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every N-th clip")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix in SUFFIXES)[:: arguments.every]
    if not paths:
        parser.error(f"there are no videos ({', '.join(SUFFIXES)}) in {arguments.folder}")
    ours, mediapipe = open_tracker(LandmarkSettings()), open_tracker(LandmarkSettings(tracker="mediapipe"))
    recogniser, agreements = asl.load("shipped"), (Agreement("asl"), Agreement("jitter"))
    count, our_seconds, its_seconds = 0, 0.0, 0.0
    for path in paths:
        pictures = [frame.picture for frame in frames(path, max_side=LandmarkSettings().max_side)]
        width = pictures[0].shape[1]
        points, seconds = tracked(ours, pictures)
        reference, seconds_of_reference = tracked(mediapipe, pictures)
        jitter, _ = tracked(mediapipe, [moved(picture) for picture in pictures])
        jitter[..., 0] -= 1 / width
        count, our_seconds, its_seconds = count + len(pictures), our_seconds + seconds, its_seconds + seconds_of_reference
        for agreement, values in zip(agreements, (points, jitter), strict=True):
            agreement.add(values, reference, width)
            if path.parent.name == "words":
                read, expected = (gloss(recogniser, each, probe(path).fps, pictures[0]) for each in (values, reference))
                agreement.glosses.append(read == expected)
    mediapipe.close()
    per_frame = f"asl {1000 * our_seconds / count:.1f} ms, reference {1000 * its_seconds / count:.1f} ms"
    print(f"{len(paths)} clips, {count} frames; CPU per frame: {per_frame}")
    for agreement in agreements:
        agreement.report()


if __name__ == "__main__":
    main()
