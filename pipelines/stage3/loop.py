"""The loop of stage 3: the encoder, its heads and the cascade's weights learn from what the cascade confuses (SPEC §11)."""

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
from asl.models.networks.recogniser import Recogniser
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
from asl.pipelines.stage3.batches import PARTS, Encoded, Stage3Model, VariedCase, _shown_points
from asl.pipelines.stage3.cases import Case
from asl.pipelines.stage3.competitor_search import Competitors, Searchers
from asl.pipelines.training.ctc_loop import epoch_order
from asl.pipelines.training.resumable import ResumableRun, collate, collate_labels, make_batches, windows
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import Stage3Settings
from asl.pipelines.workspace.tensor_files import part

Weights = tuple[float, float, float]


@dataclass(frozen=True)
class Stage3Data:
    """cases: to learn from. graph: of stage 2. validate: the word error rate of recognisers with a graph on validation clips, and
    the weights of encoder, codes and densities that it is best with; None without clips."""

    feature_set: FeatureSet
    mean: np.ndarray
    deviation: np.ndarray
    cases: Sequence[Case]
    graph: Graph
    validate: Callable[[Sequence[Recogniser], Graph], tuple[float, Weights]] | None


class Stage3Run(ResumableRun):
    """One run in a folder."""

    model: Stage3Model

    def __init__(
        self, model: Stage3Model, data: Stage3Data, settings: Stage3Settings, folder: Path, device: torch.device,
        searchers: Searchers,
    ):  # fmt: skip
        super().__init__(model, settings, folder, device)
        self.data, self.searchers = data, searchers
        self.augmentation = settings.augmentation
        self.balance = GradNorm({"criterion": 1.0} | {name: getattr(settings, name) for name in PARTS[1:]}, settings.balance)
        graph = data.graph
        self.gloss, self.peak, self.forms = (
            torch.from_numpy(one.copy()).to(device) for one in (graph.gloss, graph.peak, graph.label_forms)
        )
        # The mean of the weights, which is what is validated and kept, and as it was at the start.
        self.mean = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        self.start = {name: tensor.clone() for name, tensor in self.mean.items()}
        # The word error rate on validation clips before, and the weights of the scores that were best there last.
        self.before: float | None = None
        self.found: Weights | None = None

    def run(self, progress: Progress) -> bool:
        """Trains. False where the validation clips are read worse than before: then all is as it was at the start.

        Not the best of the epochs is kept but the last: a few hundred words tell little more than chance between them.
        """
        self.train("stage 3", progress)
        better = self.before is None or self.history[-1]["validation_wer"] <= self.before
        if not better:
            self.mean, self.found = self.start, None
        return better

    # One epoch -------------------------------------------------------------------------------------------------------
    def epoch(self, number: int) -> dict[str, Any]:
        if number == 0 and self.data.validate:
            self.before = self._validate()
        rng, size, clock = self.randomness(number), self.settings.batch_size, time.monotonic()
        found: dict[str, list[float]] = defaultdict(list)
        ahead: list[VariedCase] = []
        seen = 0
        order = epoch_order([case.example.labels.level for case in self.data.cases], rng)
        # The workers search a window of clips, as the model reads them now, while it learns from the one before.
        for window in [*windows(order, size), ()]:
            shown = self._show([self.data.cases[i] for i in window], rng, number) if len(window) else []
            for batch in make_batches([len(one.values) for one in ahead], size, rng) if ahead else ():
                self._learn([ahead[i] for i in batch], number, found)
                seen += len(batch)
                self.step((number + seen / len(order)) / self.settings.epochs)
                self._settle()
            ahead = shown
        figures: dict[str, Any] = {"epoch": number}
        figures |= {name: float(np.mean(values)) for name, values in found.items() if values}
        figures |= {f"weight_{name}": weight for name, weight in self.balance.weights.items() if found.get(name)}
        weights = (*self.model.cascade().tolist(), self.model.cascade.gate.item())
        figures |= dict(zip(SCORE_WEIGHTS, weights, strict=True))
        if self.data.validate:
            figures["validation_wer"] = self._validate()
        return figures | {"seconds": round(time.monotonic() - clock, 3)}

    def _validate(self) -> float:
        """The word error rate on the validation clips, with the weights of the scores that are best there."""
        self.found = None
        wer, self.found = self.data.validate(*self.result())
        return wer

    @torch.no_grad()
    def _settle(self) -> None:
        """After a step: a gate that knows nothing yet does not count against itself, and the mean follows the weights, which
        evens out what few steps overshoot (Polyak and Juditsky, 1992)."""
        self.model.cascade.gate.clamp_(min=0)
        for name, tensor in self.model.state_dict().items():
            if tensor.is_floating_point():
                self.mean[name].lerp_(tensor, 1 - self.settings.average)
            else:
                self.mean[name].copy_(tensor)

    def result(self) -> tuple[list[Recogniser], Graph]:
        """The recognisers and the cascade's weights, in the mean, on the CPU."""
        model = copy.deepcopy(self.model).cpu().eval()
        model.load_state_dict(self.mean)
        with torch.no_grad():
            encoder, codes, densities = self.found or model.cascade().tolist()
            graph = replace(
                self.data.graph, encoder_weight=encoder, code_weight=codes, density_weight=densities,
                gate_weight=model.cascade.gate.item(), bias=model.cascade.bias.detach().numpy(),
            )  # fmt: skip
        return list(model.members), graph

    def temperature(self, number: int) -> float:
        """What the gate's say is divided by in an epoch."""
        share = number / max(1, self.settings.epochs - 1)
        return self.settings.fusion_temperature ** (1 - share)

    # What competes ---------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def _show(self, cases: Sequence[Case], rng: np.random.Generator, number: int) -> list[VariedCase]:
        """The clips varied, read, and handed to the searchers."""
        data = self.data
        varied = [
            augmented_input(case.example.features, data.mean, data.deviation, data.feature_set, self.augmentation, rng)
            for case in cases
        ]
        self.model.eval()
        read: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}
        for batch in make_batches([len(values) for values, _ in varied], self.settings.batch_size, rng):
            made = self._encode([varied[i][0] for i in batch])
            for row, i in enumerate(batch):
                length = len(varied[i][0])
                forms = None if made.log_forms is None else made.log_forms[row, :length].cpu().numpy()
                read[i] = made.log_probs[row, :length].cpu().numpy(), forms
        return [self._shown(case, *varied[i], *read[i], number) for i, case in enumerate(cases)]

    def _shown(
        self, case: Case, values: np.ndarray, source: np.ndarray, log_probs: np.ndarray, forms: np.ndarray | None, number: int
    ) -> VariedCase:
        """The clip with the scores that do not hang on the encoder, and the search for what competes with it under way."""
        if not case.words or self.settings.criterion == "ctc":
            return VariedCase(case, values, source, None, None, None)
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
        search = self.searchers.search(case.example.name, scores.astype(np.float32), case.words)
        return VariedCase(case, values, source, codes, densities, search)

    def _encode(self, inputs: Sequence[np.ndarray]) -> Encoded:
        features, lengths = (tensor.to(self.device) for tensor in collate(inputs))
        encoded, scores, forms = [], [], []
        with self.autocast():
            for member in self.model.members:
                values, lengths = member.encoder(features, lengths)
                encoded.append(values)
                scores.append(member.scores(values, lengths))
                said = member.phonology(values)
                if FORM in said:
                    forms.append(torch.log_softmax(said[FORM], dim=-1))
        # As small at least as the cascade lets a posterior be.
        log_forms = _mean_of(forms).clamp(min=math.log(MIN_POSTERIOR)) if forms else None
        return Encoded(encoded, scores, lengths, _mean_of([normalised(one) for one in scores]), log_forms)

    # What is learned -------------------------------------------------------------------------------------------------
    def _learn(self, batch: Sequence[VariedCase], number: int, found: dict[str, list[float]]) -> None:
        """Adds the gradients of a batch."""
        self.model.train()
        made = self._encode([one.values for one in batch])
        losses = self._criterion(batch, made, number, found) | self._auxiliary(batch, made)
        if not all(bool(torch.isfinite(loss)) for loss in losses.values()):
            raise AslError(
                f"a loss is not a number in epoch {number} (near {batch[0].case.example.name})",
                "lower --learning-rate; the checkpoint of the epoch before is kept",
            )
        if self.settings.balance >= 0:
            self.balance.update(losses, made.encoded[0])
        whole = sum(self.balance.weights[name] * loss for name, loss in losses.items())
        for name, loss in losses.items():
            found[name].append(float(loss.detach()))
        if isinstance(whole, Tensor) and whole.requires_grad:
            self.scaler.scale(whole).backward()

    def _criterion(
        self, batch: Sequence[VariedCase], made: Encoded, number: int, found: dict[str, list[float]]
    ) -> dict[str, Tensor]:
        """That of MMI or risk with CTC's beside it, mean over the clips; as a control, CTC's alone."""
        ctc, losses = self._ctc(batch, made), []
        found["ctc"].append(float(ctc.detach()))
        if self.settings.criterion == "ctc":
            return {"criterion": ctc}
        for row, one in enumerate(batch):
            rivals = one.rivals.result() if one.rivals else Competitors(None)
            found["fits"].append(float(rivals.reference is not None))
            if rivals.reference is None:
                continue
            found["competitors"].append(len(rivals.others))
            scores = self._path_scores(one, rivals, made, row, number)
            errors = torch.tensor([0.0, *(word_distance(one.case.words, other.words) for other in rivals.others)])
            found["reference_ahead"].append(float(int(scores.argmax()) == 0))
            losses.append(self._competition(scores, errors.to(self.device)) / len(batch))
        found["competition"].append(float(torch.as_tensor(sum(losses)).detach()))
        return {"criterion": self.settings.ctc * ctc + sum(losses)}

    def _competition(self, scores: Tensor, errors: Tensor) -> Tensor:
        settings = self.settings
        if settings.criterion == "risk":
            return risk_loss(settings.sharpness * scores, errors)
        return mmi_loss(settings.sharpness * (scores + settings.margin * errors), 0)

    def _path_scores(self, one: VariedCase, rivals: Competitors, made: Encoded, row: int, number: int) -> Tensor:
        """(H,) log p(X, y) of the reference and of what competes with it, each along its best path."""
        paths = path_columns([rivals.reference.frames, *(other.frames for other in rivals.others)], self.device)
        length = paths.shape[1]
        encoder, codes, densities = self.model.cascade()
        scores = encoder * encoder_path_scores(made.log_probs[row, :length], self.gloss[paths], self.peak[paths])
        for weight, values in ((codes, one.codes), (densities, one.densities)):
            if values is not None:
                own = values[np.arange(length), paths.cpu().numpy()].sum(axis=1)
                scores = scores + weight * torch.from_numpy(own).to(self.device)
        scores = scores + self.model.cascade.bias[paths].sum(dim=1)
        if made.log_forms is not None:
            said = torch.cat([made.log_forms[row, :length], made.log_forms.new_zeros(length, 1)], dim=1)
            gate = said.gather(1, self.forms[paths].T % said.shape[1]).sum(dim=0)
            scores = scores + self.model.cascade.gate / self.temperature(number) * gate
        costs = torch.tensor([rivals.reference.graph_cost, *(other.graph_cost for other in rivals.others)])
        return scores - costs.to(self.device, scores.dtype)

    def _ctc(self, batch: Sequence[VariedCase], made: Encoded) -> Tensor:
        labels = torch.tensor([label for one in batch for label in one.case.example.glosses], device=self.device)
        counts = torch.tensor([len(one.case.example.glosses) for one in batch], device=self.device)
        return torch.stack([ctc_loss(scores, made.lengths, labels, counts).mean() for scores in made.scores]).mean()

    def _auxiliary(self, batch: Sequence[VariedCase], made: Encoded) -> dict[str, Tensor]:
        """Losses of boundaries, phonology, loci and the gate, of those that the batch's clips are labelled for."""
        frames, _ = collate_labels([one.case.example.labels for one in batch], [one.source for one in batch], self.device)
        found: dict[str, list[Tensor]] = defaultdict(list)
        for member, encoded in zip(self.model.members, made.encoded, strict=True):
            for tier, logits in member.phonology(encoded).items():
                if tier in frames:
                    part = {BOUNDARY: "segmentation", FORM: "fusion"}.get(tier, "phonology")
                    found[part] += tier_loss(tier, logits, frames[tier])
        loci = [
            choice_loss(made.log_probs[row, frames_], torch.tensor(point.columns, device=self.device), point.right)
            for row, one in enumerate(batch)
            for point, frames_ in _shown_points(one)
        ]
        found["locus"] += loci
        return {name: torch.stack(values).mean() for name, values in found.items() if values}

    # Resume ----------------------------------------------------------------------------------------------------------
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        record = {"before": self.before, "found": self.found, "weights": self.balance.weights, "first": self.balance.first_losses}
        return {f"mean.{name}": tensor for name, tensor in self.mean.items()}, record

    def restore(self, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        self.before, self.found = record["before"], record["found"]
        self.balance.weights, self.balance.first_losses = record["weights"], record["first"]
        self.mean = {name: tensor.to(self.device) for name, tensor in part(tensors, "mean.").items()}

    def progress_note(self, figures: Mapping[str, Any]) -> str:
        text = f"loss {figures['criterion']:.3f}"
        wer = figures.get("validation_wer")
        return text if wer is None else f"{text}  validation WER {100 * wer:.1f} % (before {100 * (self.before or 0):.1f})"


def _mean_of(log_values: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of what these are the logarithms of."""
    if len(log_values) == 1:
        return log_values[0]
    return torch.logsumexp(torch.stack(list(log_values)), dim=0) - np.log(len(log_values))
