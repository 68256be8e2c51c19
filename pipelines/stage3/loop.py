"""The training loop of stage 3: trains the encoder, its heads and the cascade's weights against competitors (SPEC §11)."""

import copy
import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asl.models.features.augmentation import augmented_input
from asl.models.features.feature_sets import FeatureSet
from asl.models.features.tiers import BOUNDARY, FORM
from asl.models.networks.phonology_heads import tier_loss
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.ctc import ctc_loss, normalised
from asl.models.objectives.discriminative import (
    GradNorm,
    choice_loss,
    encoder_path_scores,
    mmi_loss,
    path_columns,
    risk_loss,
)
from asl.pipelines.cascade.graph_folder import MIN_POSTERIOR, SCORE_WEIGHTS, Graph, encoder_scores, gate_scores, table_scores
from asl.pipelines.recogniser.measures import word_distance
from asl.pipelines.stage3.batches import LOSS_NAMES, AugmentedCase, EncodedBatch, Stage3Model, points_in
from asl.pipelines.stage3.cases import Case
from asl.pipelines.stage3.competitor_search import Competitors, SearchWorkers
from asl.pipelines.training.examples import level_weights
from asl.pipelines.training.resumable import ResumableRun, collate, collate_labels, make_batches, windows
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import Stage3Settings
from asl.pipelines.workspace.tensor_files import with_prefix

Weights = tuple[float, float, float]


@dataclass(frozen=True)
class Stage3Data:
    """Data of a run.

    cases: the training clips. graph: the cascade of stage 2. tune: for recognisers and a graph, the lowest word error rate on the
    tuning clips, and the weights of encoder, codes and densities that give it; None without tuning clips.
    """

    feature_set: FeatureSet
    mean: np.ndarray
    deviation: np.ndarray
    cases: Sequence[Case]
    graph: Graph
    tune: Callable[[Sequence[RecogniserNetwork], Graph], tuple[float, Weights]] | None


