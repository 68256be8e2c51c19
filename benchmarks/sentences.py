"""Sentences of one signer, with a vocabulary learned from one clip per word.

    python benchmarks/sentences.py DATA/videos [--extracted WORKSPACE] [--seed 0] [--train "…"] [--graph "…"]

Trains on DATA/words (citation forms, one clip each) and tests on DATA/sentences; nothing is trained or tuned on sentences.
Weights are fixed beforehand, G is a unigram model, and all words of DATA/words are possible. Prints the word error rate of the
cascade, CTC beam search and greedy decoding of the same encoder, with bootstrap intervals over sentences. Glosses that no word
clip shows count as errors. --extracted: a workspace that already has the landmarks of these videos.
"""

import argparse
import csv
import shlex
import tempfile
from pathlib import Path

from boston104 import DECODERS
from twenty import run_asl

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.recogniser.measures import word_errors
from asl.pipelines.workspace.folder import open_workspace

TRAIN = "--recipe strong --features phon36+landmarks --patience 0"
GRAPH = "--no-tune --order 1 --longest 3 --encoder-weight 0.3 --code-weight 0.1 --density-weight 0.3"


def manifest(data: Path, extracted: Path | None, file: Path) -> list[list[str]]:
    """Writes the table of clips, with words to train on and sentences to test on. Returns the glosses of the words."""
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
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = {word for words in manifest(args.data, args.extracted, folder / "clips.csv") for word in words}
        workspace = ("-w", str(folder / "ws"))
        run_asl("init", str(folder / "ws"))
        run_asl("extract", *workspace, "--manifest", str(folder / "clips.csv"), "--validation-share", "0", "--drop-duplicates")
        run_asl("train-ctc", *workspace, "--threads", "1", "--seed", str(args.seed), *shlex.split(f"{TRAIN} {args.train}"))
        run_asl("build-fst", *workspace, *shlex.split(f"{GRAPH} {args.graph}"))
        errors = {}
        for decoder in DECODERS:
            sentences = run_asl("evaluate", *workspace, "--decoder", decoder, "--force")["results"]["read_sentences"]
            truth = [sentence["reference"].split() for sentence in sentences]
            errors[decoder] = word_errors(truth, [sentence["read_as"].split() for sentence in sentences])
            rate = errors[decoder].rate()
            kinds = [int(getattr(errors[decoder], kind).sum()) for kind in ("substitutions", "deletions", "insertions")]
            print(f"{decoder:9s} WER {100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}], S/D/I {kinds}")
        for sentence in sentences:
            print(f"  {sentence['reference']:28s} | {sentence['read_as']}")
        difference = errors["cascade"].minus(errors["ctc-beam"])
        low, high = 100 * difference.low, 100 * difference.high
        print(f"cascade minus ctc-beam: {100 * difference.value:+.1f} points [{low:+.1f}, {high:+.1f}]")
        unknown = sorted({word for words in truth for word in words} - vocabulary)
        counts = f"{len(truth)} sentences, {sum(map(len, truth))} words, {len(vocabulary)} glosses in the vocabulary"
        print(f"{counts}; out of vocabulary: {', '.join(unknown)}")


if __name__ == "__main__":
    main()
