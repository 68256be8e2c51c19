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


def asl(*words: str) -> dict:
    """Runs the executable and returns its JSON."""
    done = subprocess.run([sys.executable, "-m", "asl_cli.main", *words, "--format", "json", "-q"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def run_fold(data: Path, folder: Path, held_out: tuple[str, ...], seeds: int, train: list[str], extract: list[str]) -> dict:
    subprocess.run([sys.executable, "-m", "asl_cli.main", "init", str(folder), "-q"], check=True)
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
        "held_out": "+".join(held_out), "train_clips": made["train_clips"], "test_clips": found["signs"], "glosses": made["glosses"],
        "left_out_as_duplicates": corpus.get("left_out_as_duplicates", 0), "top_1": scores, "read_exactly": exact, "seconds": seconds,
    }  # fmt: skip


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
                chosen.data, Path(folder) / f"fold{number}", held_out, chosen.seeds, shlex.split(chosen.train), shlex.split(chosen.extract)
            )
        rows.append(row)
        listed = " ".join(f"{100 * score:.1f}" for score in row["top_1"])
        print(
            f"{row['held_out']:24} {row['test_clips']:3} test clips, {row['glosses']:2} glosses, {row['left_out_as_duplicates']} copies dropped:"
            f"  top-1 {100 * mean(row['top_1']):.1f} %  (seeds {listed}; read exactly {100 * mean(row['read_exactly']):.0f} %; training {mean(row['seconds']):.0f} s)",
            flush=True,
        )
    means = [mean(row["top_1"][seed] for row in rows) for seed in range(chosen.seeds)]
    print(f"mean of the folds: {100 * mean(means):.1f} % ± {100 * pstdev(means):.1f} over {chosen.seeds} seeds; {chosen.train}")
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
