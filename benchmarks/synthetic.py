"""The synthetic signer: speed of making it, and how well MediaPipe detects it.

    python benchmarks/synthetic.py speed [--runs 5]
    python benchmarks/synthetic.py seen [--signers 100 101 102] [--every 1]

speed: landmarks per second on one core (median of several runs over the built-in lexicon and sentences, with detector noise), and
pictures per second at 384×384 on all cores. seen: renders every sign of the built-in lexicon by each signer, runs MediaPipe
Holistic, and compares its landmarks with the truth; errors are in shoulder widths, in the picture plane.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median

import numpy as np

from asl.models.features.holistic import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST
from asl.pipelines.synthetic import performances, skeleton
from asl.pipelines.synthetic.lexicon import everyday_signs

FPS = 25.0
TIPS = [4, 8, 12, 16, 20]


def recipe(gloss: str, signer: int, take: int = 0, noise: bool = True) -> performances.Recipe:
    return performances.Recipe("everyday", 0, gloss, take, signer, 0, FPS, noise)


def landmark_speed() -> float:
    """Frames per second on one core."""
    recipes = [recipe(sign.gloss, 1) for sign in everyday_signs()] + [recipe("", 1, take) for take in range(20)]
    clock, frames = time.perf_counter(), 0
    for performance in recipes:
        frames += len(performances.landmarks(performance))
    return frames / (time.perf_counter() - clock)


def render_speed(signer: int) -> tuple[int, float]:
    """Frames and seconds of rendering some signs, without encoding."""
    from asl.pipelines.synthetic.picture import Painter

    performed = [performances.perform(recipe(sign.gloss, signer, noise=False)) for sign in everyday_signs()[::10]]
    painter = Painter(performed[0].signer)
    painter.picture(skeleton.body_of(performed[0].tracks, performed[0].signer), 0)
    clock, frames = time.perf_counter(), 0
    for performance in performed:
        frames += sum(1 for _ in painter.pictures(skeleton.body_of(performance.tracks, performance.signer)))
    return frames, time.perf_counter() - clock


def speed(runs: int) -> None:
    landmark_speed()
    rates = [landmark_speed() for _ in range(runs)]
    print(f"landmarks: {median(rates):,.0f} frames/s on one core (median of {runs}; {min(rates):,.0f} to {max(rates):,.0f})")
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        totals = []
        for _ in range(runs):
            parts = list(pool.map(render_speed, range(cores)))
            totals.append(sum(frames for frames, _ in parts) / max(seconds for _, seconds in parts))
    print(f"rendering 384×384: {median(totals):.1f} frames/s on {cores} cores (median of {runs})")


@dataclass
class Detection:
    """MediaPipe's landmarks of one clip. Counts of frames; errors (frames, points) of the moving hand, in shoulder widths."""

    gloss: str
    signer: int
    two_handed: bool
    frames: int
    pose: int
    face: int
    moving: int
    both: int
    wrist: np.ndarray
    pose_wrist: np.ndarray
    tips: np.ndarray


_extractor = None


def start() -> None:
    global _extractor
    from asl.pipelines.media.tracker.extraction import Extractor
    from asl.pipelines.workspace.settings.clips import LandmarkSettings

    _extractor = Extractor(LandmarkSettings())


def detect(job: tuple[str, int]) -> Detection:
    """Renders a sign (gloss, signer) and runs MediaPipe on it."""
    from asl.pipelines.media.video import Frame
    from asl.pipelines.synthetic.picture import Painter

    gloss, number = job
    sign = recipe(gloss, number, noise=False)
    performance = performances.perform(sign)
    signer = performance.signer
    pictures = Painter(signer).pictures(skeleton.body_of(performance.tracks, signer))
    detected = _extractor.extract(Frame(i / FPS, picture) for i, picture in enumerate(pictures)).landmarks
    truth = performances.project(performance, sign)
    errors = np.linalg.norm((detected.points - truth)[..., :2], axis=-1) / signer.camera.zoom
    right = signer.right_handed
    hand, wrist = (RIGHT_HAND, RIGHT_WRIST) if right else (LEFT_HAND, LEFT_WRIST)
    present, two_handed = detected.present, performance.words[0].signs[0].two_handed
    return Detection(
        gloss, number, two_handed, len(detected), int(present[:, 0].sum()), int(present[:, 1].sum()),
        int(present[:, 2 + right].sum()), int(present[:, 2:].all(axis=1).sum()), errors[:, hand.start], errors[:, wrist],
        errors[:, [hand.start + tip for tip in TIPS]],
    )  # fmt: skip


def seen(signers: list[int], every: int) -> None:
    jobs = [(sign.gloss, number) for sign in everyday_signs()[::every] for number in signers]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn"), start) as pool:
        rows = list(pool.map(detect, jobs))
    two_handed = [row for row in rows if row.two_handed]
    frames = sum(row.frames for row in rows)
    print(f"{len(rows)} clips, {frames} frames, signers {signers}")
    print(f"pose detected in {share(rows, 'pose'):.2f} % of the frames, face in {share(rows, 'face'):.2f} %")
    print(
        f"the moving hand in {share(rows, 'moving'):.2f} %, both hands of two-handed signs in {share(two_handed, 'both'):.2f} %"
    )
    for name, attribute in (("hand's wrist", "wrist"), ("body's wrist", "pose_wrist"), ("fingertips", "tips")):
        errors = np.concatenate([getattr(row, attribute).ravel() for row in rows])
        print(f"median error of the {name}: {np.nanmedian(errors):.3f}")
    worst = sorted(rows, key=lambda row: row.moving / row.frames)[:8]
    print(
        "moving hand least often detected: "
        + ", ".join(f"{row.gloss} ({row.signer}) {100 * row.moving / row.frames:.0f} %" for row in worst)
    )
    worst = sorted(two_handed, key=lambda row: row.both / row.frames)[:8]
    print(
        "both hands least often detected: "
        + ", ".join(f"{row.gloss} ({row.signer}) {100 * row.both / row.frames:.0f} %" for row in worst)
    )


def share(rows: list[Detection], part: str) -> float:
    """Percent of the frames."""
    return 100 * sum(getattr(row, part) for row in rows) / sum(row.frames for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=("speed", "seen"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--signers", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    speed(args.runs) if args.measure == "speed" else seen(args.signers, args.every)


if __name__ == "__main__":
    main()
