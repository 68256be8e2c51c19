"""kill -9 at random moments of every stage: what comes out at last must equal the undisturbed runs', byte for byte.

    python benchmarks/kill.py WORK [--kills 100] [--videos FOLDER] [--stages extract,train-ctc,…] [--signal TERM]

Each stage is run once undisturbed in a workspace of synthetic signers (with --videos, also of a few real clips through MediaPipe)
and then, from a copy of the workspace as it was before, killed again and again at random moments until it comes to its end, as
often as it takes to share the kills out among the stages. Compared are all files that a stage makes but for times, memory and
names of machines in records, and pages, which hold these. Afterwards `asl status` must read the workspace. With --signal TERM or
INT it is asked to end, and the slowest end is what to look at.
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
OF_THE_MOMENT = re.compile(r"second|memory|started|finished|since|host|_ms$|_us_|milliseconds|created|checked_on")
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
MADE = ("clips.jsonl", "landmarks", "thumbnails", "features", "models", "graphs", "experiments", "bundles", "asl.toml")
#: What is no result: locks, and which run a folder belongs to.
BESIDE = ("lock", "run.json")


def start(workspace: Path, *words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "asl", words[0], "-w", str(workspace), *words[1:], "-q"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def undisturbed(workspace: Path, *words: str) -> float:
    clock = time.monotonic()
    running = start(workspace, *words)
    _, said = running.communicate()
    if running.returncode:
        sys.exit(f"asl {' '.join(words)}: exit {running.returncode}\n{said.decode()}")
    return time.monotonic() - clock


def disturbed(workspace: Path, longest: float, rng: random.Random, how: signal.Signals, *words: str) -> list[float]:
    """Signals the command after random times until it ends before; the seconds that it took to end, each time it was hit."""
    hits: list[float] = []
    while True:
        running = start(workspace, *words)
        try:
            _, said = running.communicate(timeout=rng.uniform(0.2, longest))
        except subprocess.TimeoutExpired:
            clock = time.monotonic()
            running.send_signal(how)
            running.communicate()
            hits.append(time.monotonic() - clock)
            if running.returncode not in (-how, 130, 0):
                sys.exit(f"asl {' '.join(words)} ended with {running.returncode} after {how.name}")
            longest *= 1.1  # a stage that begins anew each time must come to its end on a machine whose load varies
            continue
        if running.returncode:
            sys.exit(f"after {len(hits)} kills: asl {' '.join(words)}: exit {running.returncode}\n{said.decode()}")
        return hits


def lasting(value: Any) -> Any:
    """A record without what belongs to the moment."""
    if isinstance(value, dict):
        return {key: lasting(one) for key, one in value.items() if not OF_THE_MOMENT.search(str(key))}
    return [lasting(one) for one in value] if isinstance(value, list) else value


def contents(workspace: Path) -> Mapping[str, str]:
    """File → its hash, or of a record what lasts of it."""
    found = {}
    for path in sorted(path for name in MADE for path in (workspace / name, *(workspace / name).rglob("*"))):
        name = path.relative_to(workspace).as_posix()
        if not path.is_file() or path.name in BESIDE or path.suffix == ".html" or "reports" in path.parts:
            continue
        if path.name == "asl.toml":
            import tomli

            states = tomli.loads(path.read_text()).get("state", {})
            # Hashes of records with times in them differ as the records do.
            found[name] = json.dumps({stage: [one["fingerprint"], sorted(one["outputs"])] for stage, one in states.items()})
        elif path.suffix in (".json", ".jsonl") and path.name != "clips.jsonl":
            lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            found[name] = json.dumps([without_hashes(lasting(json.loads(line))) for line in lines])
        elif path.suffix == ".md":
            continue  # a card for people, with times
        else:
            found[name] = file_hash(path)
    return found


def without_hashes(record: Any) -> Any:
    """A card that names the hashes of files in which there are times."""
    return {key: value for key, value in record.items() if key != "files"} if isinstance(record, dict) else record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--videos", type=Path, help="a folder of gloss/clip.mp4")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=("KILL", "TERM", "INT"), default="KILL")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    rng, names = random.Random(chosen.seed), chosen.stages.split(",")  # noqa: S311 (moments, not secrets)
    how = signal.Signals[f"SIG{chosen.signal}"]
    whole, kills, broken, slowest = chosen.work / "undisturbed", 0, 0, 0.0
    shutil.rmtree(chosen.work, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "asl", "init", str(whole), "-q"], check=True)
    for stage, words in STAGES.items():
        if stage == "extract" and chosen.videos:
            words = (*words, "--videos", str(chosen.videos))
        before = chosen.work / "before"
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(whole, before)
        seconds = undisturbed(whole, stage, *words)
        wanted, hits, rounds = -(-chosen.kills // len(names)) if stage in names else 0, [], 0
        differing: set[str] = set()
        while len(hits) < wanted:
            disturbed_one = chosen.work / "disturbed"
            shutil.rmtree(disturbed_one, ignore_errors=True)
            shutil.copytree(before, disturbed_one)
            hits += disturbed(disturbed_one, max(3.0, 0.7 * seconds), rng, how, stage, *words)
            rounds += 1
            one, other = contents(whole), contents(disturbed_one)
            differing |= {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
            status = [sys.executable, "-m", "asl", "status", "-w", str(disturbed_one), "--format", "json"]
            broken += subprocess.run(status, capture_output=True).returncode != 0
        kills, slowest = kills + len(hits), max([slowest, *hits])
        same = "equal" if not differing else f"DIFFERENT: {', '.join(sorted(differing)[:6])}"
        print(
            f"{stage} ({seconds:.1f} s): {len(hits)} kills in {rounds} rounds, {len(contents(whole))} files, {same}", flush=True
        )
    print(f"{kills} hits, {broken} workspaces that could not be read; the slowest end took {slowest:.1f} s")


if __name__ == "__main__":
    main()
