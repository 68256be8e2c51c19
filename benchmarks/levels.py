"""What each level of the cascade is worth on synthetic sentences of signers that nobody trained on.

    python benchmarks/levels.py [--workspace FOLDER] [--sentences 1200] [--signers 12] [--train "--epochs 40"]
        [--variants whole …]

Builds the cascade whole, and without discourse, without fusion, with changes in context, and in units shared by all signs; the
weights are found anew each time, on validation clips. Figures of the test sentences: word error rate beside CTC beam
search on the same encoder (with the paired interval); points back at a locus, agreement verbs and fused signs read right; and
plain signs that were read as fused. A workspace that is there is used as it is.
"""

import argparse
import json
import shlex
import tempfile
from pathlib import Path

import jiwer
import numpy as np
from twenty import asl

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.reading import read_features
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.synthetic.lexicon import everyday
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
    """What was read for each word of the reference, by the alignment with fewest errors; None where nothing was."""
    found: list[str | None] = [None] * len(reference)
    for chunk in jiwer.process_words(" ".join(reference), " ".join(read) or "-").alignments[0]:
        if chunk.type in ("equal", "substitute"):
            found[chunk.ref_start_idx : chunk.ref_end_idx] = read[chunk.hyp_start_idx : chunk.hyp_end_idx]
    return found


def figures(workspace, graph: str, name: str | None = None) -> dict[str, list[bool]]:
    """Kind of word → whether each was right. name: of the model; the newest otherwise. Of a fused sign both glosses are meant.

    "of that class": with any object that fuses in the same way, which is all that the form shows (SPEC §9).
    """
    roles = {sign.gloss: sign.role for sign in everyday()}
    model = load_model(find_model(workspace, name))
    reader = reader_for(workspace, model, workspace.settings("decode", {"decoder": "cascade"}), graph)
    clips = read_clips(workspace.clips_file)
    store = open_features(workspace, clips, model.features, Silent())
    names = reader.graph.card["columns"]["names"]
    kinds = ("points back", "agreement", "fused", "fused, of that class", "plain read as fused")
    found: dict[str, list[bool]] = {kind: [] for kind in kinds}
    for i, clip in enumerate(clips):
        if clip.split != "test" or len(clip.glosses) < 2:
            continue
        reading = read_features(model, store[i], mirror=True)
        path = reader.graph.best_path(reading, reader.settings)
        own = partners(list(clip.glosses), reader.graph.words(path))
        marked = [one for one in clip.segments if one.tier == "gloss"]
        said = [(one, one.value == word, word) for one, word in zip(marked, own, strict=True)]
        back = {one.start for one in clip.segments if one.tier == "reference" and one.value.startswith("retrieve")}
        found["points back"] += [right for one, right, _ in said if POINT.fullmatch(one.value) and one.start in back]
        found["agreement"] += [right for one, right, _ in said if AGREEMENT.fullmatch(one.value)]
        fused_frames = {t for t, label in enumerate(path.frames) if "+" in names[label - 1]}
        for form in (one for one in clip.segments if one.tier == "form"):
            if form.value.startswith("fused"):
                (_, verb_right, _), (thing, right, read) = [word for word in said if word[0].start == form.start]
                found["fused"].append(verb_right and right)
                found["fused, of that class"].append(verb_right and roles.get(read) == roles[thing.value])
            else:
                frames = range(round(form.start * store.fps), round(form.end * store.fps))
                found["plain read as fused"].append(2 * len(fused_frames.intersection(frames)) > len(frames))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--sentences", type=int, default=1200)
    parser.add_argument("--signers", type=int, default=12)
    parser.add_argument("--train", default="--epochs 40", help="options of asl train-ctc")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.workspace or Path(name) / "ws"
        if chosen.workspace is None:
            asl("init", str(folder))
            corpus = ("--synthetic", "--signs", "60", "--clips", "12", "--split-by", "group")
            size = ("--sentences", str(chosen.sentences), "--signers", str(chosen.signers))
            asl("extract", "-w", str(folder), *corpus, *size)
            asl("train-ctc", "-w", str(folder), "--threads", "1", *shlex.split(chosen.train))
        for title, flags in ((title, VARIANTS[title]) for title in chosen.variants):
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
