"""Makes the bundle that is shipped with the package: everyday isolated signs and letters, with a causal encoder.

    python benchmarks/default_bundle.py DATA WORK [--train "…"] [--output pipelines/recogniser/shipped_bundle]
    python benchmarks/default_bundle.py DATA --test BUNDLE

DATA has traduttore/, wlasl50/, videos/ and twenty/. WORK is a folder for the workspace, which is kept. Trains on the first three:
on at most PER_GLOSS recordings per gloss and collector of traduttore, so that no word dominates, and on the words of videos.
Tests on twenty, without the source that is also in videos. A clip whose gloss the bundle lacks counts as an error; a second
figure is of the other clips. Prints top-1 and top-5 with intervals over sources and their clips, exact and in INT8, and writes
the exact bundle with these figures on its card. --test: tests a bundle that exists, and leaves it as it is.
"""

import argparse
import csv
import shlex
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from twenty import run_asl

from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.recogniser.bundle import load_bundle
from asl.pipelines.recogniser.intervals import bootstrap_mean, groups_named, note_of
from asl.pipelines.recogniser.measures import ranks, top_k
from asl.pipelines.recogniser.reading import read_landmarks, sign_log_posteriors

PER_GLOSS = 40
#: Glosses that the sources name differently.
COMMON_NAMES = {"THANKS": "THANK-YOU", "THANKYOU": "THANK-YOU", "MOTHER": "MOM"}
#: The source with the same signer and recordings as videos.
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


def common_name(gloss: str) -> str:
    return COMMON_NAMES.get(gloss.upper(), gloss.upper())


def gather(data: Path, folder: Path) -> list[str]:
    """Writes the clips of the three sources with common names. Returns the options of asl extract."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with np.load(data / "traduttore" / "landmarks.npz", allow_pickle=False) as arrays:
        rows_of: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, key in enumerate(zip(arrays["gloss"].tolist(), arrays["collector"].tolist(), strict=True)):
            if key[0] != "-":
                rows_of[key].append(i)
        chosen = np.concatenate([rng.permutation(rows)[:PER_GLOSS] for rows in rows_of.values()])
        gloss = np.array([common_name(name) for name in arrays["gloss"][chosen].tolist()])
        np.savez(folder / "traduttore.npz", landmarks=arrays["landmarks"][chosen], gloss=gloss, group=arrays["collector"][chosen])
    with np.load(data / "wlasl50" / "landmarks.npz", allow_pickle=False) as arrays:
        gloss = np.array([common_name(name) for name in arrays["gloss"].tolist()])
        group = np.full(len(gloss), "wlasl")
        np.savez(folder / "wlasl50.npz", landmarks=arrays["landmarks"], gloss=gloss, group=group)
    with open(data / "videos" / "manifest.csv", newline="") as file, open(folder / "words.csv", "w", newline="") as out:
        rows = [[data.resolve() / "videos" / row["path"], common_name(row["gloss"]), "videos"] for row in csv.DictReader(file)]
        csv.writer(out).writerows([["path", "gloss", "group"], *(row for row in rows if row[0].parent.name == "words")])
    arrays = [word for name in ("traduttore", "wlasl50") for word in ("--landmarks", str(folder / f"{name}.npz"))]
    return [*arrays, "--manifest", str(folder / "words.csv"), "--drop-duplicates"]


#: Rank of a gloss that the bundle lacks.
LACKING = 10**6


@dataclass(frozen=True)
class TestResults:
    """For each test clip: gloss, source, and rank of the gloss among all that the bundle knows, LACKING if it is not one."""

    gloss: np.ndarray
    source: np.ndarray
    rank: np.ndarray

    def accuracy(self) -> str:
        groups = groups_named(self.source.tolist())
        top_1, top_5 = (bootstrap_mean(top_k(self.rank, k), groups).percent for k in (1, 5))
        return f"top-1 {top_1}, top-5 {top_5} of {len(self.rank)} clips of {len(np.unique(self.gloss))} glosses"

    def known(self) -> "TestResults":
        """The clips of glosses that the bundle has."""
        chosen = self.rank < LACKING
        return TestResults(self.gloss[chosen], self.source[chosen], self.rank[chosen])

    def report(self, name: str) -> None:
        print(f"{name}: {self.accuracy()}; of those in the vocabulary: {self.known().accuracy()}")
        for source in np.unique(self.source):
            rank = self.rank[self.source == source]
            print(f"  {source}: {100 * (rank == 0).mean():.1f} % of {len(rank)}, top-5 {100 * (rank < 5).mean():.1f} %")
        print(f"intervals {note_of(groups_named(self.source.tolist()))}", flush=True)


def test_bundle(bundle: Path, data: Path) -> TestResults:
    """Tests the bundle on the sources of twenty that are not in the training data, with each clip as a single sign."""
    model, rows = load_bundle(bundle, threads=1), []
    for file in sorted((data / "twenty").glob("*.pose")):
        source, name, _ = file.stem.split("__")
        gloss, rank = common_name(name), LACKING
        if source == SEEN_SOURCE:
            continue
        if gloss in model.alphabet:
            scores = sign_log_posteriors(read_landmarks(model, read_pose(file), mirror=True))
            rank = ranks(scores[None], np.array([model.alphabet.label(gloss) - 1]))[0]
        rows.append((gloss, source, rank))
    return TestResults(*map(np.array, zip(*rows, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path, nargs="?")
    parser.add_argument("--test", type=Path, metavar="BUNDLE", help="test this bundle, and train nothing")
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--output", type=Path, help="folder for the bundle")
    args = parser.parse_args()
    if args.test:
        return test_bundle(args.test, args.data).report(args.test.name)
    workspace = ("-w", str(args.work))
    if not (args.work / "asl.toml").is_file():
        run_asl("init", str(args.work))
    all_train = ("--split-by", "random", "--test-share", "0", "--validation-share", "0")  # twenty is the test set
    run_asl("extract", *workspace, *gather(args.data, args.work / "sources"), *all_train, partly=True)
    trained = run_asl("train-ctc", *workspace, "--threads", "1", *shlex.split(f"{TRAIN} {args.train}"))["metrics"]
    model = ("--model", trained["model"])
    results = {}
    for name, flags in (("exact", ()), ("int8", ("--int8", "--most-drop", "100"))):
        exported = run_asl("export", *workspace, *model, "--name", name, *flags, "--force")
        results[name] = test_bundle(Path(exported["folder"]), args.data)
        results[name].report(name)
    exact = results["exact"]
    drop = bootstrap_mean(top_k(exact.rank, 1) - top_k(results["int8"].rank, 1), groups_named(exact.source.tolist()))
    print(f"INT8 loses {drop.percent} of top-1")
    if args.output:
        accuracy = (
            f"{exact.accuracy()} from three sources that nobody trained on (webcams, web videos); a clip whose gloss it lacks "
            f"counts as an error. Of the clips of its glosses: {exact.known().accuracy()}. 95 % intervals "
            f"{note_of(groups_named(exact.source.tolist()))}. The other glosses and letters: not tested on unseen sources."
        )
        card = ("--licence", LICENCE, "--accuracy", accuracy)
        run_asl("export", *workspace, *model, "-o", str(args.output), "--name", "everyday", *card, "--force")


if __name__ == "__main__":
    main()
