"""Continuous signing from positions alone: RWTH-BOSTON-104 with its official test, without sign boundaries.

    python benchmarks/boston104.py DATA/boston104 [--folds 5 | --test] [--seed 0] [--keep FOLDER]
        [--seeds 1] [--train "--members 3 …"] [--graph "--penalty 2 …"] [--stage3 "…"]

DATA has the positions of both hands and the nose in every frame. They are turned into landmarks: the shoulders, which the signer
frame needs, are placed by the signer's nose and resting hands, and all points of a hand are at its position, so handshape and
orientation are absent. Training clips have their annotated segments (as ELAN files), test clips have none.

--folds: cross-validation on the training sentences, on which all options are chosen. --test: the official test, to be measured
once. Prints the word error rate of the cascade, of CTC beam search and of greedy decoding on the same encoder, with bootstrap
intervals over signers and their sentences, paired intervals of the differences, and separate rates for the sentences that are
word by word in the training data. --stage3: then trains model and cascade with stage 3 and these options ("" for none), and
measures again. With several seeds, prints the mean.
"""

import argparse
import csv
import os
import shlex
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pympi.Elan import Eaf
from twenty import run_asl

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
from asl.pipelines.recogniser.intervals import groups_named, note_of
from asl.pipelines.recogniser.measures import WordErrors, word_errors

FPS, WIDTH, HEIGHT = 30.0, 312, 242
#: Proportions of a signer, in distances from the nose to a resting hand. RESTING: percentile of the hand's height.
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


def csv_rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="") as text:
        return list(csv.DictReader(text))


def sentences(file: Path) -> list[Sentence]:
    words_of: dict[tuple[int, str], list[tuple[str, int, int]]] = defaultdict(list)
    for row in csv_rows(file):
        words_of[int(row["video"]), row["speaker"]].append((row["word"], int(row["startframe"]), int(row["endframe"])))
    return [Sentence(video, signer, tuple(words)) for (video, signer), words in sorted(words_of.items())]


def positions(data: Path) -> dict[int, np.ndarray]:
    """Video → (T, 3, 2) pixels: left hand, right hand, nose."""
    tracks = defaultdict(list)
    for row in csv_rows(data / "hands_condensed.csv"):
        tracks[int(row["video"])].append([[float(row[f"{part}-{axis}"]) for axis in "xy"] for part in ("left", "right", "nose")])
    return {video: np.array(frames) for video, frames in tracks.items()}


def resting_heights(tracks: dict[int, np.ndarray], train: list[Sentence]) -> dict[str, float]:
    """Signer → distance of the resting right hand below the nose, pixels, in the training clips."""
    heights = defaultdict(list)
    for sentence in train:
        track = tracks[sentence.video]
        heights[sentence.signer].append(track[:, 1, 1] - track[:, 2, 1])
    return {signer: float(np.percentile(np.concatenate(parts), RESTING)) for signer, parts in heights.items()}


def landmarks(track: np.ndarray, height: float) -> Landmarks:
    points = empty_points(len(track))
    left, right, nose = track[:, 0], track[:, 1], track[:, 2]
    neck = nose + [0, SHOULDERS_BELOW_NOSE * height]
    half = np.array([SHOULDER_WIDTH * height / 2, 0])
    positions = {0: nose, LEFT_SHOULDER: neck + half, RIGHT_SHOULDER: neck - half, LEFT_WRIST: left, RIGHT_WRIST: right}
    for point, position in positions.items():
        points[:, point] = _flat(position)
    points[:, LEFT_HAND], points[:, RIGHT_HAND] = _flat(left)[:, None], _flat(right)[:, None]
    return Landmarks(points, FPS, WIDTH / HEIGHT, WIDTH)


def _flat(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels / WIDTH, np.zeros((len(pixels), 1))], axis=1)


def write(folder: Path, tracks: dict[int, np.ndarray], train: list[Sentence], test: list[Sentence]) -> None:
    """Writes folder/clips.csv, the .pose files, and .eaf files of the training clips."""
    (folder / "elan").mkdir(parents=True)
    heights = resting_heights(tracks, train)
    lines = []
    for split, sentences in (("train", train), ("test", test)):
        for sentence in sentences:
            name, track = f"{sentence.video:03d}", tracks[sentence.video]
            write_pose(folder / f"{name}.pose", landmarks(track, heights[sentence.signer]))
            lines.append([f"{name}.pose", " ".join(sentence.glosses), sentence.signer, split])
            if split == "train":
                _write_elan(folder / "elan" / f"{name}.eaf", sentence)
    with open(folder / "clips.csv", "w", newline="") as text:
        csv.writer(text).writerows([["path", "gloss", "signer", "split"], *lines])


def _write_elan(path: Path, sentence: Sentence) -> None:
    document = Eaf()
    document.add_tier("gloss")
    last = 0
    for word, first, end in sentence.words:  # annotations of a tier must not overlap in ELAN
        start = max(last, round(1000 * first / FPS))
        last = max(start + 1, round(1000 * (end + 1) / FPS))
        document.add_annotation("gloss", start, last, word)
    document.to_file(str(path))


