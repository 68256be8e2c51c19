"""A recogniser before its first step: its size, its weights, its standardisation, its device."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from asl.models.features.feature_sets import FeatureSet
from asl.models.networks.encoders import EncoderSpec, size_for
from asl.models.networks.recogniser import Recogniser
from asl.pipelines.recogniser.model import WEIGHTS, read_card
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.training import EncoderSettings, TrainSettings
from asl.pipelines.workspace.tensor_files import load_tensors, part


def choose_device(wanted: str) -> torch.device:
    """auto takes CUDA where there is one. Raises BadInput for cuda where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInput("no CUDA device is at hand", "use --device cpu, or install a CUDA build of torch")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def build(
    feature_set: FeatureSet, glosses: int, encoder: EncoderSettings, train: TrainSettings, tiers: Mapping[str, Sequence[str]]
) -> Recogniser:
    """A fresh recogniser of the size of SPEC §5, unless the settings say another; weights from the seed."""
    spec = encoder_spec(feature_set, glosses, encoder, train.dropout, train.drop_path)
    torch.manual_seed(train.seed)
    return Recogniser(spec, glosses, train.label_prior, tiers)


def encoder_spec(
    feature_set: FeatureSet, glosses: int, encoder: EncoderSettings, dropout: float, drop_path: float = 0.0
) -> EncoderSpec:
    """Raises BadInput: settings that do not go together."""
    hidden, layers = size_of(encoder, glosses)
    try:
        return EncoderSpec(encoder.encoder, feature_set.inputs, hidden, layers, dropout, drop_path, encoder.causal)
    except ValueError as error:
        raise BadInput(str(error), "change --encoder, --hidden, --layers or --causal") from error


def size_of(encoder: EncoderSettings, glosses: int) -> tuple[int, int]:
    """Units or channels, and layers: as set, or by the vocabulary (SPEC §5)."""
    size = size_for(glosses, encoder.encoder)
    return encoder.hidden or size.hidden, encoder.layers or size.layers


def standardisation_of(start: Path | None) -> tuple[np.ndarray, np.ndarray] | None:
    """That of a stage-1 run: its encoder is fed as it was pre-trained, or few clips would shift its input."""
    if start is None or read_card(start).get("stage") != "pretrain":
        return None
    tensors, _ = load_tensors(start / WEIGHTS)
    return tensors["mean"].numpy(), tensors["deviation"].numpy()


def load_encoder(recogniser: Recogniser, folder: Path) -> None:
    """Puts another model's encoder weights in. Raises BadInput naming what does not fit."""
    card, own = read_card(folder), recogniser.encoder.spec
    theirs = card.get("encoder", {})
    for key in ("kind", "inputs", "hidden", "layers", "causal"):
        if theirs.get(key) != getattr(own, key):
            raise BadInput(
                f"the encoder in {folder} does not fit: its {key} is {theirs.get(key)}, here {getattr(own, key)}",
                "train both with the same --encoder, --causal, --hidden, --layers and --features "
                f"(there: --hidden {theirs.get('hidden')} --layers {theirs.get('layers')})",
            )
    tensors, _ = load_tensors(folder / WEIGHTS)
    try:
        recogniser.encoder.load_state_dict(part(tensors, "recogniser.encoder."))
    except RuntimeError as error:
        raise BadInput(f"the encoder in {folder} is damaged: {error}", "train that model again") from error
