"""Training speed of the recogniser beside a plain loop: clips per second of one epoch, median of several.

    python benchmarks/training_speed.py DATA/twenty [--runs 5] [--recipe strong] [--device cpu] [--json FILE]

The plain loop is the obvious one: clips in random order, each batch padded to its longest clip, a bidirectional nn.LSTM over
packed sequences. Network, weights, losses, augmentation, batch size and optimiser are the same, features are prepared once for
both, and the runs alternate. A second plain loop uses asl's encoder, to show the effect of the order of the clips.
"""

import argparse
import json
import shlex
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from twenty import run_asl

from asl.models.networks.encoders import BiLSTMEncoder
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.corpus.labels import label_table
from asl.pipelines.training.clip_selection import select_clips
from asl.pipelines.training.ctc_loop import CtcRun
from asl.pipelines.training.examples import TrainingData, examples_of
from asl.pipelines.training.initialisation import build, choose_device, cpu_threads
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent


class PlainRun(CtcRun):
    """Takes clips in random order, whatever their lengths."""

    def _steps(self, number: int, rng: np.random.Generator) -> Iterator:
        order, size = rng.permutation(len(self.data.train)), self.settings.batch_size
        for start in range(0, len(order), size):
            examples = [self.data.train[i] for i in order[start : start + size]]
            inputs, sources = zip(*(self._augmented(example, rng) for example in examples), strict=True)
            yield [(0, examples, list(inputs), list(sources))]


class PackedEncoder(nn.Module):
    """The same network and weights as an encoder, but with packed sequences."""

    def __init__(self, encoder: BiLSTMEncoder):
        super().__init__()
        self.encoder, spec = encoder, encoder.spec
        between = spec.dropout if spec.layers > 1 else 0.0
        self.lstm = nn.LSTM(spec.hidden, spec.hidden, spec.layers, batch_first=True, bidirectional=True, dropout=between)
        for layer, pair in enumerate(zip(encoder.forwards, encoder.backwards, strict=True)):
            for lstm, suffix in zip(pair, ("", "_reverse"), strict=True):
                for name, values in lstm.state_dict().items():
                    getattr(self.lstm, f"{name[:-1]}{layer}{suffix}").data.copy_(values)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        packed = pack_padded_sequence(self.encoder.project(features), lengths.cpu(), batch_first=True, enforce_sorted=False)
        values, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.encoder.dropout(self.encoder.norm(values)), lengths


def prepared(workspace: Path, flags: dict) -> tuple:
    """The training examples of a workspace, the number of glosses, and the settings."""
    opened = open_workspace(workspace)
    train, features, encoder = (opened.settings(section, flags) for section in ("train", "features", "encoder"))
    clips = read_clips(opened.clips_file)
    selection = select_clips(clips, train.min_clips)
    store = open_features(opened, clips, features, Silent())
    return (
        examples_of(store, selection, label_table([clips[i] for i in selection.train], "")),
        len(selection.alphabet),
        encoder,
        train,
    )


def training_run(variant: str, data: TrainingData, glosses: int, encoder, train, folder: Path, device: torch.device) -> CtcRun:
    recogniser = build(data.feature_set, glosses, encoder, train, {})
    if variant == "plain, packed":
        recogniser.encoder = PackedEncoder(recogniser.encoder)
    return (CtcRun if variant == "asl" else PlainRun)(recogniser, data, train, folder, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--recipe", default="light")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=0)
    parser.add_argument("--features", default="phon36")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="as of asl train-ctc")
    parser.add_argument("--extract", default="", help="further options of asl extract")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    flags = {key: getattr(args, key) for key in ("recipe", "batch_size", "hidden", "features", "threads")}
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name) / "ws"
        run_asl("init", str(workspace))
        run_asl("extract", "-w", str(workspace), "--poses", str(args.data), *shlex.split(args.extract), "--allow-duplicates")
        data, glosses, encoder, train = prepared(workspace, flags)
        variants = ("plain, packed", "plain, asl's encoder", "asl")
        device = choose_device(args.device)
        runs = {variant: training_run(variant, data, glosses, encoder, train, Path(name), device) for variant in variants}
        speeds = {variant: [] for variant in variants}
        with cpu_threads(train.threads, runs["asl"].model):
            threads = torch.get_num_threads()
            for number in range(args.runs + 1):
                for variant, run in runs.items():
                    started = time.perf_counter()
                    run.epoch(0)
                    if number:  # the first epoch is for warming up
                        speeds[variant].append(len(data.train) / (time.perf_counter() - started))
    ratios = {variant: median(a / b for a, b in zip(speeds["asl"], speeds[variant], strict=True)) for variant in variants}
    frames = [len(example.features) for example in data.train]
    print(f"{len(frames)} clips of {min(frames)} to {max(frames)} frames, {threads} threads, {args.device}")
    for variant, values in speeds.items():
        print(f"{variant:20} {median(values):7.0f} clips/s  asl is {ratios[variant]:.2f} times as fast")
    if args.json:
        args.json.write_text(json.dumps({"clips_per_second": speeds, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