def read(
    folder: Path, train: list[Sentence], test: list[Sentence], tracks, options: argparse.Namespace, seed: int
) -> dict[str, list]:
    """Decoder → glosses of each test sentence.

    "reference" → the true ones, "signer" → who signs, "seen" → whether they are in the training data.
    """
    write(folder / "clips", tracks, train, test)
    workspace = ("-w", str(folder / "ws"))
    run_asl("init", str(folder / "ws"))
    source = ("--manifest", str(folder / "clips" / "clips.csv"), "--annotations", str(folder / "clips" / "elan"))
    run_asl("extract", *workspace, *source, "--validation-share", "0")
    training = shlex.split(f"--threads 1 --fps {FPS} --seed {seed} {TRAIN} {options.train}")
    run_asl("train-ctc", *workspace, *training)
    run_asl("build-fst", *workspace, *shlex.split(f"{GRAPH} {options.graph}"))
    in_training = {sentence.glosses for sentence in train}
    results: dict[str, list] = {"reference": [], "seen": [], "signer": []}
    signer_of = {f"{sentence.video:03d}": sentence.signer for sentence in test}
    for name in (*DECODERS, *([STAGE_3] if options.stage3 is not None else [])):
        if name == STAGE_3:
            flags = shlex.split(f"--threads 1 --workers 1 --seed {seed} --mirror 0 {options.stage3}")
            run_asl("train-stage3", *workspace, *flags, partly=True)
        decoder = "cascade" if name == STAGE_3 else name
        sentences = run_asl("evaluate", *workspace, "--decoder", decoder, "--force")["results"]["read_sentences"]
        results[name] = [sentence["read_as"].split() for sentence in sentences]
        results["reference"] = [sentence["reference"].split() for sentence in sentences]
        results["signer"] = [signer_of[Path(sentence["name"]).stem] for sentence in sentences]
    results["seen"] = [tuple(glosses) in in_training for glosses in results["reference"]]
    return results


def report(seeds: list[dict[str, list]]) -> None:
    """seeds: the result of `read` for each."""
    groups = groups_named(seeds[0]["signer"])
    seen, names = np.array(seeds[0]["seen"]), [name for name in (*DECODERS, STAGE_3) if name in seeds[0]]
    errors = {name: summed([word_errors(results["reference"], results[name]) for results in seeds]) for name in names}
    for name, of_decoder in errors.items():
        rate = of_decoder.rate(groups)
        in_training, others = (
            100 * of_decoder.errors[group].sum() / max(of_decoder.words[group].sum(), 1) for group in (seen, ~seen)
        )
        print(
            f"{name:9s} WER {100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}], substitutions "
            f"{of_decoder.substitutions.sum()}, deletions {of_decoder.deletions.sum()}, insertions "
            f"{of_decoder.insertions.sum()}; sentences in the training data {in_training:.1f} %, others {others:.1f} %"
        )
    for first, second in (("cascade", "greedy"), ("cascade", "ctc-beam"), (STAGE_3, "cascade")):
        if first in errors:
            difference = errors[first].minus(errors[second], groups)
            low, high = 100 * difference.low, 100 * difference.high
            print(f"{first} minus {second}: {100 * difference.value:+.1f} points [{low:+.1f}, {high:+.1f}]")
    print(
        f"{len(seen)} sentences, {seen.sum()} of them in the training data; {len(seeds)} seeds; intervals {note_of(groups)}",
        flush=True,
    )


def summed(seeds: list[WordErrors]) -> WordErrors:
    """The errors of each sentence, summed over the seeds."""
    counts = ("substitutions", "deletions", "insertions", "words")
    return WordErrors(*(sum(getattr(errors, count) for errors in seeds) for count in counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+", help="only these folds")
    parser.add_argument("--test", action="store_true", help="the official test")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder in which to keep the workspaces")
    parser.add_argument("--train", default="", help="further options of asl train-ctc")
    parser.add_argument("--graph", default="", help="further options of asl build-fst")
    parser.add_argument("--stage3", help="options of asl train-stage3. Default: no stage 3")
    args = parser.parse_args()
    os.environ["ASL_DECODE_MIRROR_AVERAGE"] = "false"  # no training clip is signed with the other hand
    tracks, train = positions(args.data), sentences(args.data / "train_words.csv")
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        fold = np.random.default_rng(0).permutation(len(train)) % args.folds
        results = []
        for seed in range(args.seed, args.seed + args.seeds):
            if args.test:
                test = sentences(args.data / "test_words.csv")
                results.append(read(folder / f"test{seed}", train, test, tracks, args, seed))
                continue
            all_folds: dict[str, list] = defaultdict(list)
            for number in args.only or range(args.folds):
                held_out = [sentence for sentence, f in zip(train, fold, strict=True) if f == number]
                others = [sentence for sentence, f in zip(train, fold, strict=True) if f != number]
                for key, values in read(folder / f"fold{number}-{seed}", others, held_out, tracks, args, seed).items():
                    all_folds[key] += values
            results.append(all_folds)
        report(results)


if __name__ == "__main__":
    main()
