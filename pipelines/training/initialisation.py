"""Initialisation of a recogniser: size, weights, standardisation, device and CPU threads."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from asl.models.features.feature_sets import FeatureSet
from asl.models.networks.encoders import EncoderSpec, size_for
from asl.models.networks.recogniser import RecogniserNetwork
from asl.pipelines.recogniser.model import WEIGHTS, read_card
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.training import EncoderSettings, TrainSettings
from asl.pipelines.workspace.tensor_files import load_tensors, with_prefix

#: Networks with fewer parameters train with one CPU thread unless told otherwise (benchmarks/threads.py).
SMALL_NETWORK = 1_000_000


@contextmanager
def cpu_threads(requested: int, network: nn.Module) -> Iterator[None]:
    """Sets the number of torch's CPU threads for the training of a network.

    requested: 0 chooses one thread for a network of fewer than SMALL_NETWORK parameters, and torch's default otherwise. The
    operations of a small network take less time than two threads need to wait for each other. Where other processes want the
    same cores, a waiting thread keeps a core busy while its partner has none, and training takes tens of times as long.
    """
    before = torch.get_num_threads()
    small = sum(parameter.numel() for parameter in network.parameters()) < SMALL_NETWORK
    torch.set_num_threads(requested or (1 if small else before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_device(requested: str) -> torch.device:
    """The device for "cpu", "cuda" or "auto" (CUDA if available). Raises BadInput if CUDA is requested but not available."""
    if requested == "cuda" and not torch.cuda.is_available():
        raise BadInput("no CUDA device was found", "use --device cpu, or install a CUDA build of torch")
    return torch.device("cuda" if requested != "cpu" and torch.cuda.is_available() else "cpu")


def build(
    feature_set: FeatureSet, glosses: int, encoder: EncoderSettings, train: TrainSettings, tiers: Mapping[str, Sequence[str]]
) -> RecogniserNetwork:
    """A new recogniser with weights drawn from the seed. Its size follows SPEC §5 unless the settings give one."""
    spec = encoder_spec(feature_set, glosses, encoder, train.dropout, train.drop_path)
    torch.manual_seed(train.seed)
    return RecogniserNetwork(spec, glosses, train.label_prior, tiers)


def encoder_spec(
    feature_set: FeatureSet, glosses: int, encoder: EncoderSettings, dropout: float, drop_path: float = 0.0
) -> EncoderSpec:
    """The encoder's specification. Raises BadInput if the settings are incompatible."""
    hidden, layers = size_of(encoder, glosses)
    try:
        return EncoderSpec(encoder.encoder, feature_set.inputs, hidden, layers, dropout, drop_path, encoder.causal)
    except ValueError as error:
        raise BadInput(str(error), "change --encoder, --hidden, --layers or --causal") from error


def size_of(encoder: EncoderSettings, glosses: int) -> tuple[int, int]:
    """Hidden units (or channels) and layers: from the settings, else by the vocabulary size (SPEC §5)."""
    size = size_for(glosses, encoder.encoder)
    return encoder.hidden or size.hidden, encoder.layers or size.layers


def standardisation_of(start: Path | None) -> tuple[np.ndarray, np.ndarray] | None:
    """The standardisation of the stage-1 model in `start`; None for other models.

    The encoder gets the input scale that it was pre-trained with. Statistics of a few clips would shift it.
    """
    if start is None or read_card(start).get("stage") != "pretrain":
        return None
    tensors, _ = load_tensors(start / WEIGHTS)
    return tensors["mean"].numpy(), tensors["deviation"].numpy()


def load_encoder(recogniser: RecogniserNetwork, folder: Path) -> None:
    """Copies the encoder weights of another model. Raises BadInput if the architectures differ or the weights are damaged."""
    card, spec = read_card(folder), recogniser.encoder.spec
    stored = card.get("encoder", {})
    for key in ("kind", "inputs", "hidden", "layers", "causal"):
        if stored.get(key) != getattr(spec, key):
            raise BadInput(
                f"the encoder in {folder} does not fit: its {key} is {stored.get(key)}, not {getattr(spec, key)}",
                "train both with the same --encoder, --causal, --hidden, --layers and --features "
                f"(that model has --hidden {stored.get('hidden')} --layers {stored.get('layers')})",
            )
    tensors, _ = load_tensors(folder / WEIGHTS)
    try:
        recogniser.encoder.load_state_dict(with_prefix(tensors, "recogniser.encoder."))
    except RuntimeError as error:
        raise BadInput(f"the encoder in {folder} is damaged: {error}", "train that model again") from error
