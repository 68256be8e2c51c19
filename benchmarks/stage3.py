"""What stage 3 is worth: the same cascade before and after, on signers that nobody trained on.

    python benchmarks/stage3.py WORKSPACE [--seeds 3] [--train "--epochs 40"] [--graph "…"] [--stage3 "…"] [--control] [--jobs 1]

WORKSPACE holds clips that are split by signer, such as benchmarks/levels.py leaves behind with --workspace; each seed works in a
copy of it. For each seed a recogniser is trained, its cascade built, both trained further, and the test clips read before and
after. Prints word error rates, their paired difference over clips and seeds, points back, agreement verbs and fused signs read
right, boundary F1, and the seconds an epoch of each stage takes. --control trains as many epochs on the same varied clips,
by stage 2's loss alone, and weighs encoder and codes on the same validation clips: what stage 3 gains over that is the
competition's.
"""

import argparse
import itertools
import json
import shlex
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from levels import figures
from twenty import asl, copied

from asl.models.features.feature_sets import encoder_input
from asl.models.features.tiers import BOUNDARY, GLOSS_TIER
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.corpus.labels import BOUNDARY_REACH, boundaries
from asl.pipelines.recogniser.measures import WordErrors, bootstrap, word_errors
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.reading import read_features
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.translation.reader import reader_for
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent


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


def run(source: Path, seed: int, chosen) -> dict[str, Any]:
    """Arm → what it read, and arm → seconds of an epoch."""
    folder = Path(tempfile.mkdtemp(prefix="stage3-")) / "ws"
    copied(source, folder)
    once = ("-w", str(folder), "--seed", str(seed), "--threads", "1")
    asl("train-ctc", *once, "--name", "before", *shlex.split(chosen.train))
    asl("build-fst", "-w", str(folder), "--name", "before", *shlex.split(chosen.graph))
    arms = {"after": shlex.split(chosen.stage3)}
    if chosen.control:
        arms["control"] = [*arms["after"], "--criterion", "ctc"]
    own = {
        name: asl("train-stage3", *once, "--workers", "1", "--model", "before", "--graph", "before", "--name", name, *words)
        for name, words in arms.items()
    }
    names = ("before", *arms)
    lines = {name: (folder / "models" / name / "metrics.jsonl").read_text().splitlines() for name in names}
    seconds = {name: json.loads(lines[name][-1])["seconds"] for name in names}
    made = {name: read(folder, name) for name in names}
    shutil.rmtree(folder.parent)
    words = [f"{name} {100 * one.errors.rate().value:.1f} %, {seconds[name]:.1f} s an epoch" for name, one in made.items()]
    print(f"seed {seed}: WER " + "; ".join(words))
    for name, said in own.items():
        found = [said["metrics"].get(key) for key in ("validation_wer_before", "validation_wer", "better")]
        print(f"seed {seed}: {name} on validation clips {found[0]} -> {found[1]}, better: {found[2]}", flush=True)
    return {"read": made, "seconds": seconds}


def compared(first: list[WordErrors], second: list[WordErrors]) -> str:
    """How many more errors the second make, as a share of the first's: with its interval over sentences, and by seed."""
    errors = [np.mean([one.errors for one in own], axis=0) for own in (first, second)]

    def shares(chosen: np.ndarray) -> np.ndarray:
        return (errors[1] - errors[0])[chosen].sum(axis=-1) / errors[0][chosen].sum(axis=-1)

    less = bootstrap(len(errors[0]), shares)
    seeds = [(b.errors.sum() - a.errors.sum()) / a.errors.sum() for a, b in zip(first, second, strict=True)]
    own = ", ".join(f"{100 * one:+.1f}" for one in seeds)
    return f"{100 * less.value:+.1f} % [{100 * less.low:+.1f}, {100 * less.high:+.1f}] over sentences; by seed {own}"


def report(runs: list[dict[str, Any]]) -> None:
    arms = list(runs[0]["read"])
    errors = {name: [one["read"][name].errors for one in runs] for name in arms}
    words = errors["before"][0].words.sum()
    rates = ", ".join(f"{name} {100 * mean(one.errors.sum() for one in errors[name]) / words:.1f} %" for name in arms)
    print(f"WER of {words} words, mean of {len(runs)} seeds: {rates}")
    for first, second in itertools.combinations(arms, 2):
        print(f"{second} against {first}: relative {compared(errors[first], errors[second])}")
    for kind in runs[0]["read"]["before"].kinds:
        right = {name: [right for one in runs for right in one["read"][name].kinds[kind]] for name in arms}
        shares = ", ".join(f"{name} {100 * mean(own):.1f} %" for name, own in right.items())
        print(f"{kind}, of {len(right['before'])}: {shares}")
    f1 = {name: mean(one["read"][name].boundary_f1 for one in runs) for name in arms}
    print("boundary F1: " + ", ".join(f"{name} {100 * one:.1f}" for name, one in f1.items()))
    times = [one["seconds"]["after"] / one["seconds"]["before"] for one in runs]
    print("an epoch of stage 3 for one of stage 2: " + ", ".join(f"{one:.1f}" for one in times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--train", default="--epochs 40")
    parser.add_argument("--graph", default="")
    parser.add_argument("--stage3", default="")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args()
    with ThreadPoolExecutor(chosen.jobs) as pool:
        seeds = range(chosen.first, chosen.first + chosen.seeds)
        report(list(pool.map(lambda seed: run(chosen.workspace, seed, chosen), seeds)))


if __name__ == "__main__":
    main()
