"""Shared by all training loops: epochs, checkpoints, and resuming with bit-identical results."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asl.models.features.tiers import UNKNOWN
from asl.pipelines.corpus.labels import Labels
from asl.pipelines.training.distributed import SINGLE_PROCESS, Ranks
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.tensor_files import load_tensors, optimiser_tensors, restore_optimiser, save_tensors, with_prefix

WARM_UP_SHARE = 0.15
#: Clips are augmented and sorted by length in windows of this many batches.
LENGTH_WINDOW = 8


class ResumableRun:
    """A training run in a folder. checkpoint.safetensors and metrics.jsonl are written after each epoch.

    settings: has epochs, learning_rate, weight_decay, clip_gradient and seed. ranks: the processes that train together; all
    hold the same weights, and only rank 0 writes.
    """

    def __init__(self, model: nn.Module, settings: Any, folder: Path, device: torch.device, ranks: Ranks = SINGLE_PROCESS):
        self.model, self.settings, self.folder, self.device = model.to(device), settings, folder, device
        self.ranks = ranks
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.scaler = torch.amp.GradScaler(device.type, enabled=half_precision(device) is torch.float16)
        self.history: list[dict[str, Any]] = []

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    def train(self, name: str, progress: Progress) -> None:
        """Trains to the last epoch, or until `done`. name: title of the progress bar."""
        self._resume(progress)
        progress.start(name, self.settings.epochs)
        progress.advance(len(self.history))
        while len(self.history) < self.settings.epochs and not self.done():
            self.history.append(self.epoch(len(self.history)))
            if self.ranks.rank == 0:
                self._save()
            progress.advance(1, self.progress_note(self.history[-1]))

    # Overridden by each loop -----------------------------------------------------------------------------------------
    def epoch(self, number: int) -> dict[str, Any]:
        """Trains one epoch and returns its figures.

        All randomness must depend only on (seed, number), so that a resumed run draws the same numbers.
        """
        raise NotImplementedError

    def done(self) -> bool:
        """Whether to stop before the last epoch."""
        return False

    def progress_note(self, figures: dict[str, Any]) -> str:
        """The text beside the progress bar after an epoch."""
        raise NotImplementedError

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Further state for the checkpoint: tensors by name, and JSON values."""
        return {}, {}

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Restores the state that `state` returned."""

    # Steps -----------------------------------------------------------------------------------------------------------
    def step(self, completed: float) -> None:
        """Takes one optimiser step with the current gradients. completed: share of the run that is over, 0…1."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * learning_rate_share(completed)
        self.scaler.unscale_(self.optimiser)
        if self.settings.clip_gradient:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, half_precision(self.device), enabled=self.device.type == "cuda")

    def randomness(self, epoch: int) -> np.random.Generator:
        """Seeds torch for an epoch, and returns a NumPy generator for it."""
        torch.manual_seed(1_000_003 * self.settings.seed + epoch)
        return np.random.default_rng([self.settings.seed, epoch])

    # Resume ----------------------------------------------------------------------------------------------------------
    def _save(self) -> None:
        tensors, record = self.state()
        tensors |= {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= optimiser_tensors(self.optimiser)
        record |= {"history": self.history, "scaler": self.scaler.state_dict()}
        save_tensors(self.checkpoint, tensors, record)
        lines = [json.dumps(figures) for figures in self.history]
        write_atomically(self.folder / "metrics.jsonl", "\n".join(lines) + "\n")

    def _resume(self, progress: Progress) -> None:
        if not self.checkpoint.is_file():
            return
        tensors, record = load_tensors(self.checkpoint)
        self.model.load_state_dict(with_prefix(tensors, "model."))
        restore_optimiser(self.optimiser, tensors)
        self.scaler.load_state_dict(record["scaler"])
        self.history = record["history"]
        self.restore(tensors, record)
        progress.say(f"resuming after epoch {len(self.history)}")


def windows(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Splits clip indices into windows of LENGTH_WINDOW batches, which are augmented and sorted by length at a time."""
    window = size * LENGTH_WINDOW
    return [order[start : start + window] for start in range(0, len(order), window)]


def make_batches(lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[list[int]]:
    """Batches of indices with similar lengths, in random order; every index occurs once."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(inputs: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Pads (T, D) inputs with 0 to one (N, max T, D) tensor; returns it and the lengths (N,)."""
    lengths = torch.tensor([len(values) for values in inputs])
    padded = torch.zeros(len(inputs), int(lengths.max()), inputs[0].shape[1])
    for row, values in zip(padded, inputs, strict=True):
        row[: len(values)] = torch.from_numpy(values)
    return padded, lengths


def learning_rate_share(completed: float) -> float:
    """Learning rate as a share of its peak: linear warm-up over the first WARM_UP_SHARE of the run, then cosine decay.

    completed: share of the run that is over, 0…1.
    """
    if completed < WARM_UP_SHARE:
        return 0.04 + 0.96 * completed / WARM_UP_SHARE
    return 0.5 * (1 + math.cos(math.pi * (completed - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))


def half_precision(device: torch.device) -> torch.dtype:
    """bfloat16 if the GPU supports it (compute capability 8 or higher), else float16, which needs loss scaling."""
    if device.type != "cuda":
        return torch.bfloat16
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def weighted_mean(pairs: Sequence[tuple[float, int]]) -> float:
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def collate_labels(
    labels: Sequence[Labels], sources: Sequence[np.ndarray], device: torch.device
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Labels of a batch by tier: (N, T) frame labels and (N,) clip labels, UNKNOWN where there is none.

    sources: for each clip (T',), the feature frame that each frame of the batch came from.
    """
    longest = max(map(len, sources))
    frames: dict[str, Tensor] = {}
    for row, (of_clip, source) in enumerate(zip(labels, sources, strict=True)):
        for tier, values in of_clip.frames.items():
            frames.setdefault(tier, torch.full((len(labels), longest), UNKNOWN))
            frames[tier][row, : len(source)] = torch.from_numpy(values[source])
    tiers = {tier for of_clip in labels for tier in of_clip.clip}
    clips = {tier: torch.tensor([of_clip.clip.get(tier, UNKNOWN) for of_clip in labels]) for tier in sorted(tiers)}
    return {t: v.to(device) for t, v in frames.items()}, {t: v.to(device) for t, v in clips.items()}
