"""What stage 1 learns: how its codebooks are used, and what a linear probe reads from its frozen encoder.

    python benchmarks/stage1.py DATA/twenty DATA/traduttore/landmarks.npz [more.npz] [--extract "--synthetic --signers 8"]
        [--epochs 40] [--pretrain "--phonology 1"] [--seeds 3] [--few 1 2 4 8 0]

Pre-trains on all clips of the sets but one source of the twenty signs, without glosses. Prints the codebooks' figures over
the training frames. Then a logistic regression is fitted to the glosses of the other sources' clips, on the phonology that
stage 1 names of the frames (mean and deviation over time), on the encoder's frames, and on raw phon36, and tested on the source
that neither stage 1 nor the probe has seen.

--few: recognisers are trained from scratch and from each seed's stage 1, on the same few clips of each gloss (0: on all) with
the same settings, and tested on that source too.
"""

import argparse
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from transfer import HELD_OUT, few_shot
from twenty import asl, copied

from asl.models.features.feature_sets import encoder_input
from asl.models.networks.probe import mean_and_deviation, probe_scores
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.recogniser.measures import bootstrap_mean
from asl.pipelines.recogniser.model import read_card
from asl.pipelines.training.stage1_model import encoded_frames, load_stage_1, predicted_frames, raw_frames
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import FeatureSettings

#: What the probe is fitted to.
KINDS = ("what stage 1 says", "frozen encoder", "raw phon36")


def pooled_clips(workspace: Path, model: Path, source: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Of the clips of the twenty signs: a vector of each of KINDS, gloss numbers, and which are of the held-out source."""
    stage_1, tensors = load_stage_1(model)
    opened = open_workspace(workspace)
    clips = read_clips(opened.clips_file)
    store = open_features(opened, clips, FeatureSettings(**read_card(model)["features"]), Silent())
    chosen = [i for i, clip in enumerate(clips) if clip.kind == "pose"]
    glosses = sorted({clips[i].glosses[0] for i in chosen})
    found: dict[str, list[np.ndarray]] = {name: [] for name in KINDS}
    for i in chosen:
        values = encoder_input(store[i], tensors["mean"].numpy(), tensors["deviation"].numpy(), store.feature_set)
        frames = predicted_frames(stage_1, values), encoded_frames(stage_1, values), raw_frames(values, store.feature_set)
        for name, one in zip(KINDS, frames, strict=True):
            found[name].append(mean_and_deviation(one))
    labels = np.array([glosses.index(clips[i].glosses[0]) for i in chosen])
    held = np.array([clips[i].group == source for i in chosen])
    return {name: np.array(vectors) for name, vectors in found.items()}, labels, held


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
    chosen = parser.parse_args()
    right: dict[str, list[np.ndarray]] = {name: [] for name in KINDS}
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(chosen.jobs) as pool:
        workspace = Path(name) / "ws"
        asl("init", str(workspace))
        arrays = [word for file in chosen.arrays for word in ("--landmarks", str(file))]
        split = ("--test-groups", HELD_OUT, "--validation-share", "0", "--drop-duplicates")
        sources = ("--poses", str(chosen.twenty), *arrays, *shlex.split(chosen.extract))
        asl("extract", "-w", str(workspace), *sources, *split, partly=True)
        options = ("--epochs", str(chosen.epochs), *shlex.split(chosen.pretrain))
        models = list(pool.map(lambda seed: pretrained(workspace, seed, options), range(chosen.seeds)))
        for model in models:
            vectors, labels, held = pooled_clips(workspace, model, HELD_OUT)
            for what, own in vectors.items():
                scores = probe_scores(own[~held], labels[~held], own[held], labels.max() + 1)
                right[what].append((scores.argmax(axis=1) == labels[held]).astype(float))
        report(right)
        for clips in chosen.few:
            few_shot(chosen.twenty, models, clips, chosen.few_epochs, pool)


def pretrained(workspace: Path, seed: int, options: tuple[str, ...]) -> Path:
    """The folder of one seed's stage 1, whose codebooks' figures are printed."""
    own = workspace.with_name(f"seed{seed}")
    copied(workspace, own)
    made = asl("pretrain", "-w", str(own), "--seed", str(seed), *options)
    figures = made["metrics"]
    books = [f"{p} {100 * figures[f'codes_used_{p}']:.0f} % used, perplexity {figures[f'perplexity_{p}']}" for p in "HLOMN"]
    print(f"seed {seed}: {figures['train_clips']} clips, {figures['seconds']:.0f} s; {'; '.join(books)}", flush=True)
    return Path(made["folder"])


def report(right: dict[str, list[np.ndarray]]) -> None:
    """right: of each kind, one array a seed of which test clips were right."""
    mean = {what: np.mean(seeds, axis=0) for what, seeds in right.items()}
    for what, clips in mean.items():
        print(f"probe on {what}: top-1 {100 * clips.mean():.1f} % of {HELD_OUT}'s {len(clips)} clips ({len(right[what])} seeds)")
    for what in KINDS[:-1]:
        one = bootstrap_mean(mean[what] - mean[KINDS[-1]])
        low, high = 100 * one.low, 100 * one.high
        print(f"{what}: {100 * one.value:+.1f} points [{low:+.1f}, {high:+.1f}] of {KINDS[-1]}, paired over clips", flush=True)


if __name__ == "__main__":
    main()
