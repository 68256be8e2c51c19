"""What stage 1 learns: how its codebooks are used, and what a linear probe reads from its frozen encoder.

    python benchmarks/stage1.py DATA/twenty DATA/traduttore/landmarks.npz [--epochs 40] [--pretrain "--phonology 1"] [--seeds 3]

Pre-trains on all clips of both sets but one source of the twenty signs, without glosses. Prints the codebooks' figures over the
training frames. Then a logistic regression is fitted to the glosses of the other sources' clips, on the encoder's frames
(mean and deviation over time) and on raw phon36, and tested on the source that neither stage 1 nor the probe has seen.
"""

import argparse
import shlex
import tempfile
from pathlib import Path

import numpy as np
import torch
from twenty import asl

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

HELD_OUT = "ksukkau"


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
    parser.add_argument("traduttore", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pretrain", default="", help="further options of asl pretrain")
    chosen = parser.parse_args()
    gains, right = [], {"frozen encoder": [], "raw phon36": []}
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name) / "ws"
        asl("init", str(workspace))
        sources = ("--poses", str(chosen.twenty), "--landmarks", str(chosen.traduttore), "--test-groups", HELD_OUT)
        split = ("--validation-share", "0", "--drop-duplicates")
        asl("extract", "-w", str(workspace), *sources, *split, partly=True)
        for seed in range(chosen.seeds):
            options = ("--epochs", str(chosen.epochs), "--seed", str(seed), *shlex.split(chosen.pretrain))
            made = asl("pretrain", "-w", str(workspace), *options)
            figures = made["metrics"]
            books = [
                f"{p} {100 * figures[f'codes_used_{p}']:.0f} % used, perplexity {figures[f'perplexity_{p}']}" for p in "HLOMN"
            ]
            print(f"seed {seed}: {figures['train_clips']} clips, {figures['seconds']:.0f} s; {'; '.join(books)}", flush=True)
            frozen, raw, labels, held = pooled_clips(workspace, Path(made["folder"]), HELD_OUT)
            found = []
            for what, vectors in (("frozen encoder", frozen), ("raw phon36", raw)):
                scores = probe_scores(vectors[~held], labels[~held], vectors[held], labels.max() + 1)
                found.append((scores.argmax(axis=1) == labels[held]).astype(float))
                right[what].append(found[-1].mean())
            gains.append(found[0] - found[1])
    for what, values in right.items():
        print(f"probe on {what}: top-1 {100 * np.mean(values):.1f} % of {HELD_OUT}'s clips ({chosen.seeds} seeds)")
    one = bootstrap_mean(np.mean(gains, axis=0))
    print(
        f"frozen ahead of raw by {100 * one.value:+.1f} points [{100 * one.low:+.1f}, {100 * one.high:+.1f}], paired over clips"
    )


if __name__ == "__main__":
    main()
