"""Continuous signing from positions alone: RWTH-BOSTON-104, its official test, nothing said of where signs are.

    python benchmarks/boston104.py DATA/boston104 [--folds 5 | --test] [--seed 0] [--keep FOLDER]
        [--seeds 1] [--train "--members 3 …"] [--graph "--penalty 2 …"] [--stage3 "…"]

DATA holds, per frame, the positions of both hands and the nose. They become landmarks: the shoulders, which the signer frame
needs, are put where the signer's nose and resting hands say, and all points of a hand lie at its position, so that handshape and
orientation are absent. Training clips carry their annotated segments (as ELAN files), test clips nothing.

--folds: cross-validation on the training sentences, where everything is chosen. --test: the official test, to be read once.
Prints the word error rate of the cascade, of CTC beam search and of greedy reading on the same encoder, with bootstrap
intervals over sentences, paired ones between them, and apart for sentences that training has word by word and others. --stage3:
model and cascade are then trained further on what they confuse, with these options ("" for none), and read again. Of several
seeds the mean is shown.
"""

import argparse
import csv
import json
import os
import shlex
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pympi.Elan import Eaf
from twenty import asl

from asl.models.features.holistic import (
    LEFT_HAND,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    Landmarks,
    empty_points,
)
from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.recogniser.measures import WordErrors, word_errors

FPS, WIDTH, HEIGHT = 30.0, 312, 242
#: Heights and widths of a signer in the distance from the nose to a resting hand.
SHOULDERS_BELOW_NOSE, SHOULDER_WIDTH, RESTING = 0.4, 0.5, 95
#: Chosen by cross-validation on the training sentences.
TRAIN = (
    "--hidden 96 --layers 2 --members 5 --frames 1 --epochs 80 --label-prior 0.5 --patience 0 --mirror 0 --scale 0.1 --shift 0.1"
)
GRAPH = "--no-tune --longest 3 --language-weight 2 --encoder-weight 0.6 --code-weight 0.15 --density-weight 0.12"
DECODERS = ("greedy", "ctc-beam", "cascade")
STAGE_3 = "stage 3"


@dataclass(frozen=True)
class Sentence:
    """words: (gloss, first frame, last frame)."""

    video: int
    signer: str
    words: tuple[tuple[str, int, int], ...]

    @property
    def glosses(self) -> tuple[str, ...]:
        return tuple(word for word, _, _ in self.words)


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="") as text:
        return list(csv.DictReader(text))


def sentences(file: Path) -> list[Sentence]:
    found: dict[tuple[int, str], list[tuple[str, int, int]]] = defaultdict(list)
    for row in rows(file):
        found[int(row["video"]), row["speaker"]].append((row["word"], int(row["startframe"]), int(row["endframe"])))
    return [Sentence(video, signer, tuple(words)) for (video, signer), words in sorted(found.items())]


def positions(data: Path) -> dict[int, np.ndarray]:
    """Video → (T, 3, 2) pixels: left hand, right hand, nose."""
    found = defaultdict(list)
    for row in rows(data / "hands_condensed.csv"):
        found[int(row["video"])].append([[float(row[f"{part}-{axis}"]) for axis in "xy"] for part in ("left", "right", "nose")])
    return {video: np.array(frames) for video, frames in found.items()}


def resting_heights(tracks: dict[int, np.ndarray], train: list[Sentence]) -> dict[str, float]:
    """Signer → how far below the nose the right hand rests, pixels, in the training clips."""
    own = defaultdict(list)
    for one in train:
        track = tracks[one.video]
        own[one.signer].append(track[:, 1, 1] - track[:, 2, 1])
    return {signer: float(np.percentile(np.concatenate(parts), RESTING)) for signer, parts in own.items()}


def landmarks(track: np.ndarray, height: float) -> Landmarks:
    points = empty_points(len(track))
    left, right, nose = track[:, 0], track[:, 1], track[:, 2]
    neck = nose + [0, SHOULDERS_BELOW_NOSE * height]
    half = np.array([SHOULDER_WIDTH * height / 2, 0])
    placed = {0: nose, LEFT_SHOULDER: neck + half, RIGHT_SHOULDER: neck - half, LEFT_WRIST: left, RIGHT_WRIST: right}
    for point, where in placed.items():
        points[:, point] = _flat(where)
    points[:, LEFT_HAND], points[:, RIGHT_HAND] = _flat(left)[:, None], _flat(right)[:, None]
    return Landmarks(points, FPS, WIDTH / HEIGHT, WIDTH)


def _flat(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels / WIDTH, np.zeros((len(pixels), 1))], axis=1)


def write(folder: Path, tracks: dict[int, np.ndarray], train: list[Sentence], test: list[Sentence]) -> None:
    """folder/clips.csv, the .pose files, and .eaf files of the training clips."""
    (folder / "elan").mkdir(parents=True)
    heights = resting_heights(tracks, train)
    lines = []
    for split, own in (("train", train), ("test", test)):
        for one in own:
            write_pose(folder / f"{one.video:03d}.pose", landmarks(tracks[one.video], heights[one.signer]))
            lines.append([f"{one.video:03d}.pose", " ".join(one.glosses), one.signer, split])
            if split == "train":
                _write_elan(folder / "elan" / f"{one.video:03d}.eaf", one)
    with open(folder / "clips.csv", "w", newline="") as text:
        csv.writer(text).writerows([["path", "gloss", "signer", "split"], *lines])


