"""Extraction over a dask cluster of this machine: the same bytes as without one, and an end although workers are killed.

    python benchmarks/cluster.py VIDEOS [--workers 3] [--kill-every 10] [--most N]

VIDEOS: a folder with folders of clips (gloss/clip.mp4 below each). Extracts all of them with processes, over a scheduler with so
many worker processes on loopback, and over one of whose workers one, drawn at random, gets kill -9 every so many seconds. Prints
how long each took, how many clips came of it, and whether all landmark files are equal.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from asl.pipelines.workspace.files import file_hash


def asl(*words: str) -> dict:
    done = subprocess.run([sys.executable, "-m", "asl", *words], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"asl {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout else {}


def extract(workspace: Path, folders: list[Path], *more: str) -> tuple[float, dict[str, str]]:
    asl("init", str(workspace), "-q")
    sources = [word for folder in folders for word in ("--videos", str(folder))]
    clock = time.monotonic()
    found = asl("extract", "-w", str(workspace), *sources, "--allow-duplicates", "--format", "json", "-q", *more)
    seconds = time.monotonic() - clock
    for failure in found["failures"]:
        print(f"  {failure['name']}: {failure['reason']}: {failure['message']}")
    poses = sorted((workspace / "landmarks").rglob("*.pose"))
    return seconds, {path.name: file_hash(path) for path in poses} | {"clips.jsonl": file_hash(workspace / "clips.jsonl")}


class Cluster:
    """A scheduler and workers as a person would start them."""

    def __init__(self, workers: int, folder: Path):
        self.address = "tcp://127.0.0.1:8797"
        dask = [sys.executable, "-m", "dask"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        address = self.address.removeprefix("tcp://").split(":")
        self.processes = [
            subprocess.Popen([*dask, "scheduler", "--host", address[0], "--port", address[1], "--no-dashboard"], **quiet)
        ]
        each = ["worker", self.address, "--nworkers", str(workers), "--nthreads", "1", "--no-dashboard", "--memory-limit", "4GiB"]
        self.processes.append(subprocess.Popen([*dask, *each], **quiet))
        self.kills, self._stop = 0, threading.Event()

    def kill_one_every(self, seconds: float) -> None:
        """From now on, in a thread."""
        threading.Thread(target=self._kill, args=(seconds, random.Random(0)), daemon=True).start()  # noqa: S311

    def _kill(self, seconds: float, rng: random.Random) -> None:
        while not self._stop.wait(seconds):
            children = psutil.Process(self.processes[1].pid).children(recursive=True)
            own = [one for one in children if "spawn_main" in " ".join(one.cmdline())]
            if own:
                os.kill(rng.choice(own).pid, signal.SIGKILL)
                self.kills += 1

    def close(self) -> None:
        self._stop.set()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kill-every", type=float, default=10)
    parser.add_argument("--most", type=int, default=0, help="of each folder's clips, 0 for all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work, folders = Path(name), []
        for folder in sorted(path for path in chosen.videos.iterdir() if path.is_dir()):
            own = work / "videos" / folder.name
            (own / folder.name).mkdir(parents=True)
            clips = sorted(folder.glob("*.mp4"))
            for clip in clips[: chosen.most or len(clips)]:
                (own / folder.name / clip.name).symlink_to(clip.resolve())
            folders.append(own)
        seconds, local = extract(work / "local", folders)
        print(f"processes: {len(local) - 1} clips in {seconds:.0f} s", flush=True)
        for label, killing in (("cluster", False), ("cluster, killed", True)):
            cluster = Cluster(chosen.workers, work)
            try:
                if killing:
                    cluster.kill_one_every(chosen.kill_every)
                seconds, found = extract(work / label.replace(", ", "-"), folders, "--cluster", cluster.address)
            finally:
                cluster.close()
            same = sum(found.get(file) == digest for file, digest in local.items())
            print(
                f"{label}: {len(found) - 1} clips in {seconds:.0f} s, {cluster.kills} workers killed, "
                f"{same} of {len(local)} files equal",
                flush=True,
            )


if __name__ == "__main__":
    main()
