"""Exports recognisers as ONNX: whole clips with dynamic batch and time, streams with explicit states, and both in INT8."""

import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from asl.models.features.tiers import BOUNDARY
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.networks.streaming import StreamingRecogniser
from asl.models.objectives.ctc import normalised
from asl.pipelines.workspace.files import write_atomically

OPSET = 17
#: Operators that INT8 applies to: their matrices are most of a model's weights.
QUANTISED = ("MatMul", "Gemm", "LSTM")


class WholeClips(nn.Module):
    """(N, T, D), (N,) → (M, N, T, V + 1) log-probabilities of each of M recognisers, and (N, T, classes) of each tier."""

    def __init__(self, members: Sequence[RecogniserNetwork]):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.tiers = [name for name in members[0].phonology.tiers if name != BOUNDARY]

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        scores, posteriors = [], []
        for member in self.members:
            encoded, _ = member.encoder(features, lengths)
            scores.append(normalised(member.scores(encoded, lengths)))
            logits = member.phonology(encoded)
            posteriors.append([torch.softmax(logits[name], dim=-1) for name in self.tiers])
        return torch.stack(scores), *(torch.stack(tier).mean(dim=0) for tier in zip(*posteriors, strict=True))


def write_encoder(path: Path, members: Sequence[RecogniserNetwork]) -> None:
    """Writes the graph for whole clips. Outputs: log_probs and tier.<name>, as of `WholeClips`."""
    module = WholeClips(members).eval()
    inputs = members[0].encoder.spec.inputs
    example = torch.zeros(2, 12, inputs), torch.tensor([12, 9])
    outputs = ["log_probs", *(f"tier.{name}" for name in module.tiers)]
    axes = {"features": {0: "clips", 1: "frames"}, "lengths": {0: "clips"}, "log_probs": {1: "clips", 2: "frames"}}
    axes |= {name: {0: "clips", 1: "frames"} for name in outputs[1:]}
    _write(path, module, example, ["features", "lengths"], outputs, axes)


def write_stream(path: Path, members: Sequence[RecogniserNetwork]) -> list[tuple[str, tuple[int, ...]]]:
    """Writes the graph for streams. Returns name and shape of its states; the graph outputs next.<name> for each."""
    module = StreamingRecogniser(members).eval()
    shapes = module.state_shapes()
    names = [name for name, _ in shapes]
    example = torch.zeros(2, 3, members[0].encoder.spec.inputs), *(torch.zeros(2, *shape) for _, shape in shapes)
    outputs = ["log_probs", *(f"tier.{name}" for name in module.tiers)]
    axes = {"features": {0: "streams", 1: "frames"}, "log_probs": {1: "streams", 2: "frames"}}
    axes |= {name: {0: "streams", 1: "frames"} for name in outputs[1:]}
    axes |= {name: {0: "streams"} for name in (*names, *(f"next.{name}" for name in names))}
    _write(path, module, example, ["features", *names], [*outputs, *(f"next.{name}" for name in names)], axes)
    return shapes


def _write(path: Path, module: nn.Module, example, inputs: Sequence[str], outputs: Sequence[str], axes) -> None:
    data = io.BytesIO()
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about an exporter that will be replaced, and shapes that are traced as constants
        torch.onnx.export(
            module, example, data, input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes,
            opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    write_atomically(path, data.getvalue())


def quantise(path: Path) -> None:
    """Quantises the weights of a graph to INT8, in place. Activations are quantised at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    unfinished = path.with_suffix(".int8.tmp")
    logging.getLogger().setLevel(logging.ERROR)  # it recommends a pre-processing that makes no difference here
    quantize_dynamic(path, unfinished, op_types_to_quantize=list(QUANTISED), weight_type=QuantType.QInt8)
    unfinished.replace(path)
