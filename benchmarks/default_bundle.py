"""The bundle that the package ships: everyday isolated signs and letters, read by a causal encoder.

    python benchmarks/default_bundle.py DATA WORK [--train "…"] [--output pipelines/bundle]

DATA holds traduttore/, wlasl50/, videos/ and twenty/; WORK is a folder for the workspace, which is kept. Trains on the first
three: of traduttore at most PER_GLOSS recordings a gloss and collector, so that no word drowns the others, and of videos the
words. twenty is its test: sources that nobody trained on, without the one that videos came from as well, and without the
glosses that training has not. Prints top-1 and top-5 with intervals, and writes the INT8 bundle with them on its card.
"""

import argparse
import csv
import shlex
from collections import defaultdict
from pathlib import Path

import numpy as np
from twenty import asl

PER_GLOSS = 40
#: One gloss for what the sources name differently.
ONE_NAME = {"THANKS": "THANK-YOU", "THANKYOU": "THANK-YOU", "MOTHER": "MOM"}
#: The same signer, and the same recordings, as videos.
SEEN_SOURCE = "aslearn"
TRAIN = (
    "--encoder conv-attention --causal --causal-features --features phon36+landmarks --parts hands+body --hidden 128 --layers 1 "
    "--recipe strong --members 1 --epochs 100"
)


def named(gloss: str) -> str:
    return ONE_NAME.get(gloss.upper(), gloss.upper())


def gather(data: Path, folder: Path) -> list[str]:
    """Writes the clips of the three sources with common names; the options of asl extract."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with np.load(data / "traduttore" / "landmarks.npz", allow_pickle=False) as arrays:
        own: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, key in enumerate(zip(arrays["gloss"].tolist(), arrays["collector"].tolist(), strict=True)):
            if key[0] != "-":
                own[key].append(i)
        chosen = np.concatenate([rng.permutation(rows)[:PER_GLOSS] for rows in own.values()])
        gloss = np.array([named(one) for one in arrays["gloss"][chosen].tolist()])
        np.savez(folder / "traduttore.npz", landmarks=arrays["landmarks"][chosen], gloss=gloss, group=arrays["collector"][chosen])
    with np.load(data / "wlasl50" / "landmarks.npz", allow_pickle=False) as arrays:
        gloss = np.array([named(one) for one in arrays["gloss"].tolist()])
        group = np.full(len(gloss), "wlasl")
        np.savez(folder / "wlasl50.npz", landmarks=arrays["landmarks"], gloss=gloss, group=group)
    with open(data / "videos" / "manifest.csv", newline="") as file, open(folder / "words.csv", "w", newline="") as out:
        rows = [[data.resolve() / "videos" / one["path"], named(one["gloss"]), "videos"] for one in csv.DictReader(file)]
        csv.writer(out).writerows([["path", "gloss", "group"], *(row for row in rows if row[0].parent.name == "words")])
    arrays = [word for name in ("traduttore", "wlasl50") for word in ("--landmarks", str(folder / f"{name}.npz"))]
    return [*arrays, "--manifest", str(folder / "words.csv"), "--drop-duplicates"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    chosen = parser.parse_args()
    workspace = ("-w", str(chosen.work))
    if not (chosen.work / "asl.toml").is_file():
        asl("init", str(chosen.work))
    whole = ("--split-by", "random", "--test-share", "0", "--validation-share", "0")  # twenty is the test
    asl("extract", *workspace, *gather(chosen.data, chosen.work / "sources"), *whole, partly=True)
    print(asl("train-ctc", *workspace, "--threads", "1", *shlex.split(f"{TRAIN} {chosen.train}"))["metrics"], flush=True)


if __name__ == "__main__":
    main()
