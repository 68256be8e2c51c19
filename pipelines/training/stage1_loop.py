"""The training loop of stage 1: two views per clip, EMA codebook updates, resumable after any epoch (SPEC §4, §6).

An entry of a codebook that no frame has used for a whole epoch is dead, and is re-seeded.
"""

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

LOSS_PARTS = ("time", "view", "codes", "phonology")
#: Number of frames that the codebooks are initialised from and evaluated on.
SAMPLE_FRAMES = 20_000


@dataclass(frozen=True)
class PretrainExample:
    """One clip. features: (T, size), NaN where absent. labels: phonological annotations, if it has any."""

    features: np.ndarray
    name: str
    labels: Labels = Labels()


@dataclass(frozen=True)
class PretrainData:
    """Training and validation examples. mean, deviation: (expanded,), from the training clips."""

    feature_set: FeatureSet
    train: Sequence[PretrainExample]
    validation: Sequence[PretrainExample]
    mean: np.ndarray
    deviation: np.ndarray


class PretrainRun(ResumableRun):
    """A pre-training run in a folder."""

    model: Pretrainer

    def __init__(self, model: Pretrainer, data: PretrainData, settings: PretrainSettings, folder: Path, device: torch.device):
        super().__init__(model, settings, folder, device)
        self.data = data
        self.augmentation = settings.augmentation
        self.sample = tuple(tensor.to(device) for tensor in self._sample())

    def _sample(self) -> tuple[Tensor, Tensor]:
        """Random frames of the training clips for the codebooks: (F, 36) standardised values, and which were seen."""
        rng = np.random.default_rng([self.settings.seed, 0])
        share = min(1.0, SAMPLE_FRAMES / sum(len(example.features) for example in self.data.train))
        values, seen = [], []
        for example in self.data.train:
            sampled = rng.random(len(example.features)) < share
            values.append(self._input(example.features)[sampled, :SIZE])
            seen.append(np.isfinite(example.features[sampled, :SIZE]))
        return torch.from_numpy(np.concatenate(values)), torch.from_numpy(np.concatenate(seen))

    def epoch(self, number: int) -> dict[str, Any]:
        rng, settings, started = self.randomness(number), self.settings, time.monotonic()
        generator = torch.Generator().manual_seed(settings.seed * 7919 + number)
        if number == 0:
            self.model.quantiser.seed(*self.sample, generator)
        self.model.train()
        losses, clips_seen = [], 0
        for batch in self._batches(self.data.train, rng):
            parts, first = self._losses(batch, rng, generator)
            loss = self._total(parts, batch)
            self.scaler.scale(loss).backward()
            self.step((number + clips_seen / len(self.data.train)) / settings.epochs)
            self._update_codebooks(first)
            clips_seen += len(batch)
            losses.append(({name: float(part.detach()) for name, part in parts.items()}, len(batch)))
        if number + 1 < settings.epochs:  # the heads would not learn an entry that is re-seeded at the end
            self.model.quantiser.reseed_dead(*self.sample, generator)
        figures = {"epoch": number, **self._means(losses)} | self._validate()
        codebooks = {part: asdict(codebook) for part, codebook in self.codebooks().items()}
        return figures | {"codebooks": codebooks, "seconds": round(time.monotonic() - started, 3)}

    def progress_note(self, figures: dict[str, Any]) -> str:
        return "  ".join(f"{name} {figures[name]:.3f}" for name in ("loss", "time", "view"))

    def codebooks(self) -> dict[str, CodebookFigures]:
        """Usage figures of each codebook on the sampled frames of the training clips."""
        return self.model.quantiser.figures(*self.sample)

    # Batches ---------------------------------------------------------------------------------------------------------
    def _batches(self, clips: Sequence[PretrainExample], rng: np.random.Generator) -> list[list[PretrainExample]]:
        """Batches of at least two clips, because the contrastive losses compare a clip with the others of its batch."""
        size, batches = self.settings.batch_size, []
        for window in windows(rng.permutation(len(clips)), size):
            batches += [
                [clips[window[i]] for i in batch] for batch in make_batches([len(clips[i].features) for i in window], size, rng)
            ]
        return [batch for batch in batches if len(batch) > 1]

    def _losses(
        self, batch: Sequence[PretrainExample], rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[dict[str, Tensor], View]:
        first, second = (self._view(batch, rng) for _ in range(2))
        with self.autocast():
            parts = self.model.losses(first, second, generator)
        return {name: part.float() for name, part in parts.items()}, first

    def _view(self, batch: Sequence[PretrainExample], rng: np.random.Generator) -> View:
        """One augmented view of each clip of a batch."""
        values, clean, seen, sources = zip(*(self._augmented(example, rng) for example in batch), strict=True)
        inputs, lengths = collate(values)
        clean, _ = collate(clean)
        seen, _ = collate([mask.astype(np.float32) for mask in seen])
        labels = collate_labels([example.labels for example in batch], sources, self.device)
        return View(inputs.to(self.device), clean.to(self.device), seen.to(self.device) > 0, lengths.to(self.device), *labels)

    def _augmented(self, example: PretrainExample, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """One augmented view of a clip of T' frames.

        Returns the corrupted input (T', inputs), its phonological features before masking (T', 36), which of those were seen
        (T', 36), and the source frame of each frame (T',).
        """
        feature_set = self.data.feature_set
        changed, source = augment_features(example.features, feature_set, self.augmentation, rng)
        values = self._input(changed)
        clean, seen = values[:, :SIZE].copy(), np.isfinite(changed[:, :SIZE])
        if rng.random() < self.augmentation.part_mask:
            mask_body_part(changed, feature_set, rng)
            values = self._input(changed)
        corrupt_input(values, feature_set, self.augmentation, rng)
        return values, clean, seen, source

    def _input(self, features: np.ndarray) -> np.ndarray:
        return encoder_input(features, self.data.mean, self.data.deviation, self.data.feature_set)

    def _total(self, parts: dict[str, Tensor], batch: Sequence[PretrainExample]) -> Tensor:
        loss = self._weighted(parts)
        if not torch.isfinite(loss):
            raise AslError(
                f"the loss is not a number in epoch {len(self.history)}, in the batch of {batch[0].name}",
                "lower --learning-rate; the checkpoint of the previous epoch is kept",
            )
        return loss

    def _weighted(self, parts: Mapping[str, Any]) -> Any:
        """The loss L of SPEC §6 from its parts, which are tensors or numbers."""
        return parts["time"] + parts["view"] + self.settings.phonology * (parts["codes"] + parts["phonology"])

    @torch.no_grad()
    def _update_codebooks(self, view: View) -> None:
        """Updates the codebooks with the frames of a view."""
        real = real_frames(view.clean, view.lengths)
        self.model.quantiser.update(view.clean[real], view.seen[real])

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """The loss on the validation clips, with the same views in every epoch."""
        if len(self.data.validation) < 2:
            return {}
        rng, generator = np.random.default_rng(self.settings.seed), torch.Generator().manual_seed(self.settings.seed)
        self.model.eval()
        losses = []
        for batch in self._batches(self.data.validation, rng):
            parts, _ = self._losses(batch, rng, generator)
            losses.append(({name: float(part) for name, part in parts.items()}, len(batch)))
        return {f"validation_{name}": value for name, value in self._means(losses).items()}

    def _means(self, losses: Sequence[tuple[dict[str, float], int]]) -> dict[str, float]:
        """The loss and each part of it, averaged over the batches. losses: (parts, number of clips) of each batch."""
        if not losses:
            raise AslError("stage 1 compares clips with each other and needs at least two", "extract more clips")
        means = {name: weighted_mean([(parts[name], count) for parts, count in losses]) for name in LOSS_PARTS}
        return {"loss": self._weighted(means), **means}
