"""What stage 1 learns: how its codebooks are used, and what a linear probe reads from its frozen encoder.

    python benchmarks/stage1.py DATA/twenty DATA/traduttore/landmarks.npz [more.npz] [--extract "--synthetic --signers 8"]
        [--epochs 40] [--pretrain "--phonology 1"] [--seeds 3] [--few 1 2 4 8 0]

Pre-trains on all clips of the sets but one source of the twenty signs, without glosses. Prints the codebooks' figures over
the training frames. Then a logistic regression is fitted to the glosses of the other sources' clips, on the encoder's frames
(mean and deviation over time) and on raw phon36, and tested on the source that neither stage 1 nor the probe has seen.

--few: recognisers are trained from scratch and from each seed's stage 1, on the same few clips of each gloss (0: on all) with
the same settings, and tested on that source too.
"""

import argparse
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from transfer import HELD_OUT, few_shot
from twenty import asl, copied

from models.encoders import EncoderSpec, build_encoder
from models.feature_sets import encoder_input
from models.probe import pooled, probe_scores
from pipelines.checkpoints import load_tensors, part
from pipelines.clips import read_clips
from pipelines.features import open_features
from pipelines.measures import bootstrap_mean
from pipelines.models_folder import WEIGHTS, read_card
from pipelines.pretrain import raw_frames
from pipelines.progress import Silent
from pipelines.settings import FeatureSettings
from pipelines.workspace import open_workspace


def pooled_clips(workspace: Path, model: Path, source: str) -> tuple[np.ndarray, ...]:
    """Of the clips of the twenty signs: frozen and raw vectors, gloss numbers, and which are of the held-out source."""
    card, (tensors, _) = read_card(model), load_tensors(model / WEIGHTS)
    encoder = build_encoder(EncoderSpec(**card["encoder"])).eval()
    encoder.load_state_dict(part(tensors, "recogniser.encoder."))
    opened = open_workspace(workspace)
    clips = read_clips(opened.clips_file)
    store = open_features(opened, clips, FeatureSettings(**card["features"]), Silent())
    chosen = [i for i, clip in enumerate(clips) if clip.kind == "pose"]
    glosses = sorted({clips[i].glosses[0] for i in chosen})
    frozen, raw = [], []
    for i in chosen:
        values = encoder_input(store[i], tensors["mean"].numpy(), tensors["deviation"].numpy(), store.feature_set)
        with torch.no_grad():
            frozen.append(pooled(encoder(torch.from_numpy(values)[None], torch.tensor([len(values)]))[0][0].numpy()))
        raw.append(pooled(raw_frames(values, store.feature_set)))
    labels = np.array([glosses.index(clips[i].glosses[0]) for i in chosen])
    held = np.array([clips[i].group == source for i in chosen])
    return np.array(frozen), np.array(raw), labels, held


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
    gains, right = [], {"frozen encoder": [], "raw phon36": []}
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
            frozen, raw, labels, held = pooled_clips(workspace, model, HELD_OUT)
            found = []
            for what, vectors in (("frozen encoder", frozen), ("raw phon36", raw)):
                scores = probe_scores(vectors[~held], labels[~held], vectors[held], labels.max() + 1)
                found.append((scores.argmax(axis=1) == labels[held]).astype(float))
                right[what].append(found[-1].mean())
            gains.append(found[0] - found[1])
        report(right, gains)
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


def report(right: dict[str, list[float]], gains: list[np.ndarray]) -> None:
    for what, values in right.items():
        print(f"probe on {what}: top-1 {100 * np.mean(values):.1f} % of {HELD_OUT}'s clips ({len(values)} seeds)")
    one = bootstrap_mean(np.mean(gains, axis=0))
    print(
        f"frozen ahead of raw by {100 * one.value:+.1f} points [{100 * one.low:+.1f}, {100 * one.high:+.1f}], paired over clips"
    )


if __name__ == "__main__":
    main()
