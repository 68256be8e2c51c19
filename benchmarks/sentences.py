"""Sentences of one signer, read with a vocabulary that was shown one clip a word.

    python benchmarks/sentences.py DATA/videos [--extracted WORKSPACE] [--seed 0] [--train "…"] [--graph "…"]

Trains on DATA/words (citation forms, one clip each) and reads DATA/sentences; no sentence is trained or tuned on. Weights are
set beforehand, G knows words alone (order 1), and all words of DATA/words are possible. Prints the word error rate of the
cascade, CTC beam search and greedy reading of the same encoder, with bootstrap intervals over sentences. Glosses of the
sentences that no word clip shows count as errors. --extracted: a workspace that holds the landmarks of these videos already.
"""

import argparse
import csv
import json
import shlex
import tempfile
from pathlib import Path

from boston104 import DECODERS
from twenty import asl

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.recogniser.measures import word_errors
from asl.pipelines.workspace.folder import open_workspace

TRAIN = "--recipe strong --features phon36+landmarks --patience 0"
GRAPH = "--no-tune --order 1 --longest 3 --encoder-weight 0.3 --code-weight 0.1 --density-weight 0.3"


def manifest(data: Path, extracted: Path | None, file: Path) -> list[list[str]]:
    """Writes the table of clips, words to train on and sentences to test; the glosses of the words."""
    poses = {}
    if extracted:
        opened = open_workspace(extracted)
        poses = {clip.name: opened.inside(clip.pose) for clip in read_clips(opened.clips_file)}
    with open(data / "manifest.csv", newline="") as text:
        rows = [(row["path"], row["gloss"]) for row in csv.DictReader(text)]
    split = {"words": "train", "sentences": "test"}
    lines = [[str(poses.get(path, (data / path).resolve())), gloss, split[path.split("/")[0]]] for path, gloss in rows]
    with open(file, "w", newline="") as text:
        csv.writer(text).writerows([["path", "gloss", "split"], *lines])
    return [gloss.split() for _, gloss, part in lines if part == "train"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--extracted", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", default="")
    parser.add_argument("--graph", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = {word for words in manifest(chosen.data, chosen.extracted, folder / "clips.csv") for word in words}
        there = ("-w", str(folder / "ws"))
        asl("init", str(folder / "ws"))
        asl("extract", *there, "--manifest", str(folder / "clips.csv"), "--validation-share", "0", "--drop-duplicates")
        asl("train-ctc", *there, "--threads", "1", "--seed", str(chosen.seed), *shlex.split(f"{TRAIN} {chosen.train}"))
        asl("build-fst", *there, *shlex.split(f"{GRAPH} {chosen.graph}"))
        errors = {}
        for decoder in DECODERS:
            asl("evaluate", *there, "--decoder", decoder, "--force")
            read = json.loads((folder / "ws/reports/evaluate-test.json").read_text())["read_sentences"]
            truth = [one["reference"].split() for one in read]
            errors[decoder] = word_errors(truth, [one["read_as"].split() for one in read])
            one = errors[decoder].rate()
            kinds = [int(getattr(errors[decoder], kind).sum()) for kind in ("substitutions", "deletions", "insertions")]
            print(f"{decoder:9s} WER {100 * one.value:.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}], S/D/I {kinds}")
        for one in read:
            print(f"  {one['reference']:28s} | {one['read_as']}")
        less = errors["cascade"].minus(errors["ctc-beam"])
        print(f"cascade less ctc-beam: {100 * less.value:+.1f} points [{100 * less.low:+.1f}, {100 * less.high:+.1f}]")
        unknown = sorted({word for words in truth for word in words} - known)
        counts = f"{len(truth)} sentences, {sum(map(len, truth))} words, {len(known)} glosses known"
        print(f"{counts}; not among them: {', '.join(unknown)}")


if __name__ == "__main__":
    main()
