"""The gain of stage 3: the same cascade before and after, on unseen signers.

    python benchmarks/stage3.py WORKSPACE [--seeds 3] [--train "--epochs 40"] [--graph "…"] [--stage3 "…"] [--control] [--jobs 1]

WORKSPACE has clips that are split by signer; each seed works in a copy of it. For each seed, trains a recogniser, builds its
cascade, trains both with stage 3, and reads the test clips before and after. For every arm, "before" included, the weights of
encoder and codes are searched in the same way on the same validation clips. Prints word error rates, their paired difference
over signers and their clips, correct points back, agreement verbs and fused signs, boundary F1, and the seconds per epoch of each
stage.
--control: also trains for as many epochs on the same augmented clips with the loss of stage 2 alone. The gain of stage 3 over
this control is due to its criterion.
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
from twenty import copied, run_asl

from asl.models.features.feature_sets import encoder_input
from asl.models.features.tiers import BOUNDARY, GLOSS_TIER
from asl.pipelines.cascade.graph_folder import load_graph
from asl.pipelines.cascade.units.alignments import usable_clips
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.corpus.labels import BOUNDARY_REACH, boundaries
from asl.pipelines.recogniser.intervals import Groups, bootstrap_ratio, groups_of, note_of
from asl.pipelines.recogniser.measures import WordErrors, word_errors
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.reading import read_features
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.stage3.loop import with_score_weights
from asl.pipelines.stage3.train_stage3 import write_graph
from asl.pipelines.stage3.validation import Validator, halves
from asl.pipelines.translation.reader import reader_for
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent


@dataclass(frozen=True)
class TestResult:
    """On the test sentences: word errors, their groups, kind of word → whether each was right, and boundary F1."""

    errors: WordErrors
    groups: Groups | None
    kinds: dict[str, list[bool]]
    boundary_f1: float


def search_weights(folder: Path, name: str, new: str) -> None:
    """Writes graphs/<new>: graphs/<name> with the score weights that stage 3 would find before its first epoch."""
    workspace = open_workspace(folder)
    model = load_model(find_model(workspace, name))
    graph = load_graph(workspace.graphs / name, model)
    store = open_features(workspace, read_clips(workspace.clips_file), model.features, Silent())
    tuning, _ = halves(usable_clips(store.clips, model, "validation"))
    _, weights = Validator(store, tuning, workspace.settings("decode", {})).best_weights(model, graph)
    write_graph(with_score_weights(graph, weights), workspace.graphs / new, model)


def read(folder: Path, name: str, graph: str) -> TestResult:
    """Reads the test sentences with the model and the graph of these names."""
    workspace = open_workspace(folder)
    model = load_model(find_model(workspace, name))
    reader = reader_for(workspace, model, workspace.settings("decode", {"decoder": "cascade"}), graph)
    clips = read_clips(workspace.clips_file)
    store = open_features(workspace, clips, model.features, Silent())
    indices = [i for i, clip in enumerate(clips) if clip.split == "test" and len(clip.glosses) > 1]
    words = [reader.words(read_features(model, store[i], mirror=True)) for i in indices]
    errors = word_errors([clips[i].glosses for i in indices], words)
    groups, f1 = groups_of([clips[i] for i in indices]), boundary_f1(model, store, [(i, clips[i]) for i in indices])
    return TestResult(errors, groups, figures(workspace, graph, name), f1)


@torch.inference_mode()
def boundary_f1(model, store, clips) -> float:
    """F1 of the frames at which a sign begins or ends, with a tolerance of BOUNDARY_REACH frames."""
    correct = predicted_count = true_count = 0
    for i, clip in clips:
        if BOUNDARY not in model.tiers or not any(segment.tier == GLOSS_TIER for segment in clip.segments):
            continue
        values = torch.from_numpy(encoder_input(store[i], model.mean, model.deviation, store.feature_set))[None]
        recogniser = model.recognisers[0]
        encoded, _ = recogniser.encoder(values, torch.tensor([values.shape[1]]))
        predicted = (recogniser.phonology(encoded)[BOUNDARY][0, :, 0] > 0).numpy()
        truth = boundaries(clip, len(predicted), store.fps).astype(bool)
        near_truth = np.convolve(truth, np.ones(2 * BOUNDARY_REACH + 1), "same") > 0
        correct += (predicted & near_truth).sum()
        predicted_count, true_count = predicted_count + predicted.sum(), true_count + truth.sum()
    return float(2 * correct / max(1, predicted_count + true_count))


def run(source: Path, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """ "read": arm → TestResult, "seconds": arm → seconds of an epoch."""
    folder = Path(tempfile.mkdtemp(prefix="stage3-")) / "ws"
    copied(source, folder)
    common = ("-w", str(folder), "--seed", str(seed), "--threads", "1")
    run_asl("train-ctc", *common, "--name", "before", *shlex.split(args.train))
    run_asl("build-fst", "-w", str(folder), "--name", "before", *shlex.split(args.graph))
    arms = {"after": shlex.split(args.stage3)}
    if args.control:
        arms["control"] = [*arms["after"], "--criterion", "ctc"]
    results = {
        name: run_asl("train-stage3", *common, "--workers", "1", "--model", "before", "--graph", "before", "--name", name, *words)
        for name, words in arms.items()
    }
    names = ("before", *arms)
    lines = {name: (folder / "models" / name / "metrics.jsonl").read_text().splitlines() for name in names}
    seconds = {name: json.loads(lines[name][-1])["seconds"] for name in names}
    search_weights(folder, "before", "before-searched")
    tests = {name: read(folder, name, "before-searched" if name == "before" else name) for name in names}
    shutil.rmtree(folder.parent)
    rates = [f"{name} {100 * test.errors.rate().value:.1f} %, {seconds[name]:.1f} s per epoch" for name, test in tests.items()]
    print(f"seed {seed}: WER " + "; ".join(rates))
    for name, result in results.items():
        before, after, better = (result["metrics"].get(key) for key in ("validation_wer_before", "validation_wer", "better"))
        print(f"seed {seed}: {name} on measured validation clips {before} -> {after}, kept: {better}", flush=True)
    return {"read": tests, "seconds": seconds}


def compared(first: list[WordErrors], second: list[WordErrors], groups: Groups | None) -> str:
    """The relative change of errors from the first to the second: with its interval over test sentences, and by seed."""
    before, after = (np.mean([seed.errors for seed in seeds], axis=0) for seeds in (first, second))
    change = bootstrap_ratio(after - before, before, groups)
    seeds = [(b.errors.sum() - a.errors.sum()) / a.errors.sum() for a, b in zip(first, second, strict=True)]
    by_seed = ", ".join(f"{100 * value:+.1f}" for value in seeds)
    return f"{100 * change.value:+.1f} % [{100 * change.low:+.1f}, {100 * change.high:+.1f}]; by seed {by_seed}"


def report(runs: list[dict[str, Any]]) -> None:
    arms = list(runs[0]["read"])
    errors = {name: [run["read"][name].errors for run in runs] for name in arms}
    groups = runs[0]["read"]["before"].groups
    words = errors["before"][0].words.sum()
    rates = ", ".join(f"{name} {100 * mean(seed.errors.sum() for seed in errors[name]) / words:.1f} %" for name in arms)
    print(f"WER of {words} words, mean of {len(runs)} seeds: {rates}")
    for first, second in itertools.combinations(arms, 2):
        print(f"{second} against {first}: relative change {compared(errors[first], errors[second], groups)}")
    print(f"intervals {note_of(groups)}")
    for kind in runs[0]["read"]["before"].kinds:
        right = {name: [right for run in runs for right in run["read"][name].kinds[kind]] for name in arms}
        shares = ", ".join(f"{name} {100 * mean(values):.1f} %" for name, values in right.items())
        print(f"{kind}, of {len(right['before'])}: {shares}")
    f1 = {name: mean(run["read"][name].boundary_f1 for run in runs) for name in arms}
    print("boundary F1: " + ", ".join(f"{name} {100 * value:.1f}" for name, value in f1.items()))
    ratios = [run["seconds"]["after"] / run["seconds"]["before"] for run in runs]
    print("time of an epoch of stage 3 relative to stage 2: " + ", ".join(f"{ratio:.1f}" for ratio in ratios))


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
    args = parser.parse_args()
    with ThreadPoolExecutor(args.jobs) as pool:
        seeds = range(args.first, args.first + args.seeds)
        report(list(pool.map(lambda seed: run(args.workspace, seed, args), seeds)))


if __name__ == "__main__":
    main()
