"""Twenty everyday signs, recognised from sources that were not trained on (three folds, several seeds).

    python benchmarks/twenty.py DATA/twenty [--seeds 5] [--train "--epochs 60"] [--choose] [--jobs 2] [--json FILE]

Each fold holds out one source (or two small ones), drops from training every clip that has a copy in the held-out source,
and trains on glosses with at least four training clips. Prints top-1 and top-5 by fold and the time that training took.

--choose takes each fold's options from CANDIDATES by its training sources alone: each candidate is trained on some of them and
tested on another, and the one with the best mean top-1 is trained on all of them and tested, once, on the held-out source.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, pstdev

FOLDS = (("harshit",), ("ksukkau",), ("aslflashcards", "aslearn"))
CANDIDATES = (
    "--features phon36+landmarks --recipe strong --threads 1",
    "--features phon36 --recipe strong --threads 1",
    "--features landmarks --recipe strong --threads 1",
    "--features phon36 --threads 1",
)
#: Inner folds are tried with one recogniser in place of a mean of several, and these seeds.
INNER, INNER_SEEDS = "--members 1", (0, 1)
#: Sources with fewer clips are no basis to choose on.
LEAST_TO_TRAIN = 60
SOME_FAILED = 3


def asl(*words: str, partly: bool = False) -> dict:
    """Runs the executable and returns its JSON; `partly` lets some clips fail."""
    command = [sys.executable, "-m", "asl", *words, "--format", "json", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode and not (partly and done.returncode == SOME_FAILED):
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


def extracted(data: Path, folder: Path, sources: list[str], held_out: tuple[str, ...], options: list[str]) -> dict:
    """A workspace with the clips of some sources, tested on others of them."""
    poses = folder.with_name(f"{folder.name}-poses")
    poses.mkdir()
    for file in sorted(data.glob("*.pose")):
        if file.name.split("__")[0] in sources:
            (poses / file.name).symlink_to(file.resolve())
    asl("init", str(folder))
    groups = [word for group in held_out for word in ("--test-groups", group)]
    split = ("--drop-duplicates", "--validation-share", "0", *options)
    return asl("extract", "-w", str(folder), "--poses", str(poses), *groups, *split)["metrics"]


def copied(workspace: Path, own: Path) -> None:
    """A workspace of the same clips without their models; landmarks take no room again."""
    own.mkdir()
    for part in ("asl.toml", "clips.jsonl"):
        (own / part).write_bytes((workspace / part).read_bytes())
    shutil.copytree(workspace / "landmarks", own / "landmarks", copy_function=os.link)


def trained(folder: Path, seed: int, options: str) -> dict:
    """A copy of the workspace's record, trained and tested: so that several can run side by side."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        own = Path(name) / "ws"
        copied(folder, own)
        made = asl("train-ctc", "-w", str(own), "--min-clips", "4", "--seed", str(seed), *shlex.split(options))["metrics"]
        return {"made": made, "found": asl("evaluate", "-w", str(own), "--force")["results"]}


def chosen_options(data: Path, folder: Path, held_out: tuple[str, ...], pool: ThreadPoolExecutor, extract: list[str]) -> str:
    """The best of CANDIDATES by the training sources alone."""
    sources = [group for group in FOLDS if group != held_out]
    workspaces = []
    for inner in sources:
        others = [name for group in sources if group != inner for name in group]
        if sum(len(list(data.glob(f"{name}__*.pose"))) for name in others) >= LEAST_TO_TRAIN:
            place = folder / f"inner-{inner[0]}"
            extracted(data, place, [*others, *inner], inner, extract)
            workspaces.append(place)
    jobs = {
        options: [pool.submit(trained, place, seed, f"{options} {INNER}") for place in workspaces for seed in INNER_SEEDS]
        for options in CANDIDATES
    }
    scores = {options: mean(job.result()["found"]["top_1"]["value"] for job in found) for options, found in jobs.items()}
    for options, score in scores.items():
        print(f"   {'+'.join(held_out)}: {100 * score:.1f} % inside the training sources: {options}", flush=True)
    return max(scores, key=scores.get)


def run_fold(data: Path, folder: Path, held_out: tuple[str, ...], chosen: argparse.Namespace, pool: ThreadPoolExecutor) -> dict:
    folder.mkdir()
    extract = shlex.split(chosen.extract)
    options = chosen_options(data, folder, held_out, pool, extract) if chosen.choose else chosen.train
    everyone = [name for group in FOLDS for name in group]
    corpus = extracted(data, folder / "whole", everyone, held_out, extract)
    runs = list(pool.map(lambda seed: trained(folder / "whole", seed, options), range(chosen.seeds)))
    return {
        "held_out": "+".join(held_out),
        "options": options,
        "glosses": runs[0]["made"]["glosses"],
        "train_clips": runs[0]["made"]["train_clips"],
        "test_clips": runs[0]["found"]["signs"],
        "left_out_as_duplicates": corpus.get("left_out_as_duplicates", 0),
        "top_1": [run["found"]["top_1"]["value"] for run in runs],
        "top_5": [run["found"]["top_5"]["value"] for run in runs],
        "read_exactly": [run["found"]["read_exactly"]["value"] for run in runs],
        "seconds": [run["made"]["seconds"] for run in runs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--extract", default="", help="further options of asl extract")
    parser.add_argument("--choose", action="store_true", help="choose among CANDIDATES by the training sources")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = []
    with ThreadPoolExecutor(chosen.jobs) as pool, tempfile.TemporaryDirectory() as name:
        for number, held_out in enumerate(FOLDS):
            row = run_fold(chosen.data, Path(name) / f"fold{number}", held_out, chosen, pool)
            rows.append(row)
            listed = " ".join(f"{100 * score:.1f}" for score in row["top_1"])
            print(
                f"{row['held_out']:20} {row['test_clips']:3} clips, {row['glosses']:2} glosses, "
                f"{row['left_out_as_duplicates']} copies left out:  top-1 {100 * mean(row['top_1']):.1f} %, "
                f"top-5 {100 * mean(row['top_5']):.1f} %  (seeds {listed}; read exactly "
                f"{100 * mean(row['read_exactly']):.0f} %; training {mean(row['seconds']):.0f} s; {row['options']})",
                flush=True,
            )
    means = [mean(row["top_1"][seed] for row in rows) for seed in range(chosen.seeds)]
    fifths = [mean(row["top_5"][seed] for row in rows) for seed in range(chosen.seeds)]
    print(
        f"mean of the folds: top-1 {100 * mean(means):.1f} % ± {100 * pstdev(means):.1f}, top-5 {100 * mean(fifths):.1f} % "
        f"± {100 * pstdev(fifths):.1f} over {chosen.seeds} seeds"
    )
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
