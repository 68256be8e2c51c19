"""Twenty everyday signs, recognised from sources that were not trained on (three folds, several seeds).

    python benchmarks/twenty.py DATA/twenty [--seeds 3] [--train "--epochs 60"] [--json FILE]

Each fold holds out one source (or two small ones), drops from training every clip that has a copy in the held-out source,
and trains on glosses with at least four training clips. Prints top-1 by fold and the time that training took.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, pstdev

FOLDS = (("harshit",), ("ksukkau",), ("aslflashcards", "aslearn"))


SOME_FAILED = 3


def asl(*words: str, partly: bool = False) -> dict:
    """Runs the executable and returns its JSON; `partly` lets some clips fail."""
    command = [sys.executable, "-m", "asl_cli.main", *words, "--format", "json", "-q"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode and not (partly and done.returncode == SOME_FAILED):
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


def run_fold(data: Path, folder: Path, held_out: tuple[str, ...], seeds: int, train: list[str], extract: list[str]) -> dict:
    asl("init", str(folder))
    groups = [word for group in held_out for word in ("--test-groups", group)]
    there = ("-w", str(folder))
    corpus = asl("extract", *there, "--poses", str(data), *groups, "--drop-duplicates", *extract)["metrics"]
    scores, exact, seconds = [], [], []
    for seed in range(seeds):
        made = asl("train-ctc", *there, "--min-clips", "4", "--seed", str(seed), *train)["metrics"]
        found = asl("evaluate", *there, "--force")["results"]
        scores.append(found["top_1"]["value"])
        exact.append(found["read_exactly"]["value"])
        seconds.append(made["seconds"])
    return {
        "held_out": "+".join(held_out),
        "glosses": made["glosses"],
        "train_clips": made["train_clips"],
        "test_clips": found["signs"],
        "left_out_as_duplicates": corpus.get("left_out_as_duplicates", 0),
        "top_1": scores,
        "read_exactly": exact,
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--extract", default="", help="further options of asl extract")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = []
    for number, held_out in enumerate(FOLDS):
        with tempfile.TemporaryDirectory() as folder:
            row = run_fold(
                chosen.data,
                Path(folder) / f"fold{number}",
                held_out,
                chosen.seeds,
                shlex.split(chosen.train),
                shlex.split(chosen.extract),
            )
        rows.append(row)
        listed = " ".join(f"{100 * score:.1f}" for score in row["top_1"])
        print(
            f"{row['held_out']:20} {row['test_clips']:3} clips, {row['glosses']:2} glosses, "
            f"{row['left_out_as_duplicates']} copies left out:  top-1 {100 * mean(row['top_1']):.1f} %  (seeds {listed}; "
            f"read exactly {100 * mean(row['read_exactly']):.0f} %; training {mean(row['seconds']):.0f} s)",
            flush=True,
        )
    means = [mean(row["top_1"][seed] for row in rows) for seed in range(chosen.seeds)]
    print(f"mean of the folds: {100 * mean(means):.1f} % ± {100 * pstdev(means):.1f} over {chosen.seeds} seeds; {chosen.train}")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
