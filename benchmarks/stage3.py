"""What stage 3 is worth: the same cascade before and after, on signers that nobody trained on.

    python benchmarks/stage3.py WORKSPACE [--seeds 3] [--train "--epochs 40"] [--graph "…"] [--stage3 "…"] [--jobs 1]

WORKSPACE holds clips that are split by signer, such as benchmarks/levels.py leaves behind with --workspace; each seed works in a
copy of it. For each seed a recogniser is trained, its cascade built, both trained further, and the test clips read before and
after. Prints word error rates, their paired difference over clips and seeds, points back, agreement verbs and fused signs read
right, boundary F1, and the seconds an epoch of each stage takes.
"""

import argparse
import json
import shlex
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from levels import figures
from twenty import asl, copied

from models.feature_sets import encoder_input
from models.phonology import BOUNDARY
from pipelines.clips import read_clips
from pipelines.features import open_features
from pipelines.labels import BOUNDARY_REACH, GLOSS_TIER, boundaries
from pipelines.measures import WordErrors, bootstrap, word_errors
from pipelines.models_folder import find_model, load_model
from pipelines.progress import Silent
from pipelines.reader import reader_for
from pipelines.recognition import read_features
from pipelines.workspace import open_workspace


@dataclass(frozen=True)
class Read:
    """Of the test sentences: word errors, kind of word → whether each was right, and boundary F1."""

    errors: WordErrors
    kinds: dict[str, list[bool]]
    boundary_f1: float


def read(folder: Path, name: str) -> Read:
    """The test sentences by the model and the graph of one name."""
    workspace = open_workspace(folder)
    model = load_model(find_model(workspace, name))
    reader = reader_for(workspace, model, workspace.settings("decode", {"decoder": "cascade"}), name)
    clips = read_clips(workspace.clips_file)
    store = open_features(workspace, clips, model.features, Silent())
    chosen = [i for i, clip in enumerate(clips) if clip.split == "test" and len(clip.glosses) > 1]
    words = [reader.words(read_features(model, store[i], mirror=True)) for i in chosen]
    errors = word_errors([clips[i].glosses for i in chosen], words)
    return Read(errors, figures(workspace, name, name), boundary_f1(model, store, [(i, clips[i]) for i in chosen]))


@torch.inference_mode()
def boundary_f1(model, store, clips) -> float:
    """Of the frames at which a sign begins or ends, found within a frame or so of where they are."""
    right = found = wanted = 0
    for i, clip in clips:
        if BOUNDARY not in model.tiers or not any(one.tier == GLOSS_TIER for one in clip.segments):
            continue
        values = torch.from_numpy(encoder_input(store[i], model.mean, model.deviation, store.feature_set))[None]
        recogniser = model.recognisers[0]
        encoded, _ = recogniser.encoder(values, torch.tensor([values.shape[1]]))
        said = (recogniser.phonology(encoded)[BOUNDARY][0, :, 0] > 0).numpy()
        truth = boundaries(clip, len(said), store.fps).astype(bool)
        near = [np.convolve(one, np.ones(2 * BOUNDARY_REACH + 1), "same") > 0 for one in (said, truth)]
        right, found, wanted = right + (said & near[1]).sum(), found + said.sum(), wanted + truth.sum()
    return float(2 * right / max(1, found + wanted))


def run(source: Path, seed: int, chosen) -> dict:
    folder = Path(tempfile.mkdtemp(prefix="stage3-")) / "ws"
    copied(source, folder)
    once = ("--seed", str(seed), "--threads", "1")
    asl("train-ctc", "-w", str(folder), *once, "--name", "before", *shlex.split(chosen.train))
    asl("build-fst", "-w", str(folder), "--name", "before", *shlex.split(chosen.graph))
    words = ("--seed", str(seed), "--threads", "1", "--workers", "1", "--name", "after", *shlex.split(chosen.stage3))
    after = asl("train-stage3", "-w", str(folder), *words)
    seconds = [
        json.loads((folder / "models" / name / "metrics.jsonl").read_text().splitlines()[-1])["seconds"]
        for name in ("before", "after")
    ]
    made = {"before": read(folder, "before"), "after": read(folder, "after"), "seconds": seconds, "metrics": after["metrics"]}
    shutil.rmtree(folder.parent)
    one = {name: made[name].errors.rate().value for name in ("before", "after")}
    own, ratio = after["metrics"], seconds[1] / seconds[0]
    print(f"seed {seed}: WER {100 * one['before']:.1f} -> {100 * one['after']:.1f} %; on validation clips ", end="")
    print(
        f"{own.get('validation_wer_before')} -> {own.get('validation_wer')}, {'kept' if own['better'] else 'as before'}; ", end=""
    )
    print(f"an epoch {seconds[0]:.1f} s in stage 2, {seconds[1]:.1f} s in stage 3, {ratio:.1f} times", flush=True)
    return made


def report(runs: list[dict]) -> None:
    before, after = ([one[name].errors for one in runs] for name in ("before", "after"))
    words = before[0].words
    errors = [np.mean([one.errors for one in own], axis=0) for own in (before, after)]

    def shares(chosen: np.ndarray) -> np.ndarray:
        return (errors[1] - errors[0])[chosen].sum(axis=-1) / errors[0][chosen].sum(axis=-1)

    rates = [own.sum() / words.sum() for own in errors]
    less = bootstrap(len(words), shares)
    by_seed = [(a.errors.sum() - b.errors.sum()) / b.errors.sum() for a, b in zip(after, before, strict=True)]
    print(f"WER {100 * rates[0]:.1f} -> {100 * rates[1]:.1f} % of {words.sum()} words, mean of {len(runs)} seeds")
    print(f"relative {100 * less.value:+.1f} % [{100 * less.low:+.1f}, {100 * less.high:+.1f}] over sentences; by seed ", end="")
    print(", ".join(f"{100 * one:+.1f}" for one in by_seed))
    for kind in runs[0]["before"].kinds:
        own = [[right for one in runs for right in one[name].kinds[kind]] for name in ("before", "after")]
        print(f"{kind}: {100 * mean(own[0]):.1f} -> {100 * mean(own[1]):.1f} % of {len(own[0])}")
    f1 = [mean(one[name].boundary_f1 for one in runs) for name in ("before", "after")]
    print(f"boundary F1 {100 * f1[0]:.1f} -> {100 * f1[1]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--train", default="--epochs 40")
    parser.add_argument("--graph", default="")
    parser.add_argument("--stage3", default="")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args()
    with ThreadPoolExecutor(chosen.jobs) as pool:
        seeds = range(chosen.first, chosen.first + chosen.seeds)
        report(list(pool.map(lambda seed: run(chosen.workspace, seed, chosen), seeds)))


if __name__ == "__main__":
    main()
