"""The contribution of each level of the cascade, on synthetic sentences of unseen signers.

    python benchmarks/levels.py [--workspace FOLDER] [--sentences 1200] [--signers 12] [--train "--epochs 40"]
        [--variants whole …]

Builds the full cascade, and variants without discourse, without fusion, with coarticulation, and with units shared by all signs.
Weights are tuned for each on validation clips. Prints, on the test sentences: word error rate, and its paired difference to CTC
beam search on the same encoder; correct points back at a locus, agreement verbs and fused signs; and plain signs that were read
as fused. With --workspace, uses the existing workspace.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

import jiwer
import numpy as np
from twenty import run_asl

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.reading import read_features
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.synthetic.lexicon import everyday_signs
from asl.pipelines.translation.reader import reader_for
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent
from asl.transducers.glossing import AGREEMENT, POINT

VARIANTS = {
    "whole": (),
    "without D": ("--no-discourse",),
    "without M": ("--no-fusion",),
    "with changes in C": ("--assimilation", "2", "--reduction", "3"),
    "200 shared units": ("--units", "200"),
}


def partners(reference: list[str], read: list[str]) -> list[str | None]:
    """The word read for each word of the reference, by the alignment with fewest errors; None for deletions."""
    partner_words: list[str | None] = [None] * len(reference)
    if not read:
        return partner_words
    for chunk in jiwer.process_words(" ".join(reference), " ".join(read)).alignments[0]:
        if chunk.type in ("equal", "substitute"):
            partner_words[chunk.ref_start_idx : chunk.ref_end_idx] = read[chunk.hyp_start_idx : chunk.hyp_end_idx]
    return partner_words


def figures(workspace, graph: str, name: str | None = None) -> dict[str, list[bool]]:
    """Kind of word → whether each was right; of a fused sign, both glosses. name: of the model. Default: the newest.

    "of that class": with any object that is fused in the same way, which is all that the form shows (SPEC §9).
    """
    roles = {sign.gloss: sign.role for sign in everyday_signs()}
    model = load_model(find_model(workspace, name))
    reader = reader_for(workspace, model, workspace.settings("decode", {"decoder": "cascade"}), graph)
    clips = read_clips(workspace.clips_file)
    store = open_features(workspace, clips, model.features, Silent())
    label_names = reader.graph.card["columns"]["names"]
    kinds = ("points back", "agreement", "fused", "fused, of that class", "plain read as fused")
    results: dict[str, list[bool]] = {kind: [] for kind in kinds}
    for i, clip in enumerate(clips):
        if clip.split != "test" or len(clip.glosses) < 2:
            continue
        reading = read_features(model, store[i], mirror=True)
        path = reader.graph.best_path(reading, reader.settings)
        read = partners(list(clip.glosses), reader.graph.words(path))
        signs = [segment for segment in clip.segments if segment.tier == "gloss"]
        words = [(sign, sign.value == word, word) for sign, word in zip(signs, read, strict=True)]
        references = [segment for segment in clip.segments if segment.tier == "reference"]
        back = {reference.start for reference in references if reference.value.startswith("retrieve")}
        results["points back"] += [right for sign, right, _ in words if POINT.fullmatch(sign.value) and sign.start in back]
        results["agreement"] += [right for sign, right, _ in words if AGREEMENT.fullmatch(sign.value)]
        fused_frames = {t for t, label in enumerate(path.frames) if "+" in label_names[label - 1]}
        for form in (segment for segment in clip.segments if segment.tier == "form"):
            if form.value.startswith("fused"):
                (_, verb_right, _), (thing, right, object_read) = [word for word in words if word[0].start == form.start]
                results["fused"].append(verb_right and right)
                results["fused, of that class"].append(verb_right and roles.get(object_read) == roles[thing.value])
            else:
                frames = range(round(form.start * store.fps), round(form.end * store.fps))
                results["plain read as fused"].append(2 * len(fused_frames.intersection(frames)) > len(frames))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--sentences", type=int, default=1200)
    parser.add_argument("--signers", type=int, default=12)
    parser.add_argument("--train", default="--epochs 40", help="options of asl train-ctc")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.workspace or Path(name) / "ws"
        if args.workspace is None:
            run_asl("init", str(folder))
            corpus = ("--synthetic", "--signs", "60", "--clips", "12", "--split-by", "group")
            size = ("--sentences", str(args.sentences), "--signers", str(args.signers))
            run_asl("extract", "-w", str(folder), *corpus, *size)
            run_asl("train-ctc", "-w", str(folder), "--threads", "1", *shlex.split(args.train))
        for title, flags in ((title, VARIANTS[title]) for title in args.variants):
            graph = title.replace(" ", "-")
            run_asl("build-fst", "-w", str(folder), "--name", graph, *flags)
            results = run_asl("evaluate", "-w", str(folder), "--decoder", "cascade", "--graph", graph)["results"]
            wer, difference = results["wer_cascade"], results["cascade_less_ctc_beam"]
            print(f"{title}: WER {100 * wer['value']:.1f} % [{100 * wer['low']:.1f}, {100 * wer['high']:.1f}], ", end="")
            low, high = 100 * difference["low"], 100 * difference["high"]
            print(f"minus beam search {100 * difference['value']:+.1f} [{low:+.1f}, {high:+.1f}]; ", end="")
            shares = figures(open_workspace(folder), graph).items()
            print(", ".join(f"{kind} {100 * np.mean(right):.1f} % of {len(right)}" for kind, right in shares), flush=True)
        print(f"beam search {100 * results['wer_ctc_beam']['value']:.1f} %, greedy {100 * results['wer_greedy']['value']:.1f} %")


if __name__ == "__main__":
    main()
