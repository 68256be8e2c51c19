"""`asl extract --videos` against a plain loop over MediaPipe Holistic in one process, on the same clips, in the same run.

    python benchmarks/extraction.py FOLDER-OF-VIDEOS [--clips N]

Prints frames per second of both and their ratio, the median difference of their landmarks, and the peak memory of the worker
processes.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import numpy as np
import psutil

from asl.models.features.holistic import COMPONENTS, empty_points
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.media.pose_files import read_pose


def plain_loop(files: list[Path]) -> tuple[dict[str, np.ndarray], float]:
    """The obvious loop: one process, one graph, reset for each clip. x and y in image widths."""
    from mediapipe.python.solutions.holistic import Holistic

    points, clock = {}, time.perf_counter()
    with Holistic(model_complexity=1) as holistic:
        for file in files:
            holistic.reset()
            frames = []
            with av.open(str(file)) as container:
                for frame in container.decode(video=0):
                    picture = frame.to_ndarray(format="rgb24")
                    frames.append(as_points(holistic.process(picture), picture.shape[0] / picture.shape[1]))
            points[file.name] = np.stack(frames)
    return points, time.perf_counter() - clock


def as_points(result, height: float) -> np.ndarray:
    points = empty_points(1)[0]
    parts = (result.pose_landmarks, result.face_landmarks, result.left_hand_landmarks, result.right_hand_landmarks)
    for part, rows in zip(parts, COMPONENTS.values(), strict=True):
        if part is not None:
            points[rows] = [(point.x, point.y * height, point.z) for point in part.landmark]
    return points


class PeakMemory(threading.Thread):
    """Highest resident memory of any descendant process, MiB."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process, self.peak, self.done = psutil.Process(pid), 0.0, False

    def run(self) -> None:
        while not self.done:
            try:
                for child in self.process.children(recursive=True):
                    self.peak = max(self.peak, child.memory_info().rss / 2**20)
            except psutil.Error:
                pass
            time.sleep(0.2)


def by_asl(folder: Path, workspace: Path) -> tuple[float, float]:
    """Seconds of the whole command, and the peak memory of a worker, MiB."""
    asl = shutil.which("asl")
    subprocess.run([asl, "init", str(workspace), "-q"], check=True)
    clock = time.perf_counter()
    running = subprocess.Popen([asl, "extract", "-w", str(workspace), "--videos", str(folder), "-q"], stdout=subprocess.DEVNULL)
    memory = PeakMemory(running.pid)
    memory.start()
    running.wait()
    memory.done = True
    return time.perf_counter() - clock, memory.peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=0, help="only the first N clips")
    args = parser.parse_args()
    files = sorted(args.folder.glob("*.mp4"))[: args.clips or None]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "videos").mkdir()
        for file in files:
            (folder / "videos" / file.name).symlink_to(file.resolve())
        seconds, memory = by_asl(folder / "videos", folder / "ws")
        expected, plain = plain_loop(files)
        frames = sum(map(len, expected.values()))
        clips = read_clips(folder / "ws" / "clips.jsonl")
        typical = max(difference(read_pose(folder / "ws" / clip.pose).points, expected[clip.name]) for clip in clips)
    print(f"{len(files)} clips, {frames} frames", file=sys.stdout)
    print(f"plain loop:  {frames / plain:6.1f} frames/s")
    print(f"asl extract: {frames / seconds:6.1f} frames/s, including start and report")
    print(f"ratio: {plain / seconds:.2f}")
    print(f"landmarks of the worst clip differ by {typical:.1e} image widths (median)")
    print(f"peak memory of a worker: {memory:.0f} MiB")


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Median difference of the points that both clips have, whose trackers differ; infinite if they have other frames."""
    if a.shape != b.shape:
        return float("inf")
    return float(np.nanmedian(np.abs(a - b)))


if __name__ == "__main__":
    main()
