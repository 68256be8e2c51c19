"""A trained model in a folder: weights and standardisation in model.safetensors, everything else in model.json."""

import copy
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asl.models.features.feature_sets import FEATURE_SETS
from asl.models.features.tiers import BOUNDARY
from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.networks.streaming import StreamingRecogniser
from asl.models.objectives.ctc import normalised
from asl.pipelines.recogniser.model import CARD, FORMAT_VERSION, WEIGHTS, Model, Output, read_card
from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.tensor_files import load_tensors, save_tensors, with_prefix
from asl.transducers.alphabet import Alphabet

MAX_GLOSSES, MAX_MEMBERS = 200_000, 32


@dataclass(frozen=True)
class TrainedModel(Model):
    """One or more recognisers of the same architecture, whose outputs are averaged."""

    recognisers: tuple[RecogniserNetwork, ...]

    @property
    def tiers(self) -> dict[str, tuple[str, ...]]:
        return self.recognisers[0].phonology.tiers

    @property
    def weights_hash(self) -> str:
        return file_hash(self.folder / WEIGHTS)

    @property
    def device(self) -> torch.device:
        return self.recognisers[0].prior.device

    def to(self, device: str) -> "TrainedModel":
        """A copy of the model on a device."""
        return replace(self, recognisers=tuple(copy.deepcopy(recogniser).to(device) for recogniser in self.recognisers))

    @torch.inference_mode()
    def read(self, inputs: np.ndarray) -> Output:
        values = torch.from_numpy(inputs).to(self.device)
        lengths = torch.full((len(inputs),), inputs.shape[1], device=self.device)
        views, phonology = [], {}
        for recogniser in self.recognisers:
            encoded, _ = recogniser.encoder(values, lengths)
            views += list(normalised(recogniser.scores(encoded, lengths)).cpu().numpy())
            for tier, logits in recogniser.phonology(encoded).items():
                if tier != BOUNDARY:
                    posteriors = torch.softmax(logits, dim=-1).mean(dim=0).cpu().numpy() / len(self.recognisers)
                    phonology[tier] = phonology.get(tier, 0) + posteriors
        return Output(tuple(views), phonology)

    @property
    def streams(self) -> bool:
        return self.recognisers[0].encoder.spec.streaming and self.features.causal_features

    def _stream(self, count: int) -> "TorchStream":
        return TorchStream(self, count)


class TorchStream:
    """A model's encoder, applied by torch to frames as they arrive."""

    def __init__(self, model: TrainedModel, count: int):
        self._encoder = StreamingRecogniser(model.recognisers)
        self._states = [torch.zeros(count, *shape, device=model.device) for _, shape in self._encoder.state_shapes()]
        self._device = model.device

    @torch.inference_mode()
    def read(self, inputs: np.ndarray) -> Output:
        """Output for the next t frames, from (N, t, D) encoder inputs."""
        tiers = self._encoder.tiers
        views, *tensors = self._encoder(torch.from_numpy(inputs).to(self._device), *self._states)
        posteriors, self._states = tensors[: len(tiers)], tensors[len(tiers) :]
        means = (values.mean(dim=0).cpu().numpy() for values in posteriors)
        return Output(tuple(views.flatten(0, 1).cpu().numpy()), dict(zip(tiers, means, strict=True)))


def save_model(
    folder: Path,
    recognisers: Sequence[RecogniserNetwork],
    alphabet: Alphabet,
    features: FeatureSettings,
    mean: np.ndarray,
    deviation: np.ndarray,
    card: dict[str, Any],
) -> None:
    """Writes a model folder. recognisers: one or more of the same architecture; other stages start from the first."""
    tensors = {
        f"{tensor_prefix(number)}{name}": tensor
        for number, recogniser in enumerate(recognisers)
        for name, tensor in recogniser.state_dict().items()
    }
    recogniser = recognisers[0]
    tensors |= {"mean": torch.from_numpy(mean), "deviation": torch.from_numpy(deviation)}
    save_tensors(folder / WEIGHTS, tensors, {})
    record = {"version": FORMAT_VERSION, "encoder": asdict(recogniser.encoder.spec), "prior_weight": recogniser.prior_weight}
    record |= {"tiers": recogniser.phonology.tiers, "members": len(recognisers)}
    record |= {"features": asdict(features), "glosses": list(alphabet.glosses), **card}
    record["code"] = {"features": VERSIONS["features"]}
    write_json(folder / CARD, record)


def load_model(folder: Path) -> TrainedModel:
    """Loads a model. Raises BadInput if the folder holds no model, a damaged one, or one written by a newer asl."""
    card = read_card(folder)
    if card.get("stage") == "pretrain":
        raise BadInput(
            f"{folder} is a pre-trained encoder without glosses", f"asl train-ctc --pretrained {shlex.quote(folder.name)}"
        )
    try:
        features, spec = FeatureSettings(**card["features"]), EncoderSpec(**card["encoder"])
        if spec.inputs != FEATURE_SETS[features.features].inputs:
            raise ValueError(f"an encoder with {spec.inputs} inputs does not fit '{features.features}'")
        if len(card["glosses"]) > MAX_GLOSSES:
            raise ValueError(f"{len(card['glosses'])} glosses are too many")
        alphabet = Alphabet(tuple(map(str, card["glosses"])))
        if not 1 <= card["members"] <= MAX_MEMBERS:
            raise ValueError(f"{card['members']} members are not in 1…{MAX_MEMBERS}")
        tensors, _ = load_tensors(folder / WEIGHTS)
        recognisers = []
        for number in range(card["members"]):
            weights = with_prefix(tensors, tensor_prefix(number))
            _check_shapes(weights, spec, len(alphabet), card["tiers"])
            recogniser = RecogniserNetwork(spec, len(alphabet), float(card["prior_weight"]), card["tiers"])
            recogniser.load_state_dict(weights)
            recognisers.append(recogniser.eval())
        mean, deviation = tensors["mean"].numpy(), tensors["deviation"].numpy()
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, OverflowError) as error:
        raise BadInput(f"the model in {folder} is damaged: {error}", "train it again: asl train-ctc --force") from error
    except AslError as error:
        raise BadInput(error.message, "train it again: asl train-ctc --force") from error
    return TrainedModel(alphabet, features, mean, deviation, folder, card, tuple(recognisers))


def _check_shapes(tensors: Mapping[str, torch.Tensor], spec: EncoderSpec, glosses: int, tiers: Mapping[str, Any]) -> None:
    """Raises ValueError if the weights do not have the shapes of the card, before memory is allocated for them."""
    with torch.device("meta"):
        expected = RecogniserNetwork(spec, glosses, 0.0, tiers).state_dict()
    wrong = [name for name, tensor in expected.items() if name not in tensors or tensors[name].shape != tensor.shape]
    if wrong:
        raise ValueError(f"the weights '{wrong[0]}' do not fit the architecture")


def tensor_prefix(member: int) -> str:
    """Prefix of the tensor names of a member."""
    return "recogniser." if member == 0 else f"member{member}."
