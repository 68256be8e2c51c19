"""The CTC training loop of stage 2, which resumes after any epoch with bit-identical results (SPEC §7)."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from asl.models.features.augmentation import augmented_input
from asl.models.features.feature_sets import encoder_input
from asl.models.features.tiers import GLOSS_TIER, UNKNOWN
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.ctc import BLANK, ctc_loss, normalised, real_frames, single_sign_scores, smoothing_loss
from asl.pipelines.recogniser.measures import label_error_rate
from asl.pipelines.training.distributed import SINGLE_PROCESS, Ranks, StepSum, share_out
from asl.pipelines.training.examples import Example, TrainingData
from asl.pipelines.training.resumable import ResumableRun, collate, collate_labels, make_batches, weighted_mean, windows
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import TrainSettings
from asl.pipelines.workspace.tensor_files import with_prefix
from asl.transducers.ctc_search import greedy

#: After this many epochs, a blank share above the limit counts as blank collapse; before, it is normal.
COLLAPSE_EPOCHS, COLLAPSE_SHARE = 10, 0.995


@dataclass(frozen=True)
class TrainingOutcome:
    """The trained model, one dict of figures per epoch, the epoch whose weights the model has, and warnings."""

    model: RecogniserNetwork
    history: list[dict[str, Any]]
    best_epoch: int
    warnings: list[str]


class CtcRun(ResumableRun):
    """The training of one recogniser in a folder."""

    model: RecogniserNetwork

    def __init__(
        self,
        model: RecogniserNetwork,
        data: TrainingData,
        settings: TrainSettings,
        folder: Path,
        device: torch.device,
        ranks: Ranks = SINGLE_PROCESS,
    ):
        super().__init__(model, settings, folder, device, ranks)
        self.data = data
        # Validation score, negative validation loss (which breaks ties) and epoch of the best weights.
        self.best: tuple[float, float, int] = (-math.inf, -math.inf, -1)
        self.best_weights: dict[str, Tensor] = {}
        # The mean of the weights of the last epochs, once they have begun.
        self.averaged: AveragedModel | None = None
        self.augmentation = settings.augmentation

    def run(self, progress: Progress) -> TrainingOutcome:
        """Trains to the last epoch, or until validation has not improved for `patience` epochs."""
        self.train("train", progress)
        best_epoch = len(self.history) - 1
        if self.averaged:
            self.model.load_state_dict(self.averaged.module.state_dict())
        elif self.best_weights:
            self.model.load_state_dict(self.best_weights)
            best_epoch = self.best[2]
        return TrainingOutcome(self.model, self.history, best_epoch, self._warnings())

    # One epoch -------------------------------------------------------------------------------------------------------
    def epoch(self, number: int) -> dict[str, Any]:
        rng, settings = self.randomness(number), self.settings
        started, losses, clips_seen = time.monotonic(), [], 0
        self.model.train()
        late = (number + 1) / settings.epochs > settings.late_from
        self.model.late.share = settings.late_dropout if late else 0.0
        step_sum = StepSum(self.model, self.ranks) if settings.accumulate > 1 else None
        for step, group in enumerate(self._steps(number, rng)):
            for shard, examples, inputs, sources in group:
                if step_sum:
                    torch.manual_seed(_seed_of(settings.seed, number, step, shard))
                weight = len(examples) if step_sum else 1
                loss, blank, length = self._loss(examples, inputs, sources)
                self.scaler.scale(loss * weight).backward()
                if late and settings.adversarial:
                    with self._perturbed_weights():
                        self.scaler.scale(self._loss(examples, inputs, sources)[0] * weight).backward()
                losses.append((float(loss.detach()), len(examples), blank, length))
                if step_sum:
                    step_sum.add(len(examples))
            count = step_sum.finish() if step_sum else losses[-1][1]
            self.step((number + clips_seen / len(self.data.train)) / settings.epochs)
            clips_seen += count
        losses = self.ranks.gather(losses)
        blanks, frames = (sum(batch[i] for batch in losses) for i in (2, 3))
        if settings.average and number >= settings.epochs * (1 - settings.average):
            self._average_weights()
        figures = {"epoch": number, "loss": weighted_mean([batch[:2] for batch in losses]), "blank_share": blanks / frames}
        figures |= self._validate()
        if not self.averaged and "validation_score" in figures:
            self._keep_if_best(number, figures["validation_score"], -figures["validation_loss"])
        return figures | {"seconds": round(time.monotonic() - started, 3)}

    def _keep_if_best(self, number: int, score: float, negative_loss: float) -> None:
        if (score, negative_loss) > self.best[:2]:
            self.best = (score, negative_loss, number)
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}

    def _steps(
        self, number: int, rng: np.random.Generator
    ) -> Iterator[list[tuple[int, list[Example], list[np.ndarray], list[np.ndarray]]]]:
        """The optimiser steps of an epoch. A step is `accumulate` shards of one batch each; this rank yields its own shards.

        A batch is (shard, examples of similar length, their augmented inputs, the source frame of each input frame).
        """
        size, shards, seed = self.settings.batch_size, self.settings.accumulate, self.settings.seed
        order = rng.permutation(len(self.data.train))
        for index, window in enumerate(windows(order, size * shards)):
            of_rank = [
                self._batches(
                    shard, window[shard::shards], np.random.default_rng([seed, number, index, shard]) if shards > 1 else rng
                )
                for shard in range(self.ranks.rank, shards, self.ranks.size)
            ]
            # The first shard is the longest; in its last step the others may be exhausted.
            for _ in range(-(-len(window[::shards]) // size)):
                yield [batch for batches in of_rank if (batch := next(batches, None))]

    def _batches(
        self, shard: int, clips: np.ndarray, rng: np.random.Generator
    ) -> Iterator[tuple[int, list[Example], list[np.ndarray], list[np.ndarray]]]:
        examples = [self.data.train[i] for i in clips]
        augmented = [self._augmented(example, rng) for example in examples]
        for batch in make_batches([len(inputs) for inputs, _ in augmented], self.settings.batch_size, rng):
            yield shard, [examples[i] for i in batch], [augmented[i][0] for i in batch], [augmented[i][1] for i in batch]

    def _augmented(self, example: Example, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Standardised augmented input (T', inputs), and the source frame of each of its frames (T',)."""
        return augmented_input(
            example.features, self.data.mean, self.data.deviation, self.data.feature_set, self.augmentation, rng
        )

    def _loss(
        self, examples: Sequence[Example], inputs: Sequence[np.ndarray], sources: Sequence[np.ndarray]
    ) -> tuple[Tensor, float, int]:
        """Loss of a batch, its number of blank frames, and its number of frames. Raises AslError if the loss is not finite."""
        features, lengths = (tensor.to(self.device) for tensor in collate(inputs))
        glosses = torch.tensor([label for example in examples for label in example.glosses], device=self.device)
        counts = torch.tensor([len(example.glosses) for example in examples], device=self.device)
        with self.autocast():
            encoded, lengths = self.model.encoder(features, lengths)
            scores = self.model.scores(encoded, lengths)
        losses = self._objective(scores, lengths, glosses, counts)
        weights = losses.new_tensor([self.data.level_weights[example.labels.level] for example in examples])
        loss = (weights * losses).mean() + self.settings.label_smoothing * smoothing_loss(scores, lengths)
        labels = collate_labels([example.labels for example in examples], sources, self.device)
        if self.model.phonology.tiers:
            phonology, boundary = self.model.phonology.losses(encoded, lengths, *labels)
            loss = loss + self.settings.phonology * phonology + self.settings.boundaries * boundary
        if self.settings.frames and GLOSS_TIER in labels[0]:
            loss = loss + self.settings.frames * self._frame_loss(scores, lengths, labels[0][GLOSS_TIER])
        if not torch.isfinite(loss):
            self._raise_not_finite(examples, inputs, losses)
        blank = ((scores.detach().argmax(dim=-1) == BLANK) & real_frames(scores, lengths)).sum()
        return loss, float(blank), int(lengths.sum())

    def _frame_loss(self, scores: Tensor, lengths: Tensor, glosses: Tensor) -> Tensor:
        """Cross-entropy of the frames with a known gloss or a known absence of one, summed over the frames as the CTC loss is.

        It is computed on the scores before division by the label prior. The divided scores are then, up to a constant, the
        likelihood of a frame under each gloss, which a cascade needs (Bourlard and Morgan, 1994).
        """
        known = (glosses != UNKNOWN) & real_frames(scores, lengths)
        if not known.any():
            return scores.new_zeros(())
        undivided = scores + self.model.prior_weight * self.model.prior.log()
        return functional.cross_entropy(undivided[known], glosses[known], reduction="sum") / len(scores)

    def _raise_not_finite(self, examples: Sequence[Example], inputs: Sequence[np.ndarray], losses: Tensor) -> None:
        """Raises AslError naming the clip whose features or loss are not finite, before the optimiser takes a step."""
        invalid = [example.name for example, values in zip(examples, inputs, strict=True) if not np.isfinite(values).all()]
        if invalid:
            raise AslError(
                f"the features of {invalid[0]} are not finite numbers",
                "check that clip or remove it, and run the command again to resume",
            )
        diverged = [example.name for example, loss in zip(examples, losses.tolist(), strict=True) if not math.isfinite(loss)]
        source = f"of {diverged[0]}" if diverged and len(diverged) < len(examples) else "of a whole batch"
        raise AslError(
            f"the loss {source} is not a number in epoch {len(self.history)}",
            "lower --learning-rate; the checkpoint of the previous epoch is kept",
        )

    @contextmanager
    def _perturbed_weights(self) -> Iterator[None]:
        """Moves each weight tensor along its gradient by `adversarial` of its norm, temporarily (Wu et al., NeurIPS 2020)."""
        perturbed = [(p, p.detach().clone()) for p in self.model.parameters() if p.grad is not None and p.dim() > 1]
        with torch.no_grad():
            for p, before in perturbed:
                norm = p.grad.norm()
                if torch.isfinite(norm) and norm > 0:
                    p.add_(p.grad, alpha=float(self.settings.adversarial * before.norm() / norm))
        yield
        with torch.no_grad():
            for p, before in perturbed:
                p.copy_(before)

    def _average_weights(self) -> None:
        """Takes the current weights into the mean of the last epochs.

        Buffers (the label prior) are averaged too. No encoder has batch norms, whose statistics would have to be measured anew.
        """
        self.averaged = self.averaged or AveragedModel(self.model, use_buffers=True)
        self.averaged.update_parameters(self.model)

    def _objective(self, scores: Tensor, lengths: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
        """(N,) per-clip losses: CTC, for one-sign clips mixed with the discriminative ranking loss."""
        settings = self.settings
        losses = ctc_loss(scores, lengths, labels, counts)
        single = counts == 1
        if settings.discriminative and single.any():
            # One-sign clips are evaluated by ranking all one-sign sequences, so ranking is trained as well. CTC alone learns
            # to distinguish glosses and to output blanks, and with few clips mostly the latter.
            first = labels[torch.cumsum(counts, 0) - counts][single] - 1
            ranking = functional.cross_entropy(
                single_sign_scores(scores[single], lengths[single]),
                first,
                label_smoothing=settings.label_smoothing,
                reduction="none",
            )
            share = settings.discriminative
            losses = losses.masked_scatter(single, (1 - share) * losses[single] + share * ranking)
        return losses

    # Validation ------------------------------------------------------------------------------------------------------
    def _validate(self) -> dict[str, float]:
        """Validation loss, and as score top-1 accuracy, or 1 − word error rate if there are sentences.

        They are those of the weights that would be saved now: the mean of the last epochs, once they have begun. Only losses and
        readings are kept of a clip, as the scores of all clips, (T, V + 1) each, may not fit into memory.
        """
        examples, size = self.data.validation, self.settings.batch_size
        if not examples:
            return {}
        model = (self.averaged.module if self.averaged else self.model).eval()
        of_rank = share_out(range(len(examples)), self.ranks)
        batches = ([examples[i] for i in of_rank[start : start + size]] for start in range(0, len(of_rank), size))
        readings = [reading for batch in batches for reading in self._read(model, batch)]
        losses, references, hypotheses = zip(*self.ranks.gather(readings), strict=True)
        return {
            "validation_loss": float(np.mean(losses)),
            "validation_score": 1 - label_error_rate(references, hypotheses),
        }

    @torch.no_grad()
    def _read(self, model: nn.Module, examples: Sequence[Example]) -> Iterator[tuple[float, tuple[int, ...], tuple[int, ...]]]:
        """The loss, the signed and the read labels of each example.

        If all validation clips have one sign, the best sequence of one label is read, else greedy decoding.
        """
        data = self.data
        inputs = [encoder_input(example.features, data.mean, data.deviation, data.feature_set) for example in examples]
        features, lengths = collate(inputs)
        scores, _ = model(features.to(self.device), lengths.to(self.device))
        for example, row, length in zip(examples, scores, lengths, strict=True):
            log_probs = normalised(row[:length]).cpu()
            labels = _best_sign(log_probs) if data.validated_on_single_signs else tuple(greedy(log_probs.numpy()))
            yield _clip_loss(log_probs, example.glosses), example.glosses, labels

    def done(self) -> bool:
        """Whether neither the validation score nor the validation loss has improved for `patience` epochs.

        Both count, because a model of sentences outputs nothing at first and, for a while, too many glosses afterwards.
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
                f"blank collapse: the model outputs blank for {100 * shares[-1]:.1f} % of the frames although the loss fell; "
                "it is not usable (try a smaller --hidden, a larger --label-prior or a lower --learning-rate)"
            ]
        return []

    # Resume ----------------------------------------------------------------------------------------------------------
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        if self.averaged:
            tensors |= {f"average.{name}": tensor for name, tensor in self.averaged.state_dict().items()}
        return tensors, {"best": self.best if self.best_weights else None}

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        if averaged := with_prefix(tensors, "average."):
            self.averaged = AveragedModel(self.model, use_buffers=True)
            self.averaged.load_state_dict(averaged)
        if record["best"]:
            self.best, self.best_weights = tuple(record["best"]), with_prefix(tensors, "best.")

    def progress_note(self, figures: dict[str, Any]) -> str:
        text = f"loss {figures['loss']:.3f}  blank {100 * figures['blank_share']:.0f} %"
        return text + (f"  validation {100 * figures['validation_score']:.1f} %" if "validation_score" in figures else "")


def _seed_of(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _clip_loss(scores: Tensor, labels: Sequence[int]) -> float:
    lengths, counts = torch.tensor([len(scores)]), torch.tensor([len(labels)])
    return float(ctc_loss(scores[None], lengths, torch.tensor(labels), counts))


def _best_sign(scores: Tensor) -> tuple[int]:
    return (int(single_sign_scores(scores[None], torch.tensor([len(scores)]))[0].argmax()) + 1,)
