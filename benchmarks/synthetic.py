"""The synthetic signer: how fast it is made, and how well MediaPipe follows it.

    python benchmarks/synthetic.py speed [--runs 5]
    python benchmarks/synthetic.py seen [--signers 100 101 102] [--every 1]

speed: landmarks a second on one core (median of several runs over the built-in lexicon and sentences, detector noise
included), and pictures a second at 384×384 on all cores. seen: renders every sign of the built-in lexicon by each signer,
runs MediaPipe Holistic, and compares what it found with the truth; errors in shoulder widths, in the picture plane.
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
from asl.pipelines.synthetic.lexicon import everyday

FPS = 25.0
TIPS = [4, 8, 12, 16, 20]


def recipe(gloss: str, signer: int, take: int = 0, noise: bool = True) -> performances.Recipe:
    return performances.Recipe("everyday", 0, gloss, take, signer, 0, FPS, noise)


def landmark_speed() -> float:
    """Frames a second on this core."""
    recipes = [recipe(sign.gloss, 1) for sign in everyday()] + [recipe("", 1, take) for take in range(20)]
    clock, frames = time.perf_counter(), 0
    for one in recipes:
        frames += len(performances.landmarks(one))
    return frames / (time.perf_counter() - clock)


def render_speed(signer: int) -> tuple[int, float]:
    """Frames and seconds of some signs, rendered without encoding."""
    from asl.pipelines.synthetic.picture import Painter

    jobs = [performances.perform(recipe(sign.gloss, signer, noise=False)) for sign in everyday()[::10]]
    painter = Painter(jobs[0].signer)
    painter.picture(skeleton.body_of(jobs[0].tracks, jobs[0].signer), 0)
    clock, frames = time.perf_counter(), 0
    for done in jobs:
        frames += sum(1 for _ in painter.pictures(skeleton.body_of(done.tracks, done.signer)))
    return frames, time.perf_counter() - clock


def speed(runs: int) -> None:
    landmark_speed()
    found = [landmark_speed() for _ in range(runs)]
    print(f"landmarks: {median(found):,.0f} frames/s on one core (median of {runs}; {min(found):,.0f} to {max(found):,.0f})")
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn")) as pool:
        totals = []
        for _ in range(runs):
            parts = list(pool.map(render_speed, range(cores)))
            totals.append(sum(frames for frames, _ in parts) / max(seconds for _, seconds in parts))
    print(f"rendering 384×384: {median(totals):.1f} frames/s on {cores} cores (median of {runs})")


@dataclass
class Seen:
    """What MediaPipe made of one clip. Counts of frames; errors (frames, points) of the moving hand, shoulder widths."""

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
    from asl.pipelines.media.tracker import Extractor
    from asl.pipelines.workspace.settings.clips import LandmarkSettings

    _extractor = Extractor(LandmarkSettings())


def look(job: tuple[str, int]) -> Seen:
    from asl.pipelines.media.video import Frame
    from asl.pipelines.synthetic.picture import Painter

    gloss, number = job
    one = recipe(gloss, number, noise=False)
    done = performances.perform(one)
    pictures = Painter(done.signer).pictures(skeleton.body_of(done.tracks, done.signer))
    found = _extractor.extract(Frame(i / FPS, picture) for i, picture in enumerate(pictures)).landmarks
    truth = performances.projected(done, one)
    away = np.linalg.norm((found.points - truth)[..., :2], axis=-1) / done.signer.camera.zoom
    right = done.signer.right_handed
    hand, wrist = (RIGHT_HAND, RIGHT_WRIST) if right else (LEFT_HAND, LEFT_WRIST)
    present = found.present
    return Seen(
        gloss, number, done.words[0].signs[0].two_handed, len(found), int(present[:, 0].sum()), int(present[:, 1].sum()),
        int(present[:, 2 + right].sum()), int(present[:, 2:].all(axis=1).sum()), away[:, hand.start], away[:, wrist],
        away[:, [hand.start + tip for tip in TIPS]],
    )  # fmt: skip


def seen(signers: list[int], every: int) -> None:
    jobs = [(sign.gloss, number) for sign in everyday()[::every] for number in signers]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("spawn"), start) as pool:
        rows = list(pool.map(look, jobs))
    two = [row for row in rows if row.two_handed]
    frames = sum(row.frames for row in rows)
    print(f"{len(rows)} clips, {frames} frames, signers {signers}")
    print(f"pose found in {share(rows, 'pose'):.2f} % of the frames, face in {share(rows, 'face'):.2f} %")
    print(f"the moving hand in {share(rows, 'moving'):.2f} %, both hands of two-handed signs in {share(two, 'both'):.2f} %")
    for name, attribute in (("hand's wrist", "wrist"), ("body's wrist", "pose_wrist"), ("fingertips", "tips")):
        print(
            f"median error of the {name}: {np.nanmedian(np.concatenate([getattr(row, attribute).ravel() for row in rows])):.3f}"
        )
    worst = sorted(rows, key=lambda row: row.moving / row.frames)[:8]
    print(
        "moving hand least seen: "
        + ", ".join(f"{row.gloss} ({row.signer}) {100 * row.moving / row.frames:.0f} %" for row in worst)
    )
    worst = sorted(two, key=lambda row: row.both / row.frames)[:8]
    print(
        "both hands least seen: " + ", ".join(f"{row.gloss} ({row.signer}) {100 * row.both / row.frames:.0f} %" for row in worst)
    )


def share(rows: list[Seen], what: str) -> float:
    return 100 * sum(getattr(row, what) for row in rows) / sum(row.frames for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "seen"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--signers", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--every", type=int, default=1)
    chosen = parser.parse_args()
    speed(chosen.runs) if chosen.what == "speed" else seen(chosen.signers, chosen.every)


if __name__ == "__main__":
    main()
