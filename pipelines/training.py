"""The CTC training loop: one run, resumable after each epoch with the same result (SPEC §7)."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.augmentation import Augmentation, augmented_input
from models.ctc import ctc_loss, real_frames, single_sign_scores, smoothing_loss
from models.feature_sets import FeatureSet, encoder_input
from models.recogniser import BLANK, Recogniser, normalised
from pipelines.checkpoints import load_tensors, optimiser_tensors, part, restore_optimiser, save_tensors
from pipelines.errors import AslError
from pipelines.files import write_atomically
from pipelines.measures import greedy_error_rate
from pipelines.progress import Progress
from pipelines.settings import TrainSettings

WARM_UP_SHARE = 0.15
#: Batches are made of clips of like length, within windows of this many batches.
LENGTH_WINDOW = 8
#: From this epoch on, a blank share above the limit is a collapse and no longer a beginning.
COLLAPSE_EPOCHS, COLLAPSE_SHARE = 10, 0.995


@dataclass(frozen=True)
class Example:
    """features: (T, size), NaN where absent. labels: the glosses, 1…V, in signing order."""

    features: np.ndarray
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Data:
    """What a run trains and validates on. mean, deviation: (size,), from the training clips only."""

    feature_set: FeatureSet
    train: Sequence[Example]
    validation: Sequence[Example]
    mean: np.ndarray
    deviation: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """The trained model, one dict of figures an epoch, the epoch whose weights were kept, and warnings."""

    model: Recogniser
    history: list[dict[str, Any]]
    best_epoch: int
    warnings: list[str]


class Run:
    """One training run in a folder: checkpoint.safetensors and metrics.jsonl are written after each epoch."""

    def __init__(self, model: Recogniser, data: Data, settings: TrainSettings, folder: Path, device: torch.device):
        self.model, self.data, self.settings, self.folder, self.device = model.to(device), data, settings, folder, device
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.scaler = torch.amp.GradScaler(device.type, enabled=_half(device) is torch.float16)
        self.history: list[dict[str, Any]] = []
        # Validation score, negative validation loss (it breaks ties) and epoch of the weights to keep.
        self.best: tuple[float, float, int] = (-math.inf, -math.inf, -1)
        self.best_weights: dict[str, Tensor] = {}
        self.augmentation = Augmentation(settings.mirror, settings.speed, settings.noise, settings.time_mask)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    def run(self, progress: Progress) -> Outcome:
        """Trains to the last epoch or until validation has not improved for `patience` epochs."""
        self._resume(progress)
        progress.start("train", self.settings.epochs)
        progress.advance(len(self.history))
        while len(self.history) < self.settings.epochs and not self._out_of_patience():
            figures = self._epoch(len(self.history))
            self.history.append(figures)
            self._save()
            progress.advance(1, _note(figures))
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        kept = self.best[2] if self.best_weights else len(self.history) - 1
        return Outcome(self.model, self.history, kept, self._warnings())

    # One epoch -------------------------------------------------------------------------------------------------------
    def _epoch(self, epoch: int) -> dict[str, Any]:
        # All randomness hangs on (seed, epoch): a resumed run draws what the undisturbed one would have drawn.
        rng = np.random.default_rng([self.settings.seed, epoch])
        torch.manual_seed(1_000_003 * self.settings.seed + epoch)
        clock, losses, blanks, frames = time.monotonic(), [], 0.0, 0
        self.model.train()
        batches = make_batches([len(one.features) for one in self.data.train], self.settings.batch_size, rng)
        groups = [batches[i : i + self.settings.accumulate] for i in range(0, len(batches), self.settings.accumulate)]
        for number, group in enumerate(groups):
            self._set_learning_rate((epoch + number / len(groups)) / self.settings.epochs)
            clips = sum(map(len, group))
            for batch in group:
                loss, blank, length = self._loss([self.data.train[i] for i in batch], rng)
                self.scaler.scale(loss * (len(batch) / clips)).backward()
                losses.append((float(loss.detach()), len(batch)))
                blanks, frames = blanks + blank, frames + length
            self._step()
        figures = {"epoch": epoch, "loss": _weighted_mean(losses), "blank_share": blanks / frames}
        if not math.isfinite(figures["loss"]):
            raise AslError(
                f"the loss is {figures['loss']} in epoch {epoch}", "lower --learning-rate; the last checkpoint is kept"
            )
        figures |= self._validate()
        if "validation_score" in figures and (figures["validation_score"], -figures["validation_loss"]) > self.best[:2]:
            self.best = (figures["validation_score"], -figures["validation_loss"], epoch)
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}
        return figures | {"seconds": round(time.monotonic() - clock, 3)}

    def _loss(self, examples: Sequence[Example], rng: np.random.Generator) -> tuple[Tensor, float, int]:
        """Loss of a batch, and (for the watch) the blank frames and all frames in it."""
        inputs = [
            augmented_input(one.features, self.data.mean, self.data.deviation, self.data.feature_set, self.augmentation, rng)
            for one in examples
        ]
        features, lengths = (tensor.to(self.device) for tensor in collate(inputs))
        labels = torch.tensor([label for one in examples for label in one.labels], device=self.device)
        counts = torch.tensor([len(one.labels) for one in examples], device=self.device)
        with torch.autocast(self.device.type, _half(self.device), enabled=self.device.type == "cuda"):
            scores, lengths = self.model(features, lengths)
        loss = self._objective(scores, lengths, labels, counts)
        blank = ((scores.detach().argmax(dim=-1) == BLANK) & real_frames(scores, lengths)).sum()
        return loss, float(blank), int(lengths.sum())

    def _objective(self, scores: Tensor, lengths: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
        settings = self.settings
        losses = ctc_loss(scores, lengths, labels, counts)
        single = counts == 1
        if settings.discriminative and single.any():
            # One-sign clips are judged by ranking all one-sign sequences, so ranking is trained as well: CTC alone
            # learns to tell glosses apart and to stay silent, and on few clips mostly the latter.
            first = labels[torch.cumsum(counts, 0) - counts][single] - 1
            ranking = functional.cross_entropy(
                single_sign_scores(scores[single], lengths[single]),
                first,
                label_smoothing=settings.label_smoothing,
                reduction="none",
            )
            share = settings.discriminative
            losses = losses.masked_scatter(single, (1 - share) * losses[single] + share * ranking)
        return losses.mean() + settings.label_smoothing * smoothing_loss(scores, lengths)

    def _step(self) -> None:
        self.scaler.unscale_(self.optimiser)
        if self.settings.clip_gradient:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)

    def _set_learning_rate(self, share: float) -> None:
        rate = self.settings.learning_rate * learning_rate_share(share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    # Validation ------------------------------------------------------------------------------------------------------
    def _validate(self) -> dict[str, float]:
        """Loss, and top-1 of one-sign clips or 1 − word error rate where there are sentences."""
        examples = self.data.validation
        if not examples:
            return {}
        scores = [score for batch in _chunks(examples, 64) for score in self._log_probs(batch)]
        losses = [_clip_loss(score, one.labels) for score, one in zip(scores, examples, strict=True)]
        if all(len(one.labels) == 1 for one in examples):
            ranks = [
                int(_single_scores(score).argmax()) + 1 == one.labels[0] for score, one in zip(scores, examples, strict=True)
            ]
            score = float(np.mean(ranks))
        else:
            score = 1 - greedy_error_rate([one.labels for one in examples], [score.numpy() for score in scores])
        return {"validation_loss": float(np.mean(losses)), "validation_score": score}

    @torch.no_grad()
    def _log_probs(self, examples: Sequence[Example]) -> list[Tensor]:
        self.model.eval()
        inputs = [encoder_input(one.features, self.data.mean, self.data.deviation, self.data.feature_set) for one in examples]
        features, lengths = collate(inputs)
        scores, _ = self.model(features.to(self.device), lengths.to(self.device))
        return [normalised(row[:length]).cpu() for row, length in zip(scores, lengths, strict=True)]

    def _out_of_patience(self) -> bool:
        """Whether neither score nor loss of the validation clips has had a new best for `patience` epochs.

        Both, because a model that learns sentences says nothing at first, and then for a while too much.
        """
        if not self.settings.patience or "validation_score" not in (self.history or [{}])[-1]:
            return False
        scores = [figures["validation_score"] for figures in self.history]
        losses = [figures["validation_loss"] for figures in self.history]
        newest = max(int(np.argmax(scores)), int(np.argmin(losses)))
        return len(self.history) - 1 - newest >= self.settings.patience

    def _warnings(self) -> list[str]:
        shares = [figures["blank_share"] for figures in self.history]
        if len(shares) > COLLAPSE_EPOCHS and shares[-1] > COLLAPSE_SHARE:
            return [
                f"blank collapse: {100 * shares[-1]:.1f} % of the frames say blank although the loss fell; "
                "the model is not usable as it is (smaller --hidden, more --label-prior, lower --learning-rate)"
            ]
        return []

    # Resume ----------------------------------------------------------------------------------------------------------
    def _save(self) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        tensors |= optimiser_tensors(self.optimiser)
        record = {"history": self.history, "best": self.best if self.best_weights else None, "scaler": self.scaler.state_dict()}
        save_tensors(self.checkpoint, tensors, record)
        lines = [json.dumps(figures) for figures in self.history]
        write_atomically(self.folder / "metrics.jsonl", "\n".join(lines) + "\n")

    def _resume(self, progress: Progress) -> None:
        if not self.checkpoint.is_file():
            return
        tensors, record = load_tensors(self.checkpoint)
        self.model.load_state_dict(part(tensors, "model."))
        restore_optimiser(self.optimiser, tensors)
        self.scaler.load_state_dict(record["scaler"])
        self.history = record["history"]
        if record["best"]:
            self.best, self.best_weights = tuple(record["best"]), part(tensors, "best.")
        progress.say(f"goes on after epoch {len(self.history)}")


def make_batches(lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[list[int]]:
    """Clip indices in random batches of like lengths, every clip once."""
    order, window = rng.permutation(len(lengths)), size * LENGTH_WINDOW
    batches = []
    for start in range(0, len(order), window):
        part_ = sorted(order[start : start + window].tolist(), key=lambda i: lengths[i])
        batches += [part_[i : i + size] for i in range(0, len(part_), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(inputs: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Clips of (T, D) → (N, longest T, D) padded with 0, and lengths (N,)."""
    lengths = torch.tensor([len(one) for one in inputs])
    padded = torch.zeros(len(inputs), int(lengths.max()), inputs[0].shape[1])
    for row, one in zip(padded, inputs, strict=True):
        row[: len(one)] = torch.from_numpy(one)
    return padded, lengths


