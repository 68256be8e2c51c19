"""The CTC training loop: one run, resumable after each epoch with the same result (SPEC §7)."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from asl.models.features.augmentation import augmented_input
from asl.models.features.feature_sets import encoder_input
from asl.models.features.tiers import GLOSS_TIER, UNKNOWN
from asl.models.networks.recogniser import Recogniser
from asl.models.objectives.ctc import BLANK, ctc_loss, normalised, real_frames, single_sign_scores, smoothing_loss
from asl.pipelines.recogniser.measures import greedy_error_rate
from asl.pipelines.training.distributed import ALONE, Ranks, StepSum, share_out
from asl.pipelines.training.examples import Example, TrainingData
from asl.pipelines.training.resumable import ResumableRun, collate, collate_labels, make_batches, weighted_mean, windows
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import TrainSettings
from asl.pipelines.workspace.tensor_files import part

#: From this epoch on, a blank share above the limit is a collapse and no longer a beginning.
COLLAPSE_EPOCHS, COLLAPSE_SHARE = 10, 0.995
#: Share of each level of annotation in the batches, where more than one is there (SPEC §7).
LEVEL_SHARES = (0.5, 0.3, 0.2)


@dataclass(frozen=True)
class TrainingOutcome:
    """The trained model, one dict of figures an epoch, the epoch whose weights were kept, and warnings."""

    model: Recogniser
    history: list[dict[str, Any]]
    best_epoch: int
    warnings: list[str]


class CtcRun(ResumableRun):
    """One training of a recogniser in a folder."""

    model: Recogniser

    def __init__(
        self,
        model: Recogniser,
        data: TrainingData,
        settings: TrainSettings,
        folder: Path,
        device: torch.device,
        ranks: Ranks = ALONE,
    ):
        super().__init__(model, settings, folder, device, ranks)
        self.data = data
        # Validation score, negative validation loss (it breaks ties) and epoch of the weights to keep.
        self.best: tuple[float, float, int] = (-math.inf, -math.inf, -1)
        self.best_weights: dict[str, Tensor] = {}
        # The sum of the weights of the last epochs, and how many they are.
        self.sums: dict[str, Tensor] = {}
        self.summed = 0
        self.augmentation = settings.augmentation

    def run(self, progress: Progress) -> TrainingOutcome:
        """Trains to the last epoch or until validation has not improved for `patience` epochs."""
        self.train("train", progress)
        if self.sums:
            self.model.load_state_dict({name: (tensor / self.summed).float() for name, tensor in self.sums.items()})
        elif self.best_weights:
            self.model.load_state_dict(self.best_weights)
        kept = self.best[2] if self.best_weights and not self.sums else len(self.history) - 1
        return TrainingOutcome(self.model, self.history, kept, self._warnings())

    # One epoch -------------------------------------------------------------------------------------------------------
    def epoch(self, number: int) -> dict[str, Any]:
        rng, settings = self.randomness(number), self.settings
        clock, losses, seen = time.monotonic(), [], 0
        self.model.train()
        late = (number + 1) / settings.epochs > settings.late_from
        self.model.late.share = settings.late_dropout if late else 0.0
        whole = StepSum(self.model, self.ranks) if settings.accumulate > 1 else None
        for step, group in enumerate(self._steps(number, rng)):
            for shard, examples, inputs, sources in group:
                if whole:
                    torch.manual_seed(_seed_of(settings.seed, number, step, shard))
                weight = len(examples) if whole else 1
                loss, blank, length = self._loss(examples, inputs, sources)
                self.scaler.scale(loss * weight).backward()
                if late and settings.adversarial:
                    with self._moved_uphill():
                        self.scaler.scale(self._loss(examples, inputs, sources)[0] * weight).backward()
                losses.append((float(loss.detach()), len(examples), blank, length))
                if whole:
                    whole.add(len(examples))
            count = whole.finish() if whole else losses[-1][1]
            self.step((number + seen / len(self.data.train)) / settings.epochs)
            seen += count
        losses = self.ranks.gather(losses)
        blanks, frames = (sum(one[i] for one in losses) for i in (2, 3))
        if settings.average and number >= settings.epochs * (1 - settings.average):
            self._add_weights()
        figures = {"epoch": number, "loss": weighted_mean([one[:2] for one in losses]), "blank_share": blanks / frames}
        figures |= self._validate()
        if "validation_score" in figures and (figures["validation_score"], -figures["validation_loss"]) > self.best[:2]:
            self.best = (figures["validation_score"], -figures["validation_loss"], number)
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}
        return figures | {"seconds": round(time.monotonic() - clock, 3)}

    def _steps(
        self, number: int, rng: np.random.Generator
    ) -> Iterator[list[tuple[int, list[Example], list[np.ndarray], list[np.ndarray]]]]:
        """The steps of an epoch: `accumulate` batches each, its shards, of which this rank has its own.

        A batch is its shard's number, its clips, varied and of like length, their inputs, and the frames that these came from.
        """
        size, shards, seed = self.settings.batch_size, self.settings.accumulate, self.settings.seed
        order = epoch_order(self.data.levels, rng)
        for place, window in enumerate(windows(order, size * shards)):
            mine = [
                self._batches(
                    shard, window[shard::shards], np.random.default_rng([seed, number, place, shard]) if shards > 1 else rng
                )
                for shard in range(self.ranks.rank, shards, self.ranks.size)
            ]
            # The first shard is the longest; on its last step others may have nothing left.
            for _ in range(-(-len(window[::shards]) // size)):
                yield [batch for own in mine if (batch := next(own, None))]

    def _batches(
        self, shard: int, clips: np.ndarray, rng: np.random.Generator
    ) -> Iterator[tuple[int, list[Example], list[np.ndarray], list[np.ndarray]]]:
        examples = [self.data.train[i] for i in clips]
        varied = [self._varied(one, rng) for one in examples]
        for batch in make_batches([len(one) for one, _ in varied], self.settings.batch_size, rng):
            yield shard, [examples[i] for i in batch], [varied[i][0] for i in batch], [varied[i][1] for i in batch]

    def _varied(self, one: Example, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return augmented_input(one.features, self.data.mean, self.data.deviation, self.data.feature_set, self.augmentation, rng)

    def _loss(
        self, examples: Sequence[Example], inputs: Sequence[np.ndarray], sources: Sequence[np.ndarray]
    ) -> tuple[Tensor, float, int]:
        """Loss of a batch, and (for the watch) the blank frames and all frames in it. Raises AslError: not a number."""
        features, lengths = (tensor.to(self.device) for tensor in collate(inputs))
        glosses = torch.tensor([label for one in examples for label in one.glosses], device=self.device)
        counts = torch.tensor([len(one.glosses) for one in examples], device=self.device)
        with self.autocast():
            encoded, lengths = self.model.encoder(features, lengths)
            scores = self.model.scores(encoded, lengths)
        losses = self._objective(scores, lengths, glosses, counts)
        loss = losses.mean() + self.settings.label_smoothing * smoothing_loss(scores, lengths)
        known = collate_labels([one.labels for one in examples], sources, self.device)
        if self.model.phonology.tiers:
            phonology, boundary = self.model.phonology.losses(encoded, lengths, *known)
            loss = loss + self.settings.phonology * phonology + self.settings.boundaries * boundary
        if self.settings.frames and GLOSS_TIER in known[0]:
            loss = loss + self.settings.frames * self._frame_loss(scores, lengths, known[0][GLOSS_TIER])
        if not torch.isfinite(loss):
            self._refuse(examples, inputs, losses)
        blank = ((scores.detach().argmax(dim=-1) == BLANK) & real_frames(scores, lengths)).sum()
        return loss, float(blank), int(lengths.sum())

    def _frame_loss(self, scores: Tensor, lengths: Tensor, glosses: Tensor) -> Tensor:
        """Cross-entropy of the frames whose gloss, or that there is none, is known: summed over a clip's, as CTC's is.

        Of what the model says before label shares are divided out: divided, it is then to a constant the likelihood of a
        frame under each gloss, which a cascade wants (Bourlard and Morgan, 1994).
        """
        known = (glosses != UNKNOWN) & real_frames(scores, lengths)
        if not known.any():
            return scores.new_zeros(())
        said = scores + self.model.prior_weight * self.model.prior.log()
        return functional.cross_entropy(said[known], glosses[known], reduction="sum") / len(scores)

    def _refuse(self, examples: Sequence[Example], inputs: Sequence[np.ndarray], losses: Tensor) -> None:
        """Names the clip with which a loss ceased to be a number, before a step is taken with it."""
        wrong = [one.name for one, values in zip(examples, inputs, strict=True) if not np.isfinite(values).all()]
        if wrong:
            raise AslError(
                f"the features of {wrong[0]} are not numbers", "look at that clip, or leave it out; training can go on"
            )
        lost = [one.name for one, loss in zip(examples, losses.tolist(), strict=True) if not math.isfinite(loss)]
        which = f"of {lost[0]}" if lost and len(lost) < len(examples) else "of a whole batch"
        raise AslError(
            f"the loss {which} is not a number in epoch {len(self.history)}",
            "lower --learning-rate; the checkpoint of the epoch before is kept",
        )

    @contextmanager
    def _moved_uphill(self) -> Iterator[None]:
        """The weights moved along their gradient, by `adversarial` of each tensor's norm (Wu et al., NeurIPS 2020)."""
        moved = [(p, p.detach().clone()) for p in self.model.parameters() if p.grad is not None and p.dim() > 1]
        with torch.no_grad():
            for p, before in moved:
                norm = p.grad.norm()
                if torch.isfinite(norm) and norm > 0:
                    p.add_(p.grad, alpha=float(self.settings.adversarial * before.norm() / norm))
        yield
        with torch.no_grad():
            for p, before in moved:
                p.copy_(before)

    def _add_weights(self) -> None:
        own = {name: tensor.detach().cpu().double() for name, tensor in self.model.state_dict().items()}
        self.sums = {name: self.sums[name] + own[name] for name in own} if self.sums else own
        self.summed += 1

    def _objective(self, scores: Tensor, lengths: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
        """(N,) losses of the clips."""
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
        return losses

    # Validation ------------------------------------------------------------------------------------------------------
    def _validate(self) -> dict[str, float]:
        """Loss, and top-1 of one-sign clips or 1 − word error rate where there are sentences."""
        examples = self.data.validation
        if not examples:
            return {}
        own = [score.numpy() for batch in _chunks(share_out(examples, self.ranks), 64) for score in self._log_probs(batch)]
        scores = [torch.from_numpy(score) for score in self.ranks.gather(own)]
        losses = [_clip_loss(score, one.glosses) for score, one in zip(scores, examples, strict=True)]
        if all(len(one.glosses) == 1 for one in examples):
            ranks = [
                int(_single_scores(score).argmax()) + 1 == one.glosses[0] for score, one in zip(scores, examples, strict=True)
            ]
            score = float(np.mean(ranks))
        else:
            score = 1 - greedy_error_rate([one.glosses for one in examples], [score.numpy() for score in scores])
        return {"validation_loss": float(np.mean(losses)), "validation_score": score}

    @torch.no_grad()
    def _log_probs(self, examples: Sequence[Example]) -> list[Tensor]:
        self.model.eval()
        inputs = [encoder_input(one.features, self.data.mean, self.data.deviation, self.data.feature_set) for one in examples]
        features, lengths = collate(inputs)
        scores, _ = self.model(features.to(self.device), lengths.to(self.device))
        return [normalised(row[:length]).cpu() for row, length in zip(scores, lengths, strict=True)]

    def done(self) -> bool:
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
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"best.{name}": tensor for name, tensor in self.best_weights.items()}
        tensors |= {f"sum.{name}": tensor for name, tensor in self.sums.items()}
        return tensors, {"best": self.best if self.best_weights else None, "summed": self.summed}

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        self.sums, self.summed = part(tensors, "sum."), record["summed"]
        if record["best"]:
            self.best, self.best_weights = tuple(record["best"]), part(tensors, "best.")

    def note(self, figures: dict[str, Any]) -> str:
        text = f"loss {figures['loss']:.3f}  blank {100 * figures['blank_share']:.0f} %"
        return text + (f"  validation {100 * figures['validation_score']:.1f} %" if "validation_score" in figures else "")


def epoch_order(levels: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Clip indices of an epoch in random order: each once, or, where clips of several levels of annotation are there, as
    many of each level as LEVEL_SHARES says, those of a scarce one several times."""
    present = sorted(set(levels))
    if len(present) == 1:
        return rng.permutation(len(levels))
    whole = sum(LEVEL_SHARES[level] for level in present)
    chosen = []
    for level in present:
        own = np.flatnonzero(np.array(levels) == level)
        count = max(1, round(len(levels) * LEVEL_SHARES[level] / whole))
        rounds = [rng.permutation(own) for _ in range(-(-count // len(own)))]
        chosen.append(np.concatenate(rounds)[:count])
    return rng.permutation(np.concatenate(chosen))


def _seed_of(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _clip_loss(scores: Tensor, labels: Sequence[int]) -> float:
    lengths, counts = torch.tensor([len(scores)]), torch.tensor([len(labels)])
    return float(ctc_loss(scores[None], lengths, torch.tensor(labels), counts))


def _single_scores(scores: Tensor) -> Tensor:
    return single_sign_scores(scores[None], torch.tensor([len(scores)]))[0]


def _chunks(items: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
