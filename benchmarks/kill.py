"""kill -9 at random moments of extract and of train-ctc: what comes out at last must equal the undisturbed run's.

python benchmarks/kill.py FOLDER-OF-VIDEOS FOLDER-OF-POSE-FILES [--kills 10] [--clips 12]
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.files import file_hash


def start(*words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "asl_cli.main", *words, "-q"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def undisturbed(*words: str) -> float:
    clock = time.monotonic()
    code = start(*words).wait()
    if code:
        sys.exit(f"asl {' '.join(words)}: exit {code}")
    return time.monotonic() - clock


def disturbed(kills: int, longest: float, rng: random.Random, *words: str) -> int:
    """Kills the command after random times until `kills` hits; then lets it end. Returns how often it was hit."""
    hits = 0
    while hits < kills:
        running = start(*words)
        try:
            running.wait(timeout=rng.uniform(0.2, longest))
            break
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            hits += 1
    undisturbed(*words)
    return hits


def contents(folder: Path, *patterns: str) -> dict[str, str]:
    files = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("poses", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=12)
    chosen = parser.parse_args()
    rng = random.Random(0)  # noqa: S311 (moments, not secrets)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "videos" / "SIGN").mkdir(parents=True)
        for file in sorted(chosen.videos.glob("*.mp4"))[: chosen.clips]:
            (folder / "videos" / "SIGN" / file.name).symlink_to(file.resolve())
        jobs = {
            "extract": (["extract", "--videos", str(folder / "videos")], ("clips.jsonl", "landmarks/*/*", "thumbnails/*")),
            "train-ctc": (["train-ctc", "--name", "run", "--epochs", str(chosen.epochs)], ("models/run/model.safetensors",)),
        }
        for stage, (words, outputs) in jobs.items():
            results = []
            for kills in (0, chosen.kills):
                workspace = folder / f"{stage}-{kills}"
                undisturbed("init", str(workspace))
                if stage == "train-ctc":
                    undisturbed("extract", "-w", str(workspace), "--poses", str(chosen.poses), "--allow-duplicates")
                if kills == 0:
                    seconds = undisturbed(*words, "-w", str(workspace))
                    hits = 0
                else:
                    hits = disturbed(kills, max(3.0, seconds / 2), rng, *words, "-w", str(workspace))
                results.append(contents(workspace, *outputs))
            same = "equal" if results[0] == results[1] else "NOT EQUAL"
            print(f"{stage}: {hits} kills, {len(results[0])} files, {same} to the undisturbed run's", flush=True)


if __name__ == "__main__":
    main()