def learning_rate_share(share: float) -> float:
    """Of the peak, at this share of the run: up a line over the first WARM_UP_SHARE, then down a half cosine."""
    if share < WARM_UP_SHARE:
        return 0.04 + 0.96 * share / WARM_UP_SHARE
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP_SHARE) / (1 - WARM_UP_SHARE)))


def _half(device: torch.device) -> torch.dtype:
    """bfloat16 where the card computes in it (compute capability 8 and up), else float16 with loss scaling."""
    if device.type != "cuda":
        return torch.bfloat16
    return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16


def _clip_loss(scores: Tensor, labels: Sequence[int]) -> float:
    lengths, counts = torch.tensor([len(scores)]), torch.tensor([len(labels)])
    return float(ctc_loss(scores[None], lengths, torch.tensor(labels), counts))


def _single_scores(scores: Tensor) -> Tensor:
    return single_sign_scores(scores[None], torch.tensor([len(scores)]))[0]


def _chunks(items: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _weighted_mean(pairs: Sequence[tuple[float, int]]) -> float:
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def _note(figures: dict[str, Any]) -> str:
    text = f"loss {figures['loss']:.3f}  blank {100 * figures['blank_share']:.0f} %"
    return text + (f"  validation {100 * figures['validation_score']:.1f} %" if "validation_score" in figures else "")
