"""The bundle that the package ships: everyday isolated signs and letters, read by a causal encoder.

    python benchmarks/default_bundle.py DATA WORK [--train "…"] [--output pipelines/bundle]

DATA holds traduttore/, wlasl50/, videos/ and twenty/; WORK is a folder for the workspace, which is kept. Trains on the first
three: of traduttore at most PER_GLOSS recordings a gloss and collector, so that no word drowns the others, and of videos the
words. twenty is its test: sources that nobody trained on, without the one that videos came from as well, and without the
glosses that training has not. Prints top-1 and top-5 with intervals, exact and in INT8, and writes the exact bundle with them on
its card.
"""

import argparse
import csv
import shlex
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from twenty import asl

from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.recogniser.bundle import load_bundle
from asl.pipelines.recogniser.measures import bootstrap_mean, ranks, top_k
from asl.pipelines.recogniser.reading import sign_log_posteriors, read_landmarks

PER_GLOSS = 40
#: One gloss for what the sources name differently.
ONE_NAME = {"THANKS": "THANK-YOU", "THANKYOU": "THANK-YOU", "MOTHER": "MOM"}
#: The same signer, and the same recordings, as videos.
SEEN_SOURCE = "aslearn"
LICENCE = (
    "weights only: Apache-2.0, as asl. They were trained on traduttore (MIT), 50 glosses of WLASL (C-UDA: computational use of "
    "data) and words of the app ASLearn (GPL-3.0); none of these recordings is in the bundle. Mind those licences in what you "
    "build on it."
)
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


@dataclass(frozen=True)
class Tested:
    """Of the clips of twenty: names, gloss, source, and rank of the gloss among all that the bundle knows."""

    gloss: np.ndarray
    source: np.ndarray
    rank: np.ndarray

    def says(self) -> str:
        own = [bootstrap_mean(top_k(self.rank, k)).percent for k in (1, 5)]
        return f"top-1 {own[0]}, top-5 {own[1]}"


def tested(bundle: Path, data: Path) -> Tested:
    """The bundle on twenty's sources that nobody trained on, each clip as one sign, as asl translate --isolated reads it."""
    model, rows = load_bundle(bundle, threads=1), []
    for file in sorted((data / "twenty").glob("*.pose")):
        source, gloss, _ = file.stem.split("__")
        if source != SEEN_SOURCE and named(gloss) in model.alphabet:
            scores = sign_log_posteriors(read_landmarks(model, read_pose(file), mirror=True))
            rows.append((named(gloss), source, ranks(scores[None], np.array([model.alphabet.label(named(gloss)) - 1]))[0]))
    return Tested(*map(np.array, zip(*rows, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--output", type=Path, help="where the bundle goes")
    chosen = parser.parse_args()
    workspace = ("-w", str(chosen.work))
    if not (chosen.work / "asl.toml").is_file():
        asl("init", str(chosen.work))
    whole = ("--split-by", "random", "--test-share", "0", "--validation-share", "0")  # twenty is the test
    asl("extract", *workspace, *gather(chosen.data, chosen.work / "sources"), *whole, partly=True)
    trained = asl("train-ctc", *workspace, "--threads", "1", *shlex.split(f"{TRAIN} {chosen.train}"))["metrics"]
    model = ("--model", trained["model"])
    found = {}
    for name, words in (("exact", ()), ("int8", ("--int8", "--most-drop", "100"))):
        made = asl("export", *workspace, *model, "--name", name, *words, "--force")
        found[name] = tested(Path(made["folder"]), chosen.data)
        print(f"{name}: {found[name].says()} of {len(found[name].rank)} clips")
        for source in np.unique(found[name].source):
            own = found[name].rank[found[name].source == source]
            print(f"  {source}: {100 * (own == 0).mean():.1f} % of {len(own)}, top-5 {100 * (own < 5).mean():.1f} %")
    drop = bootstrap_mean(top_k(found["exact"].rank, 1) - top_k(found["int8"].rank, 1))
    print(f"INT8 loses {drop.percent} of top-1")
    if chosen.output:
        own = found["exact"]
        words = (
            f"{own.says()} (95 % intervals) of {len(own.rank)} clips of {len(np.unique(own.gloss))} of its glosses, from three "
        )
        words += (
            "sources that nobody trained on (webcams, web videos). The other glosses and letters: not tested on unseen sources."
        )
        card = ("--licence", LICENCE, "--accuracy", words)
        asl("export", *workspace, *model, "-o", str(chosen.output), "--name", "everyday", *card, "--force")


if __name__ == "__main__":
    main()
