"""Twenty everyday signs from unseen sources (three folds, several seeds).

    python benchmarks/twenty.py DATA/twenty [--seeds 5] [--train "--epochs 60"] [--choose] [--jobs 2] [--json FILE]

Each fold holds out one source (or two small ones), drops from training every clip that has a copy in the held-out source, and
trains and tests on glosses with at least four training clips. Prints top-1, top-5 and the time of training for each fold.

--choose: chooses the options of each fold among CANDIDATES, on its training sources alone. Each candidate is trained on some of
them and tested on another; the one with the best mean top-1 is trained on all of them and tested, once, on the held-out source.
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
#: Options and seeds of the inner folds: one recogniser in place of a mean of several.
INNER, INNER_SEEDS = "--members 1", (0, 1)
#: Inner folds with fewer training clips are skipped.
MIN_TRAINING_CLIPS = 60
SOME_FAILED = 3


def run_asl(*words: str, partly: bool = False) -> dict:
    """Runs asl and returns its JSON. partly: some clips may fail."""
    command = [sys.executable, "-m", "asl", *words, "--format", "json", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode and not (partly and done.returncode == SOME_FAILED):
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


def extracted(data: Path, folder: Path, sources: list[str], held_out: tuple[str, ...], options: list[str]) -> dict:
    """Makes a workspace with the clips of some sources, of which `held_out` are the test split. Returns the metrics."""
    poses = folder.with_name(f"{folder.name}-poses")
    poses.mkdir()
    for file in sorted(data.glob("*.pose")):
        if file.name.split("__")[0] in sources:
            (poses / file.name).symlink_to(file.resolve())
    run_asl("init", str(folder))
    groups = [word for group in held_out for word in ("--test-groups", group)]
    split = ("--drop-duplicates", "--validation-share", "0", *options)
    return run_asl("extract", "-w", str(folder), "--poses", str(poses), *groups, *split)["metrics"]


def in_vocabulary(results: dict) -> dict:
    """The results of asl evaluate on clips whose gloss has training clips: the others cannot be read by any method."""
    return results.get("in_vocabulary", results)


def copied(workspace: Path, copy: Path) -> None:
    """Copies a workspace without its models; landmarks are hard links."""
    copy.mkdir()
    for part in ("asl.toml", "clips.jsonl"):
        (copy / part).write_bytes((workspace / part).read_bytes())
    shutil.copytree(workspace / "landmarks", copy / "landmarks", copy_function=os.link)


def trained(folder: Path, seed: int, options: str) -> dict:
    """Trains and tests in a copy of the workspace, so that several can run at once."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        copy = Path(name) / "ws"
        copied(folder, copy)
        metrics = run_asl("train-ctc", "-w", str(copy), "--min-clips", "4", "--seed", str(seed), *shlex.split(options))["metrics"]
        return {"metrics": metrics, "results": run_asl("evaluate", "-w", str(copy), "--force")["results"]}


def choose_options(data: Path, folder: Path, held_out: tuple[str, ...], pool: ThreadPoolExecutor, extract: list[str]) -> str:
    """The best of CANDIDATES on the training sources alone."""
    sources = [group for group in FOLDS if group != held_out]
    workspaces = []
    for inner in sources:
        others = [name for group in sources if group != inner for name in group]
        if sum(len(list(data.glob(f"{name}__*.pose"))) for name in others) >= MIN_TRAINING_CLIPS:
            workspace = folder / f"inner-{inner[0]}"
            extracted(data, workspace, [*others, *inner], inner, extract)
            workspaces.append(workspace)
    jobs = {
        options: [pool.submit(trained, workspace, seed, f"{options} {INNER}") for workspace in workspaces for seed in INNER_SEEDS]
        for options in CANDIDATES
    }
    scores = {
        options: mean(in_vocabulary(job.result()["results"])["top_1"]["value"] for job in of_options)
        for options, of_options in jobs.items()
    }
    for options, score in scores.items():
        print(f"   {'+'.join(held_out)}: {100 * score:.1f} % on the training sources: {options}", flush=True)
    return max(scores, key=scores.get)


def run_fold(data: Path, folder: Path, held_out: tuple[str, ...], args: argparse.Namespace, pool: ThreadPoolExecutor) -> dict:
    folder.mkdir()
    extract = shlex.split(args.extract)
    options = choose_options(data, folder, held_out, pool, extract) if args.choose else args.train
    everyone = [name for group in FOLDS for name in group]
    corpus = extracted(data, folder / "all", everyone, held_out, extract)
    runs = list(pool.map(lambda seed: trained(folder / "all", seed, options), range(args.seeds)))
    return {
        "held_out": "+".join(held_out),
        "options": options,
        "glosses": runs[0]["metrics"]["glosses"],
        "train_clips": runs[0]["metrics"]["train_clips"],
        "test_clips": in_vocabulary(runs[0]["results"])["signs"],
        "outside_vocabulary": sum(runs[0]["results"]["outside_vocabulary"].values()),
        "left_out_as_duplicates": corpus.get("left_out_as_duplicates", 0),
        "top_1": [in_vocabulary(run["results"])["top_1"]["value"] for run in runs],
        "top_5": [in_vocabulary(run["results"])["top_5"]["value"] for run in runs],
        "read_exactly": [in_vocabulary(run["results"])["read_exactly"]["value"] for run in runs],
        "seconds": [run["metrics"]["seconds"] for run in runs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--extract", default="", help="further options of asl extract")
    parser.add_argument("--choose", action="store_true", help="choose among CANDIDATES on the training sources")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    with ThreadPoolExecutor(args.jobs) as pool, tempfile.TemporaryDirectory() as name:
        for number, held_out in enumerate(FOLDS):
            row = run_fold(args.data, Path(name) / f"fold{number}", held_out, args, pool)
            rows.append(row)
            by_seed = " ".join(f"{100 * score:.1f}" for score in row["top_1"])
            print(
                f"{row['held_out']:20} {row['test_clips']:3} clips, {row['glosses']:2} glosses, "
                f"{row['left_out_as_duplicates']} copies left out, {row['outside_vocabulary']} clips of other glosses:  "
                f"top-1 {100 * mean(row['top_1']):.1f} %, "
                f"top-5 {100 * mean(row['top_5']):.1f} %  (by seed {by_seed}; read exactly "
                f"{100 * mean(row['read_exactly']):.0f} %; training {mean(row['seconds']):.0f} s; {row['options']})",
                flush=True,
            )
    top_1 = [mean(row["top_1"][seed] for row in rows) for seed in range(args.seeds)]
    top_5 = [mean(row["top_5"][seed] for row in rows) for seed in range(args.seeds)]
    print(
        f"mean of the folds: top-1 {100 * mean(top_1):.1f} % ± {100 * pstdev(top_1):.1f}, top-5 {100 * mean(top_5):.1f} % "
        f"± {100 * pstdev(top_5):.1f} over {args.seeds} seeds"
    )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
