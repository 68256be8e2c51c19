"""Error rates of MediaPipe on real signing, for pipelines/synthetic/noise.py.

    python benchmarks/detector_noise.py DATA/twenty

Counts, over all .pose files, for the hand that is detected more often in each clip: how often it is lost from one frame to the
next and found again (converted to 25 frames per second), and how often its points are on the other hand. Jitter of the points is
the residual of a local line through five frames, in frames in which the hand moves slowly, in shoulder widths.
"""

import argparse
from pathlib import Path

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, LEFT_WRIST, POSE, RIGHT_HAND, RIGHT_WRIST
from asl.pipelines.media.pose_files import read_pose

RATE = 25.0
SLOW, NEAR = 0.5, 0.25  # shoulder widths per second; shoulder widths
HANDS, WRISTS = (LEFT_HAND, RIGHT_HAND), (LEFT_WRIST, RIGHT_WRIST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    rows = [measure(file) for file in sorted(parser.parse_args().folder.glob("*.pose"))]
    rows = [row for row in rows if row]
    lost = sum(row["lost"] for row in rows) / sum(row["seen_before"] for row in rows)
    refound = sum(row["found"] for row in rows) / sum(row["unseen_before"] for row in rows)
    swapped = sum(row["swapped"] for row in rows) / sum(row["both"] for row in rows)
    print(f"{len(rows)} clips, {sum(row['frames'] for row in rows)} frames")
    print(f"at 25 frames per second, a detected hand is lost in {100 * lost:.2f} % of the steps, a lost one found in "
          f"{100 * refound:.1f} %")  # fmt: skip
    runs = sum(row["swaps"] for row in rows)
    clips = 100 * np.mean([row["swapped"] > 0 for row in rows if row["both"]])
    print(f"both hands at one position in {100 * swapped:.2f} % of the frames in which both are detected")
    print(f"this happens in {runs} runs, in {clips:.0f} % of the clips in which both are detected")
    for part in ("hand", "pose", "face"):
        values = np.concatenate([row[part] for row in rows])
        print(f"jitter of {part}: {np.median(np.abs(values)) / 0.6745:.4f} (robust standard deviation)")


def measure(file: Path) -> dict | None:
    clip = read_pose(file)
    points, fps = clip.points, clip.fps
    width = np.nanmedian(np.linalg.norm(points[:, 11, :2] - points[:, 12, :2], axis=1))
    seen = clip.present[:, 2:]
    if len(clip) < 8 or not np.isfinite(width) or not seen.any():
        return None
    hand = int(seen[:, 1].sum() >= seen[:, 0].sum())
    detected = trimmed(seen[:, hand])
    power = RATE / fps
    row = {"frames": len(clip), **{key: value * power for key, value in changes(detected).items() if key in ("lost", "found")}}
    row |= {key: value for key, value in changes(detected).items() if key.endswith("before")}
    both = seen.all(axis=1)
    wrong = np.zeros(len(clip), dtype=bool)
    wrong[both] = swapped(points[both] / width)
    row["both"], row["swapped"] = int(both.sum()), int(wrong.sum())
    row["swaps"] = int(np.sum(np.diff(np.concatenate([[0], wrong.astype(int)])) > 0))
    row["hand"] = jitter(points[:, HANDS[hand]] / width, fps)
    row["pose"], row["face"] = jitter(points[:, POSE][:, 11:17] / width, fps), jitter(points[:, FACE][:, ::20] / width, fps)
    return row


def trimmed(seen: np.ndarray) -> np.ndarray:
    """From the first to the last frame with the hand: before and after it may be out of the picture."""
    frames = np.flatnonzero(seen)
    return seen[frames[0] : frames[-1] + 1]


def changes(seen: np.ndarray) -> dict[str, float]:
    before, now = seen[:-1], seen[1:]
    return {
        "seen_before": int(before.sum()), "unseen_before": int((~before).sum()),
        "lost": int((before & ~now).sum()), "found": int((~before & now).sum()),
    }  # fmt: skip


def swapped(points: np.ndarray) -> np.ndarray:
    """(T, 543, 3) → (T,) whether the points of both hands are at one wrist although the wrists are apart."""
    hands = points[:, [LEFT_HAND.start, RIGHT_HAND.start], :2]
    wrists = points[:, list(WRISTS), :2]
    together = np.linalg.norm(hands[:, 0] - hands[:, 1], axis=1) < NEAR / 2
    return together & (np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=1) > 2 * NEAR)


def jitter(points: np.ndarray, fps: float) -> np.ndarray:
    """Residuals of the middle of five frames from their line, scaled to a standard deviation, for slow points only."""
    if len(points) < 5:
        return np.zeros(0)
    windows = np.stack([points[i : len(points) - 4 + i, :, :2] for i in range(5)])
    slow = np.linalg.norm(windows[4] - windows[0], axis=-1) * fps / 4 < SLOW
    residual = (windows[2] - windows.mean(axis=0)) / np.sqrt(1 - 1 / 5)
    values = residual[slow].ravel()
    return values[np.isfinite(values)]


if __name__ == "__main__":
    main()
