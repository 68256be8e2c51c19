"""The loop of stage 1: two views of each clip, codebooks that follow, resumable after each epoch (SPEC §4, §6)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asl.models.features.augmentation import augment_features, corrupt_input, mask_body_part
from asl.models.features.feature_sets import FeatureSet, encoder_input
from asl.models.features.phon36 import SIZE
from asl.models.networks.quantiser import CodebookFigures
from asl.models.objectives.ctc import real_frames
from asl.models.objectives.pretraining import Pretrainer, View
from asl.pipelines.corpus.labels import Labels
from asl.pipelines.training.resumable import ResumableRun, collate, collate_labels, make_batches, weighted_mean, windows
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.settings.training import PretrainSettings

PARTS_OF_LOSS = ("time", "view", "codes", "phonology")
#: Frames that the codebooks are seeded from and measured on.
SAMPLE_FRAMES = 20_000


@dataclass(frozen=True)
class Unlabelled:
    """A clip to pre-train on: features (T, size), NaN where absent; its name; what is known of its phonology."""

    features: np.ndarray
    name: str
    labels: Labels = Labels()


@dataclass(frozen=True)
class PretrainData:
    """What a run learns from. mean, deviation: (expanded,), from the training clips."""

    feature_set: FeatureSet
    train: Sequence[Unlabelled]
    validation: Sequence[Unlabelled]
    mean: np.ndarray
    deviation: np.ndarray


class PretrainRun(ResumableRun):
    """One pre-training in a folder."""

    model: Pretrainer

    def __init__(self, model: Pretrainer, data: PretrainData, settings: PretrainSettings, folder: Path, device: torch.device):
        super().__init__(model, settings, folder, device)
        self.data = data
        self.augmentation = settings.augmentation
        self.sample = tuple(one.to(device) for one in self._sample())

    def _sample(self) -> tuple[Tensor, Tensor]:
        """Frames of the training clips for the codebooks: (F, 36) standardised values, and which were seen."""
        rng = np.random.default_rng([self.settings.seed, 0])
        share = min(1.0, SAMPLE_FRAMES / sum(len(one.features) for one in self.data.train))
        values, seen = [], []
        for one in self.data.train:
            chosen = rng.random(len(one.features)) < share
            values.append(self._input(one.features)[chosen, :SIZE])
            seen.append(np.isfinite(one.features[chosen, :SIZE]))
        return torch.from_numpy(np.concatenate(values)), torch.from_numpy(np.concatenate(seen))

    def epoch(self, number: int) -> dict[str, Any]:
        rng, settings, clock = self.randomness(number), self.settings, time.monotonic()
        generator = torch.Generator().manual_seed(settings.seed * 7919 + number)
        if number == 0:
            self.model.quantiser.seed(*self.sample, generator)
        self.model.train()
        found, seen = [], 0
        for batch in self._batches(self.data.train, rng):
            parts, first = self._losses(batch, rng, generator)
            loss = self._total(parts, batch)
            self.scaler.scale(loss).backward()
            self.step((number + seen / len(self.data.train)) / settings.epochs)
            self._follow(first, generator)
            seen += len(batch)
            found.append(({name: float(part.detach()) for name, part in parts.items()}, len(batch)))
        figures = {"epoch": number, **self._means(found)} | self._validate()
        books = {part: asdict(one) for part, one in self.codebooks().items()}
        return figures | {"codebooks": books, "seconds": round(time.monotonic() - clock, 3)}

    def note(self, figures: dict[str, Any]) -> str:
        return "  ".join(f"{name} {figures[name]:.3f}" for name in ("loss", "time", "view"))

    def codebooks(self) -> dict[str, CodebookFigures]:
        """How the codebooks are used by frames of the training clips."""
        return self.model.quantiser.figures(*self.sample)

    # Batches ---------------------------------------------------------------------------------------------------------
    def _batches(self, clips: Sequence[Unlabelled], rng: np.random.Generator) -> list[list[Unlabelled]]:
        """Of two clips at least: a clip is told apart from the others of its batch."""
        size, out = self.settings.batch_size, []
        for window in windows(rng.permutation(len(clips)), size):
            out += [
                [clips[window[i]] for i in batch] for batch in make_batches([len(clips[i].features) for i in window], size, rng)
            ]
        return [batch for batch in out if len(batch) > 1]

    def _losses(
        self, batch: Sequence[Unlabelled], rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[dict[str, Tensor], View]:
        first, second = (self._view(batch, rng) for _ in range(2))
        with self.autocast():
            parts = self.model.losses(first, second, generator)
        return {name: part.float() for name, part in parts.items()}, first

    def _view(self, batch: Sequence[Unlabelled], rng: np.random.Generator) -> View:
        clips = [self._varied(one, rng) for one in batch]
        inputs, lengths = collate([one[0] for one in clips])
        clean, _ = collate([one[1] for one in clips])
        seen, _ = collate([one[2].astype(np.float32) for one in clips])
        labels = collate_labels([one.labels for one in batch], [one[3] for one in clips], self.device)
        return View(inputs.to(self.device), clean.to(self.device), seen.to(self.device) > 0, lengths.to(self.device), *labels)

    def _varied(self, one: Unlabelled, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """A clip's input as it is shown, its phonological features before anything was hidden, which of them were seen,
        and the frames it came from."""
        feature_set = self.data.feature_set
        changed, source = augment_features(one.features, feature_set, self.augmentation, rng)
        values = self._input(changed)
        clean, seen = values[:, :SIZE].copy(), np.isfinite(changed[:, :SIZE])
        if rng.random() < self.augmentation.part_mask:
            mask_body_part(changed, feature_set, rng)
            values = self._input(changed)
        corrupt_input(values, feature_set, self.augmentation, rng)
        return values, clean, seen, source

    def _input(self, features: np.ndarray) -> np.ndarray:
        return encoder_input(features, self.data.mean, self.data.deviation, self.data.feature_set)

    def _total(self, parts: dict[str, Tensor], batch: Sequence[Unlabelled]) -> Tensor:
        loss = self._weighted(parts)
        if not torch.isfinite(loss):
            raise AslError(
                f"the loss is not a number in epoch {len(self.history)}, in the batch of {batch[0].name}",
                "lower --learning-rate; the checkpoint of the epoch before is kept",
            )
        return loss

    def _weighted(self, parts: Mapping[str, Any]) -> Any:
        """L of SPEC §6 from its parts, tensors or numbers."""
        return parts["time"] + parts["view"] + self.settings.phonology * (parts["codes"] + parts["phonology"])

    @torch.no_grad()
    def _follow(self, view: View, generator: torch.Generator) -> None:
        """Moves the codebooks towards the frames of a view."""
        real = real_frames(view.clean, view.lengths)
        self.model.quantiser.update(view.clean[real], view.seen[real], generator)

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """The loss of the validation clips, the same views of them each epoch."""
        if len(self.data.validation) < 2:
            return {}
        rng, generator = np.random.default_rng(self.settings.seed), torch.Generator().manual_seed(self.settings.seed)
        self.model.eval()
        found = []
        for batch in self._batches(self.data.validation, rng):
            parts, _ = self._losses(batch, rng, generator)
            found.append(({name: float(part) for name, part in parts.items()}, len(batch)))
        return {f"validation_{name}": value for name, value in self._means(found).items()}

    def _means(self, found: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
        """Each part of the loss over the batches (parts, clips), and the loss itself."""
        if not found:
            raise AslError("stage 1 compares clips with each other and needs two at least", "extract more clips")
        means = {name: weighted_mean([(parts[name], count) for parts, count in found]) for name in PARTS_OF_LOSS}
        return {"loss": self._weighted(means), **means}
