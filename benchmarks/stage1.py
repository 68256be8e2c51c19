"""What stage 1 learns: use of its codebooks, and accuracy of a linear probe on its frozen encoder.

    python benchmarks/stage1.py DATA/twenty DATA/traduttore/landmarks.npz [more.npz] [--extract "--synthetic --signers 8"]
        [--epochs 40] [--pretrain "--phonology 1"] [--seeds 3] [--few 1 2 4 8 0]

Pre-trains on all clips of the data sets but one source of the twenty signs, without glosses. Prints the figures of the codebooks
over the training frames. Then fits a logistic regression to the glosses of the other sources' clips, on the phonology that stage
1 predicts (mean and deviation over time), on the encoder's frames, and on raw phon36, and tests it on the source that neither
stage 1 nor the probe has seen.

--few: also trains recognisers from scratch and from the stage 1 of each seed, on the same few clips per gloss (0: all) with the
same settings, and tests them on that source.
"""

import argparse
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from transfer import HELD_OUT, few_shot
from twenty import copied, run_asl

from asl.models.features.feature_sets import encoder_input
from asl.models.networks.probe import mean_and_deviation, probe_scores
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.intervals import bootstrap_mean
from asl.pipelines.recogniser.model import read_card
from asl.pipelines.training.stage1_model import encoded_frames, load_stage_1, predicted_frames, raw_frames
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import FeatureSettings

#: What the probe is fitted to.
KINDS = ("predicted phonology", "frozen encoder", "raw phon36")


def pooled_clips(workspace: Path, model: Path, source: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """For the clips of the twenty signs: a vector of each of KINDS, gloss indices, and whether the source is the held-out one."""
    stage_1, tensors = load_stage_1(model)
    opened = open_workspace(workspace)
    clips = read_clips(opened.clips_file)
    store = open_features(opened, clips, FeatureSettings(**read_card(model)["features"]), Silent())
    chosen = [i for i, clip in enumerate(clips) if clip.kind == "pose"]
    glosses = sorted({clips[i].glosses[0] for i in chosen})
    pooled: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for i in chosen:
        values = encoder_input(store[i], tensors["mean"].numpy(), tensors["deviation"].numpy(), store.feature_set)
        frames = predicted_frames(stage_1, values), encoded_frames(stage_1, values), raw_frames(values, store.feature_set)
        for kind, clip_frames in zip(KINDS, frames, strict=True):
            pooled[kind].append(mean_and_deviation(clip_frames))
    labels = np.array([glosses.index(clips[i].glosses[0]) for i in chosen])
    held_out = np.array([clips[i].group == source for i in chosen])
    return {kind: np.array(vectors) for kind, vectors in pooled.items()}, labels, held_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twenty", type=Path)
    parser.add_argument("arrays", type=Path, nargs="+")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--extract", default="", help="further options of asl extract")
    parser.add_argument("--pretrain", default="", help="further options of asl pretrain")
    parser.add_argument("--few", type=int, nargs="*", default=[])
    parser.add_argument("--few-epochs", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    right: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(args.jobs) as pool:
        workspace = Path(name) / "ws"
        run_asl("init", str(workspace))
        arrays = [word for file in args.arrays for word in ("--landmarks", str(file))]
        split = ("--test-groups", HELD_OUT, "--validation-share", "0", "--drop-duplicates")
        sources = ("--poses", str(args.twenty), *arrays, *shlex.split(args.extract))
        run_asl("extract", "-w", str(workspace), *sources, *split, partly=True)
        options = ("--epochs", str(args.epochs), *shlex.split(args.pretrain))
        models = list(pool.map(lambda seed: pretrained(workspace, seed, options), range(args.seeds)))
        for model in models:
            vectors, labels, test = pooled_clips(workspace, model, HELD_OUT)
            for kind, values in vectors.items():
                scores = probe_scores(values[~test], labels[~test], values[test], labels.max() + 1)
                right[kind].append((scores.argmax(axis=1) == labels[test]).astype(float))
        report(right)
        for clips in args.few:
            few_shot(args.twenty, models, clips, args.few_epochs, pool)


def pretrained(workspace: Path, seed: int, options: tuple[str, ...]) -> Path:
    """Runs stage 1 with a seed and prints the figures of its codebooks. Returns its folder."""
    copy = workspace.with_name(f"seed{seed}")
    copied(workspace, copy)
    result = run_asl("pretrain", "-w", str(copy), "--seed", str(seed), *options)
    figures = result["metrics"]
    books = [f"{p} {100 * figures[f'codes_used_{p}']:.0f} % used, perplexity {figures[f'perplexity_{p}']}" for p in "HLOMN"]
    print(f"seed {seed}: {figures['train_clips']} clips, {figures['seconds']:.0f} s; {'; '.join(books)}", flush=True)
    return Path(result["folder"])


def report(right: dict[str, list[np.ndarray]]) -> None:
    """right: kind → for each seed (clips,) whether the probe was right."""
    mean = {kind: np.mean(seeds, axis=0) for kind, seeds in right.items()}
    for kind, clips in mean.items():
        print(f"probe on {kind}: top-1 {100 * clips.mean():.1f} % of {len(clips)} clips of {HELD_OUT} ({len(right[kind])} seeds)")
    for kind in KINDS[:-1]:
        difference = bootstrap_mean(mean[kind] - mean[KINDS[-1]])
        low, high = 100 * difference.low, 100 * difference.high
        points = f"{100 * difference.value:+.1f} points [{low:+.1f}, {high:+.1f}]"
        print(f"{kind} minus {KINDS[-1]}: {points}, paired by clip", flush=True)


if __name__ == "__main__":
    main()