def _write_elan(path: Path, one: Sentence) -> None:
    document = Eaf()
    document.add_tier("gloss")
    last = 0
    for word, first, end in one.words:  # ELAN's annotations of one tier may not overlap
        start = max(last, round(1000 * first / FPS))
        last = max(start + 1, round(1000 * (end + 1) / FPS))
        document.add_annotation("gloss", start, last, word)
    document.to_file(str(path))


def read(
    folder: Path, train: list[Sentence], test: list[Sentence], tracks, options: argparse.Namespace, seed: int
) -> dict[str, list]:
    """Decoder → what it read of each test sentence; "reference" → what is signed, "seen" → whether training has it so."""
    write(folder / "clips", tracks, train, test)
    there = ("-w", str(folder / "ws"))
    asl("init", str(folder / "ws"))
    source = ("--manifest", str(folder / "clips" / "clips.csv"), "--annotations", str(folder / "clips" / "elan"))
    asl("extract", *there, *source, "--validation-share", "0")
    training = shlex.split(f"--threads 1 --fps {FPS} --seed {seed} {TRAIN} {options.train}")
    asl("train-ctc", *there, *training)
    asl("build-fst", *there, *shlex.split(f"{GRAPH} {options.graph}"))
    known = {one.glosses for one in train}
    found: dict[str, list] = {"reference": [], "seen": []}
    for name in (*DECODERS, *([STAGE_3] if options.stage3 is not None else [])):
        if name == STAGE_3:
            words = shlex.split(f"--threads 1 --workers 1 --seed {seed} --mirror 0 {options.stage3}")
            asl("train-stage3", *there, *words, partly=True)
        asl("evaluate", *there, "--decoder", "cascade" if name == STAGE_3 else name, "--force")
        said = json.loads((folder / "ws/reports/evaluate-test.json").read_text())["read_sentences"]
        found[name] = [one["read_as"].split() for one in said]
        found["reference"] = [one["reference"].split() for one in said]
    found["seen"] = [tuple(one) in known for one in found["reference"]]
    return found


def report(seeds: list[dict[str, list]]) -> None:
    """seeds: what was read with each."""
    seen, names = np.array(seeds[0]["seen"]), [name for name in (*DECODERS, STAGE_3) if name in seeds[0]]
    errors = {name: together([word_errors(found["reference"], found[name]) for found in seeds]) for name in names}
    for name, one in errors.items():
        whole = one.rate()
        parts = [100 * one.errors[which].sum() / max(one.words[which].sum(), 1) for which in (seen, ~seen)]
        print(
            f"{name:9s} WER {100 * whole.value:.1f} % [{100 * whole.low:.1f}, {100 * whole.high:.1f}], substitutions "
            f"{one.substitutions.sum()}, deletions {one.deletions.sum()}, insertions {one.insertions.sum()}; sentences that "
            f"training has {parts[0]:.1f} %, others {parts[1]:.1f} %"
        )
    for first, other in (("cascade", "greedy"), ("cascade", "ctc-beam"), (STAGE_3, "cascade")):
        if first in errors:
            less = errors[first].minus(errors[other])
            print(f"{first} less {other}: {100 * less.value:+.1f} points [{100 * less.low:+.1f}, {100 * less.high:+.1f}]")
    print(f"{len(seen)} sentences, {seen.sum()} of them in training; {len(seeds)} seeds", flush=True)


def together(seeds: list[WordErrors]) -> WordErrors:
    """The errors of each sentence over all seeds."""
    return WordErrors(
        *(sum(getattr(one, part) for one in seeds) for part in ("substitutions", "deletions", "insertions", "words"))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+", help="these folds only")
    parser.add_argument("--test", action="store_true", help="the official test")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave the workspaces here")
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--graph", default="", help="further options of asl build-fst")
    parser.add_argument("--stage3", help="options of asl train-stage3, which is left out otherwise")
    chosen = parser.parse_args()
    os.environ["ASL_DECODE_MIRROR_AVERAGE"] = "false"  # nobody in training signs with the other hand
    tracks, train = positions(chosen.data), sentences(chosen.data / "train_words.csv")
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.keep or Path(name)
        fold = np.random.default_rng(0).permutation(len(train)) % chosen.folds
        found = []
        for seed in range(chosen.seed, chosen.seed + chosen.seeds):
            if chosen.test:
                test = sentences(chosen.data / "test_words.csv")
                found.append(read(folder / f"test{seed}", train, test, tracks, chosen, seed))
                continue
            whole: dict[str, list] = defaultdict(list)
            for number in chosen.only or range(chosen.folds):
                held = [one for one, own in zip(train, fold, strict=True) if own == number]
                rest = [one for one, own in zip(train, fold, strict=True) if own != number]
                for key, values in read(folder / f"fold{number}-{seed}", rest, held, tracks, chosen, seed).items():
                    whole[key] += values
            found.append(whole)
        report(found)


if __name__ == "__main__":
    main()
