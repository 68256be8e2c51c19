"""Extraction on a dask cluster on this machine: the same bytes as without one, even if workers are killed.

    python benchmarks/cluster.py VIDEOS [--workers 3] [--kill-every 10] [--most N]

VIDEOS: a folder with folders of clips (gloss/clip.mp4 below each). Extracts all of them with local processes, on a scheduler with
--workers worker processes on loopback, and on the same while kill -9 hits a random worker every --kill-every seconds. Prints the
time of each, the number of clips, and how many landmark files are equal.
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


def run_asl(*words: str) -> dict:
    done = subprocess.run([sys.executable, "-m", "asl", *words], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit(f"asl {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout else {}


def extract(workspace: Path, folders: list[Path], *more: str) -> tuple[float, dict[str, str]]:
    run_asl("init", str(workspace), "-q")
    sources = [word for folder in folders for word in ("--videos", str(folder))]
    clock = time.monotonic()
    result = run_asl("extract", "-w", str(workspace), *sources, "--allow-duplicates", "--format", "json", "-q", *more)
    seconds = time.monotonic() - clock
    for failure in result["failures"]:
        print(f"  {failure['name']}: {failure['reason']}: {failure['message']}")
    poses = sorted((workspace / "landmarks").rglob("*.pose"))
    return seconds, {path.name: file_hash(path) for path in poses} | {"clips.jsonl": file_hash(workspace / "clips.jsonl")}


class Cluster:
    """A scheduler and workers, started from the command line."""

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
        """Starts killing, in a thread."""
        threading.Thread(target=self._kill, args=(seconds, random.Random(0)), daemon=True).start()  # noqa: S311

    def _kill(self, seconds: float, rng: random.Random) -> None:
        while not self._stop.wait(seconds):
            children = psutil.Process(self.processes[1].pid).children(recursive=True)
            workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
            if workers:
                os.kill(rng.choice(workers).pid, signal.SIGKILL)
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
    parser.add_argument("--most", type=int, default=0, help="most clips per folder, 0 for all")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work, folders = Path(name), []
        for folder in sorted(path for path in args.videos.iterdir() if path.is_dir()):
            copy = work / "videos" / folder.name
            (copy / folder.name).mkdir(parents=True)
            clips = sorted(folder.glob("*.mp4"))
            for clip in clips[: args.most or len(clips)]:
                (copy / folder.name / clip.name).symlink_to(clip.resolve())
            folders.append(copy)
        seconds, local = extract(work / "local", folders)
        print(f"processes: {len(local) - 1} clips in {seconds:.0f} s", flush=True)
        for label, killing in (("cluster", False), ("cluster, killed", True)):
            cluster = Cluster(args.workers, work)
            try:
                if killing:
                    cluster.kill_one_every(args.kill_every)
                seconds, clustered = extract(work / label.replace(", ", "-"), folders, "--cluster", cluster.address)
            finally:
                cluster.close()
            same = sum(clustered.get(file) == digest for file, digest in local.items())
            print(
                f"{label}: {len(clustered) - 1} clips in {seconds:.0f} s, {cluster.kills} workers killed, "
                f"{same} of {len(local)} files equal",
                flush=True,
            )


if __name__ == "__main__":
    main()
