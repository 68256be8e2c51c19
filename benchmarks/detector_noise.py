"""How MediaPipe errs on real signing: the rates of pipelines/synthetic/noise.py.

    python benchmarks/detector_noise.py DATA/twenty

Counts, over all .pose files, of the hand that is seen more often in each clip: how often it is lost from one frame to the
next and found again (converted to 25 frames a second), how often its points lie on the other hand, and how much points
tremble: the residual of a local line through five frames, in frames in which the hand moves slowly, in shoulder widths.
"""

import argparse
from pathlib import Path

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, LEFT_WRIST, POSE, RIGHT_HAND, RIGHT_WRIST
from asl.pipelines.media.pose_files import read_pose

RATE = 25.0
SLOW, NEAR = 0.5, 0.25  # shoulder widths a second; shoulder widths
HANDS, WRISTS = (LEFT_HAND, RIGHT_HAND), (LEFT_WRIST, RIGHT_WRIST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    found = [measure(file) for file in sorted(parser.parse_args().folder.glob("*.pose"))]
    found = [row for row in found if row]
    lost = sum(row["lost"] for row in found) / sum(row["seen_before"] for row in found)
    again = sum(row["found"] for row in found) / sum(row["unseen_before"] for row in found)
    swapped = sum(row["swapped"] for row in found) / sum(row["both"] for row in found)
    print(f"{len(found)} clips, {sum(row['frames'] for row in found)} frames")
    print(f"a seen hand is lost in {100 * lost:.2f} % of the steps, a lost one found in {100 * again:.1f} % (at 25 a second)")
    runs = sum(row["swaps"] for row in found)
    clips = 100 * np.mean([row["swapped"] > 0 for row in found if row["both"]])
    print(f"both hands on one place in {100 * swapped:.2f} % of the frames in which both are seen")
    print(f"that happens in {runs} runs, in {clips:.0f} % of the clips in which both are seen")
    for part in ("hand", "pose", "face"):
        values = np.concatenate([row[part] for row in found])
        print(f"jitter of {part}: {np.median(np.abs(values)) / 0.6745:.4f} (robust standard deviation)")


def measure(file: Path) -> dict | None:
    clip = read_pose(file)
    points, fps = clip.points, clip.fps
    width = np.nanmedian(np.linalg.norm(points[:, 11, :2] - points[:, 12, :2], axis=1))
    seen = clip.present[:, 2:]
    if len(clip) < 8 or not np.isfinite(width) or not seen.any():
        return None
    more = int(seen[:, 1].sum() >= seen[:, 0].sum())
    own = trimmed(seen[:, more])
    power = RATE / fps
    row = {"frames": len(clip), **{key: value * power for key, value in changes(own).items() if key in ("lost", "found")}}
    row |= {key: value for key, value in changes(own).items() if key.endswith("before")}
    both = seen.all(axis=1)
    wrong = np.zeros(len(clip), dtype=bool)
    wrong[both] = swapped(points[both] / width)
    row["both"], row["swapped"] = int(both.sum()), int(wrong.sum())
    row["swaps"] = int(np.sum(np.diff(np.concatenate([[0], wrong.astype(int)])) > 0))
    row["hand"] = tremble(points[:, HANDS[more]] / width, fps)
    row["pose"], row["face"] = tremble(points[:, POSE][:, 11:17] / width, fps), tremble(points[:, FACE][:, ::20] / width, fps)
    return row


def trimmed(seen: np.ndarray) -> np.ndarray:
    """From the first to the last frame in which the hand is seen: before and after it may be out of the picture."""
    at = np.flatnonzero(seen)
    return seen[at[0] : at[-1] + 1]


def changes(seen: np.ndarray) -> dict[str, float]:
    before, now = seen[:-1], seen[1:]
    return {
        "seen_before": int(before.sum()), "unseen_before": int((~before).sum()),
        "lost": int((before & ~now).sum()), "found": int((~before & now).sum()),
    }  # fmt: skip


def swapped(points: np.ndarray) -> np.ndarray:
    """(T, 543, 3) → (T,) whether both hands' points lie at one wrist although the wrists are apart."""
    hands = points[:, [LEFT_HAND.start, RIGHT_HAND.start], :2]
    wrists = points[:, list(WRISTS), :2]
    together = np.linalg.norm(hands[:, 0] - hands[:, 1], axis=1) < NEAR / 2
    return together & (np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=1) > 2 * NEAR)


def tremble(points: np.ndarray, fps: float) -> np.ndarray:
    """Residuals of the middle of five frames from their line, made up to a standard deviation; of slow points only."""
    if len(points) < 5:
        return np.zeros(0)
    windows = np.stack([points[i : len(points) - 4 + i, :, :2] for i in range(5)])
    slow = np.linalg.norm(windows[4] - windows[0], axis=-1) * fps / 4 < SLOW
    residual = (windows[2] - windows.mean(axis=0)) / np.sqrt(1 - 1 / 5)
    chosen = residual[slow].ravel()
    return chosen[np.isfinite(chosen)]


if __name__ == "__main__":
    main()