class Stage3Run(ResumableRun):
    """A stage-3 run in a folder."""

    model: Stage3Model

    def __init__(
        self, model: Stage3Model, data: Stage3Data, settings: Stage3Settings, folder: Path, device: torch.device,
        workers: SearchWorkers,
    ):  # fmt: skip
        super().__init__(model, settings, folder, device)
        self.data, self.workers = data, workers
        self.augmentation = settings.augmentation
        self.level_weights = level_weights([case.example.labels.level for case in data.cases])
        self.balance = GradNorm({"criterion": 1.0} | {name: getattr(settings, name) for name in LOSS_NAMES[1:]}, settings.balance)
        graph = data.graph
        self.gloss, self.peak, self.forms = (
            torch.from_numpy(array.copy()).to(device) for array in (graph.gloss, graph.peak, graph.label_forms)
        )
        # The running mean of the weights, which is tuned and saved, and the initial weights.
        self.mean_weights = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        self.initial_weights = {name: tensor.clone() for name, tensor in self.mean_weights.items()}
        # The lowest word error rate on the tuning clips before training, with its score weights; the best score weights now.
        self.before: tuple[float, Weights] | None = None
        self.score_weights: Weights | None = None

    def run(self, progress: Progress) -> bool:
        """Trains. Returns False, and restores what was before, if the word error rate on the tuning clips has increased.

        The last epoch is kept and not the best one, because a few hundred words cannot distinguish epochs reliably.
        """
        self.train("stage 3", progress)
        if self.before is None or self.history[-1]["tuning_wer"] <= self.before[0]:
            return True
        self.mean_weights, self.score_weights = self.initial_weights, self.before[1]
        return False

    def graph_before(self) -> Graph:
        """The graph before training, with the score weights that were searched as they are after each epoch."""
        return self.data.graph if self.before is None else with_score_weights(self.data.graph, self.before[1])

    # One epoch -------------------------------------------------------------------------------------------------------
    def epoch(self, number: int) -> dict[str, Any]:
        if number == 0 and self.data.tune:
            self.before = self._tune()
        rng, size, started = self.randomness(number), self.settings.batch_size, time.monotonic()
        recorded: dict[str, list[float]] = defaultdict(list)
        searched: list[AugmentedCase] = []
        clips_seen = 0
        order = rng.permutation(len(self.data.cases))
        # The workers search a window of clips with the current model, while the model trains on the previous window.
        for window in [*windows(order, size), ()]:
            submitted = self._submit([self.data.cases[i] for i in window], rng, number) if len(window) else []
            for batch in make_batches([len(case.values) for case in searched], size, rng) if searched else ():
                self._backward([searched[i] for i in batch], number, recorded)
                clips_seen += len(batch)
                self.step((number + clips_seen / len(order)) / self.settings.epochs)
                self._after_step()
            searched = submitted
        figures: dict[str, Any] = {"epoch": number}
        figures |= {name: float(np.mean(values)) for name, values in recorded.items() if values}
        figures |= {f"weight_{name}": weight for name, weight in self.balance.weights.items() if recorded.get(name)}
        weights = (*self.model.cascade().tolist(), self.model.cascade.gate.item())
        figures |= dict(zip(SCORE_WEIGHTS, weights, strict=True))
        if self.data.tune:
            figures["tuning_wer"] = self._tune()[0]
        return figures | {"seconds": round(time.monotonic() - started, 3)}

    def _tune(self) -> tuple[float, Weights]:
        """The lowest word error rate on the tuning clips, and the score weights that give it, which it sets."""
        self.score_weights = None
        wer, self.score_weights = self.data.tune(*self.result())
        return wer, self.score_weights

    @torch.no_grad()
    def _after_step(self) -> None:
        """Keeps the gate's weight non-negative, as an untrained gate would get a negative one, and updates the mean weights.

        Averaging evens out the overshoot of few steps (Polyak and Juditsky, 1992).
        """
        self.model.cascade.gate.clamp_(min=0)
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point():
                self.mean_weights[name].lerp_(tensor, 1 - self.settings.average)
            else:
                self.mean_weights[name].copy_(tensor)

    def result(self) -> tuple[list[RecogniserNetwork], Graph]:
        """The recognisers and the graph with the mean weights, on the CPU."""
        model = copy.deepcopy(self.model).cpu().eval()
        model.load_state_dict(self.mean_weights)
        with torch.no_grad():
            graph = with_score_weights(self.data.graph, self.score_weights or model.cascade().tolist())
            gate, bias = model.cascade.gate.item(), model.cascade.bias.detach().numpy()
        return list(model.members), replace(graph, gate_weight=gate, bias=bias)

    def temperature(self, number: int) -> float:
        """The divisor of the gate's scores in an epoch."""
        completed = number / max(1, self.settings.epochs - 1)
        return self.settings.fusion_temperature ** (1 - completed)

    # Competitors -----------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def _submit(self, cases: Sequence[Case], rng: np.random.Generator, number: int) -> list[AugmentedCase]:
        """Augments and encodes clips, and submits the searches for their competitors."""
        data = self.data
        augmented = [
            augmented_input(case.example.features, data.mean, data.deviation, data.feature_set, self.augmentation, rng)
            for case in cases
        ]
        self.model.eval()
        outputs: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}
        for batch in make_batches([len(values) for values, _ in augmented], self.settings.batch_size, rng):
            encoded = self._encode([augmented[i][0] for i in batch])
            for row, i in enumerate(batch):
                length = len(augmented[i][0])
                forms = None if encoded.log_forms is None else encoded.log_forms[row, :length].cpu().numpy()
                outputs[i] = encoded.log_probs[row, :length].cpu().numpy(), forms
        return [self._augmented_case(case, *augmented[i], *outputs[i], number) for i, case in enumerate(cases)]

    def _augmented_case(
        self, case: Case, values: np.ndarray, source: np.ndarray, log_probs: np.ndarray, forms: np.ndarray | None, number: int
    ) -> AugmentedCase:
        """The clip with the scores that do not depend on the encoder, and the running search for its competitors."""
        if not case.words or self.settings.criterion == "ctc":
            return AugmentedCase(case, values, source, None, None, None)
        graph, data = self.data.graph, self.data
        weights, bias = self.model.cascade().tolist(), self.model.cascade.bias.detach().cpu().numpy()
        scores = weights[0] * encoder_scores(log_probs, graph.gloss, graph.peak) + bias
        codes = densities = None
        if case.codes is not None and graph.code_weight:
            codes = table_scores(case.codes[source], graph.tables, graph.rows)
            scores = scores + weights[1] * codes
        if graph.densities is not None and graph.density_weight:
            densities = graph.densities.scores(case.example.features[source], data.feature_set)[:, graph.unit]
            scores = scores + weights[2] * densities
        if forms is not None:
            gate = self.model.cascade.gate.item() / self.temperature(number)
            scores = scores + gate * gate_scores(forms, graph.label_forms)
        search = self.workers.search(case.example.id, scores.astype(np.float32), case.words)
        return AugmentedCase(case, values, source, codes, densities, search)

    def _encode(self, inputs: Sequence[np.ndarray]) -> EncodedBatch:
        features, lengths = (tensor.to(self.device) for tensor in collate(inputs))
        encoded, scores, forms = [], [], []
        with self.autocast():
            for member in self.model.members:
                values, lengths = member.encoder(features, lengths)
                encoded.append(values)
                scores.append(member.scores(values, lengths))
                logits = member.phonology(values)
                if FORM in logits:
                    forms.append(torch.log_softmax(logits[FORM], dim=-1))
        # The cascade has the same lower bound on posteriors.
        log_forms = _mean_of(forms).clamp(min=math.log(MIN_POSTERIOR)) if forms else None
        return EncodedBatch(encoded, scores, lengths, _mean_of([normalised(of_member) for of_member in scores]), log_forms)

    # Losses ----------------------------------------------------------------------------------------------------------
    def _backward(self, batch: Sequence[AugmentedCase], number: int, recorded: dict[str, list[float]]) -> None:
        """Computes the gradients of a batch. recorded: collects the losses by name."""
        self.model.train()
        encoded = self._encode([augmented.values for augmented in batch])
        losses = self._criterion(batch, encoded, number, recorded) | self._auxiliary(batch, encoded)
        if not all(bool(torch.isfinite(loss)) for loss in losses.values()):
            raise AslError(
                f"a loss is not a number in epoch {number} (near {batch[0].case.example.name})",
                "lower --learning-rate; the checkpoint of the previous epoch is kept",
            )
        if self.settings.balance >= 0:
            self.balance.update(losses, encoded.encoded[0])
        total = sum(self.balance.weights[name] * loss for name, loss in losses.items())
        for name, loss in losses.items():
            recorded[name].append(float(loss.detach()))
        if isinstance(total, Tensor) and total.requires_grad:
            self.scaler.scale(total).backward()

    def _criterion(
        self, batch: Sequence[AugmentedCase], encoded: EncodedBatch, number: int, recorded: dict[str, list[float]]
    ) -> dict[str, Tensor]:
        """The MMI or risk loss plus a share of the CTC loss, averaged over the clips; CTC alone as a control."""
        ctc, losses = self._ctc(batch, encoded), []
        recorded["ctc"].append(float(ctc.detach()))
        if self.settings.criterion == "ctc":
            return {"criterion": ctc}
        for row, augmented in enumerate(batch):
            competitors = augmented.search.result() if augmented.search else Competitors(None)
            recorded["fits"].append(float(competitors.reference is not None))
            if competitors.reference is None:
                continue
            recorded["competitors"].append(len(competitors.hypotheses))
            scores = self._path_scores(augmented, competitors, encoded, row, number)
            distances = (word_distance(augmented.case.words, path.words) for path in competitors.hypotheses)
            errors = torch.tensor([0.0, *distances])
            recorded["reference_ahead"].append(float(int(scores.argmax()) == 0))
            weight = self.level_weights[augmented.case.example.labels.level] / len(batch)
            losses.append(weight * self._competition(scores, errors.to(self.device)))
        recorded["competition"].append(float(torch.as_tensor(sum(losses)).detach()))
        return {"criterion": self.settings.ctc * ctc + sum(losses)}

    def _competition(self, scores: Tensor, errors: Tensor) -> Tensor:
        """The MMI or risk loss of one clip. scores: (H,) of the reference and its competitors; errors: (H,) word errors."""
        settings = self.settings
        if settings.criterion == "risk":
            return risk_loss(settings.sharpness * scores, errors)
        return mmi_loss(settings.sharpness * (scores + settings.margin * errors), 0)

    def _path_scores(
        self, augmented: AugmentedCase, competitors: Competitors, encoded: EncodedBatch, row: int, number: int
    ) -> Tensor:
        """(H,) log p(X, y) of the reference and its competitors, each along its best path."""
        hypotheses = [competitors.reference, *competitors.hypotheses]
        paths = path_columns([path.frames for path in hypotheses], self.device)
        length = paths.shape[1]
        encoder, codes, densities = self.model.cascade()
        scores = encoder * encoder_path_scores(encoded.log_probs[row, :length], self.gloss[paths], self.peak[paths])
        for weight, values in ((codes, augmented.codes), (densities, augmented.densities)):
            if values is not None:
                along_paths = values[np.arange(length), paths.cpu().numpy()].sum(axis=1)
                scores = scores + weight * torch.from_numpy(along_paths).to(self.device)
        scores = scores + self.model.cascade.bias[paths].sum(dim=1)
        if encoded.log_forms is not None:
            log_forms = torch.cat([encoded.log_forms[row, :length], encoded.log_forms.new_zeros(length, 1)], dim=1)
            gate = log_forms.gather(1, self.forms[paths].T % log_forms.shape[1]).sum(dim=0)
            scores = scores + self.model.cascade.gate / self.temperature(number) * gate
        costs = torch.tensor([path.graph_cost for path in hypotheses])
        return scores - costs.to(self.device, scores.dtype)

    def _ctc(self, batch: Sequence[AugmentedCase], encoded: EncodedBatch) -> Tensor:
        """The CTC loss, averaged over members and clips, each with the weight of its level."""
        examples = [augmented.case.example for augmented in batch]
        labels = torch.tensor([label for example in examples for label in example.glosses], device=self.device)
        counts = torch.tensor([len(example.glosses) for example in examples], device=self.device)
        losses = torch.stack([ctc_loss(scores, encoded.lengths, labels, counts) for scores in encoded.scores])
        return (losses * losses.new_tensor([self.level_weights[example.labels.level] for example in examples])).mean()

    def _auxiliary(self, batch: Sequence[AugmentedCase], encoded: EncodedBatch) -> dict[str, Tensor]:
        """Losses of boundaries, phonology, loci and the gate, where the clips of the batch have such labels."""
        labels, sources = [augmented.case.example.labels for augmented in batch], [augmented.source for augmented in batch]
        frames, _ = collate_labels(labels, sources, self.device)
        losses: dict[str, list[Tensor]] = defaultdict(list)
        for member, values in zip(self.model.members, encoded.encoded, strict=True):
            for tier, logits in member.phonology(values).items():
                if tier in frames:
                    name = {BOUNDARY: "segmentation", FORM: "fusion"}.get(tier, "phonology")
                    losses[name] += tier_loss(tier, logits, frames[tier])
        losses["locus"] += [
            choice_loss(encoded.log_probs[row, span], torch.tensor(point.columns, device=self.device), point.target)
            for row, augmented in enumerate(batch)
            for point, span in points_in(augmented)
        ]
        return {name: torch.stack(values).mean() for name, values in losses.items() if values}

    # Resume ----------------------------------------------------------------------------------------------------------
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        record = {"before": self.before, "found": self.score_weights}
        record |= {"weights": self.balance.weights, "first": self.balance.first_losses}
        return {f"mean.{name}": tensor for name, tensor in self.mean_weights.items()}, record

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        self.before, self.score_weights = record["before"], record["found"]
        self.balance.weights, self.balance.first_losses = record["weights"], record["first"]
        self.mean_weights = {name: tensor.to(self.device) for name, tensor in with_prefix(tensors, "mean.").items()}

    def progress_note(self, figures: Mapping[str, Any]) -> str:
        text = f"loss {figures['criterion']:.3f}"
        if self.before is None:
            return text
        return f"{text}  WER on tuning clips {100 * figures['tuning_wer']:.1f} % (before: {100 * self.before[0]:.1f} %)"


def with_score_weights(graph: Graph, weights: Sequence[float]) -> Graph:
    """The graph with these weights of encoder, codes and densities."""
    encoder, codes, densities = weights
    return replace(graph, encoder_weight=encoder, code_weight=codes, density_weight=densities)


def _mean_of(log_values: Sequence[Tensor]) -> Tensor:
    """log of the mean of exp(log_values)."""
    if len(log_values) == 1:
        return log_values[0]
    return torch.logsumexp(torch.stack(list(log_values)), dim=0) - np.log(len(log_values))
