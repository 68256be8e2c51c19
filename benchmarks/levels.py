"""What each level of the cascade is worth on synthetic sentences of signers that nobody trained on.

    python benchmarks/levels.py [--workspace FOLDER] [--sentences 1200] [--epochs 40]

Builds the cascade whole, and without discourse, without fusion, with changes in context, and in units shared by all signs; the
weights are found anew each time, on validation clips. Figures of the test sentences: word error rate beside CTC beam
search on the same encoder (with the paired interval); points back at a locus, agreement verbs and fused signs read right; and
plain signs that were read as fused. A workspace that is there is used as it is.
"""

import argparse
import json
import tempfile
from pathlib import Path

import jiwer
import numpy as np
from twenty import asl

from pipelines.clips import read_clips
from pipelines.features import open_features
from pipelines.models_folder import find_model, load_model
from pipelines.progress import Silent
from pipelines.reader import reader_for
from pipelines.recognition import read_features
from pipelines.references import AGREEMENT, POINT
from pipelines.workspace import open_workspace

VARIANTS = {
    "whole": (),
    "without D": ("--no-discourse",),
    "without M": ("--no-fusion",),
    "with changes in C": ("--assimilation", "2", "--reduction", "3"),
    "200 shared units": ("--units", "200"),
}


def matched(reference: list[str], read: list[str]) -> np.ndarray:
    """(words,) whether each word of the reference was read, by the alignment with fewest errors."""
    right = np.zeros(len(reference), dtype=bool)
    for chunk in jiwer.process_words(" ".join(reference), " ".join(read) or "-").alignments[0]:
        if chunk.type == "equal":
            right[chunk.ref_start_idx : chunk.ref_end_idx] = True
    return right


def figures(workspace, graph: str) -> dict[str, list[bool]]:
    """Kind of word → whether each was right."""
    model = load_model(find_model(workspace, None))
    reader = reader_for(workspace, model, workspace.settings("decode", {"decoder": "cascade"}), graph)
    clips = read_clips(workspace.clips_file)
    store = open_features(workspace, clips, model.features, Silent())
    names = reader.graph.card["columns"]["names"]
    found: dict[str, list[bool]] = {kind: [] for kind in ("points back", "agreement", "fused", "plain read as fused")}
    for i, clip in enumerate(clips):
        if clip.split != "test" or len(clip.glosses) < 2:
            continue
        reading = read_features(model, store[i], mirror=True)
        path = reader.graph.best_path(reading, reader.settings)
        right = matched(list(clip.glosses), reader.graph.alphabet.names(path.words))
        fused_frames = {t for t, label in enumerate(path.frames) if "+" in names[label - 1]}
        marked = [one for one in clip.segments if one.tier == "gloss"]
        back = {one.start for one in clip.segments if one.tier == "reference" and one.value.startswith("retrieve")}
        forms = {one.start: one.value.startswith("fused") for one in clip.segments if one.tier == "form"}
        for one, own in zip(marked, right, strict=True):
            if POINT.fullmatch(one.value) and one.start in back:
                found["points back"].append(own)
            elif AGREEMENT.fullmatch(one.value):
                found["agreement"].append(own)
            if forms.get(one.start):
                found["fused"].append(own)
            elif one.start in forms:
                frames = range(round(one.start * store.fps), round(one.end * store.fps))
                found["plain read as fused"].append(2 * len(fused_frames.intersection(frames)) > len(frames))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--sentences", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.workspace or Path(name) / "ws"
        if chosen.workspace is None:
            asl("init", str(folder))
            corpus = ("--synthetic", "--signs", "60", "--clips", "12", "--sentences", str(chosen.sentences), "--signers", "12")
            asl("extract", "-w", str(folder), *corpus, "--split-by", "group")
            asl("train-ctc", "-w", str(folder), "--epochs", str(chosen.epochs), "--threads", "1")
        for title, flags in VARIANTS.items():
            graph = title.replace(" ", "-")
            asl("build-fst", "-w", str(folder), "--name", graph, *flags)
            asl("evaluate", "-w", str(folder), "--decoder", "cascade", "--graph", graph)
            results = json.loads((folder / "reports" / "evaluate-test.json").read_text())
            wer, less = results["wer_cascade"], results["cascade_less_ctc_beam"]
            print(f"{title}: WER {100 * wer['value']:.1f} % [{100 * wer['low']:.1f}, {100 * wer['high']:.1f}], ", end="")
            print(f"less beam search {100 * less['value']:+.1f} [{100 * less['low']:+.1f}, {100 * less['high']:+.1f}]; ", end="")
            shares = figures(open_workspace(folder), graph).items()
            print(", ".join(f"{kind} {100 * np.mean(own):.1f} % of {len(own)}" for kind, own in shares), flush=True)
        print(f"beam search {100 * results['wer_ctc_beam']['value']:.1f} %, greedy {100 * results['wer_greedy']['value']:.1f} %")


if __name__ == "__main__":
    main()
