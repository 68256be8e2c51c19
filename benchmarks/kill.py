"""kill -9 at random moments of every stage: the final outputs must equal those of undisturbed runs, byte for byte.

    python benchmarks/kill.py WORK [--kills 100] [--videos FOLDER] [--stages extract,train-ctc,…] [--signal TERM]

Runs each stage once undisturbed in a workspace of synthetic signers (with --videos, also a few real clips through MediaPipe).
Then, from a copy of the workspace as it was before, kills and restarts it at random moments until it finishes, in as many rounds
as are needed to distribute the kills over the stages. Compares all files that the stage makes, except for times, memory and names
of machines in records, and for pages, which contain these. Afterwards `asl status` must be able to read the workspace. With
--signal TERM or INT, the slowest end is of interest.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.files import file_hash

#: Keys of records that differ from run to run.
VOLATILE_KEYS = re.compile(r"second|memory|started|finished|since|host|_ms$|_us_|milliseconds|created|checked_on")
STAGES: dict[str, tuple[str, ...]] = {
    "extract": ("--synthetic", "--signs", "16", "--clips", "6", "--sentences", "60", "--signers", "6", "--split-by", "group"),
    "pretrain": ("--epochs", "8", "--threads", "1", "--name", "first"),
    "train-ctc": ("--epochs", "14", "--threads", "1", "--name", "second"),
    "evaluate": ("--split", "test"),
    "build-fst": ("--name", "cascade"),
    "train-stage3": ("--epochs", "2", "--threads", "1", "--name", "third", "--workers", "1"),
    "ablate": ("--seeds", "2", "--factor", "mirror=0.5,0", "--epochs", "3", "--name", "study"),
    "export": ("--name", "bundle", "--model", "second"),
}
OUTPUTS = ("clips.jsonl", "landmarks", "thumbnails", "features", "models", "graphs", "experiments", "bundles", "asl.toml")
#: Files that are not results: locks, and records of the run that a folder belongs to.
IGNORED = ("lock", "run.json")


def start(workspace: Path, *words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "asl", words[0], "-w", str(workspace), *words[1:], "-q"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def undisturbed(workspace: Path, *words: str) -> float:
    clock = time.monotonic()
    running = start(workspace, *words)
    _, errors = running.communicate()
    if running.returncode:
        sys.exit(f"asl {' '.join(words)}: exit {running.returncode}\n{errors.decode()}")
    return time.monotonic() - clock


def disturbed(workspace: Path, longest: float, rng: random.Random, kind: signal.Signals, *words: str) -> list[float]:
    """Signals the command after random times until it finishes. Returns the seconds that it took to end after each signal."""
    hits: list[float] = []
    while True:
        running = start(workspace, *words)
        try:
            _, errors = running.communicate(timeout=rng.uniform(0.2, longest))
        except subprocess.TimeoutExpired:
            clock = time.monotonic()
            running.send_signal(kind)
            running.communicate()
            hits.append(time.monotonic() - clock)
            if running.returncode not in (-kind, 130, 0):
                sys.exit(f"asl {' '.join(words)} ended with {running.returncode} after {kind.name}")
            longest *= 1.1  # lets a stage that starts from scratch each time finish on a machine of varying load
            continue
        if running.returncode:
            sys.exit(f"after {len(hits)} kills: asl {' '.join(words)}: exit {running.returncode}\n{errors.decode()}")
        return hits


def without_volatile(value: Any) -> Any:
    """A record without VOLATILE_KEYS."""
    if isinstance(value, dict):
        return {key: without_volatile(item) for key, item in value.items() if not VOLATILE_KEYS.search(str(key))}
    return [without_volatile(item) for item in value] if isinstance(value, list) else value


def contents(workspace: Path) -> Mapping[str, str]:
    """File → its hash, or the comparable part of a record."""
    content = {}
    for path in sorted(path for name in OUTPUTS for path in (workspace / name, *(workspace / name).rglob("*"))):
        name = path.relative_to(workspace).as_posix()
        if not path.is_file() or path.name in IGNORED or path.suffix == ".html" or "reports" in path.parts:
            continue
        if path.name == "asl.toml":
            import tomli

            states = tomli.loads(path.read_text()).get("state", {})
            # Hashes of outputs are left out: those of records with times differ.
            comparable = {stage: [state["fingerprint"], sorted(state["outputs"])] for stage, state in states.items()}
            content[name] = json.dumps(comparable)
        elif path.suffix in (".json", ".jsonl") and path.name != "clips.jsonl":
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            content[name] = json.dumps([without_hashes(without_volatile(json.loads(line))) for line in lines])
        elif path.suffix == ".md":
            continue  # a card for people, with times
        else:
            content[name] = file_hash(path)
    return content


def without_hashes(record: Any) -> Any:
    """A card without the hashes of files, some of which contain times."""
    return {key: value for key, value in record.items() if key != "files"} if isinstance(record, dict) else record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--videos", type=Path, help="a folder of gloss/clip.mp4")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=("KILL", "TERM", "INT"), default="KILL")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    rng, names = random.Random(args.seed), args.stages.split(",")  # noqa: S311 (moments, not secrets)
    kind = signal.Signals[f"SIG{args.signal}"]
    workspace, kills, broken, slowest = args.work / "undisturbed", 0, 0, 0.0
    shutil.rmtree(args.work, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "asl", "init", str(workspace), "-q"], check=True)
    for stage, words in STAGES.items():
        if stage == "extract" and args.videos:
            words = (*words, "--videos", str(args.videos))
        before = args.work / "before"
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(workspace, before)
        seconds = undisturbed(workspace, stage, *words)
        wanted, hits, rounds = -(-args.kills // len(names)) if stage in names else 0, [], 0
        differing: set[str] = set()
        while len(hits) < wanted:
            copy = args.work / "disturbed"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(before, copy)
            hits += disturbed(copy, max(3.0, 0.7 * seconds), rng, kind, stage, *words)
            rounds += 1
            expected, result = contents(workspace), contents(copy)
            differing |= {name for name in expected.keys() | result.keys() if expected.get(name) != result.get(name)}
            status = [sys.executable, "-m", "asl", "status", "-w", str(copy), "--format", "json"]
            broken += subprocess.run(status, capture_output=True).returncode != 0
        kills, slowest = kills + len(hits), max([slowest, *hits])
        same = "equal" if not differing else f"DIFFERENT: {', '.join(sorted(differing)[:6])}"
        print(
            f"{stage} ({seconds:.1f} s): {len(hits)} kills in {rounds} rounds, {len(contents(workspace))} files, {same}",
            flush=True,
        )
    print(f"{kills} signals, {broken} workspaces that could not be read; the slowest end took {slowest:.1f} s")


if __name__ == "__main__":
    main()
