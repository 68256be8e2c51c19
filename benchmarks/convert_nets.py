"""Converts the nets of MediaPipe Holistic from TensorFlow Lite to ONNX, as they are shipped in pipelines/media/tracker/weights.

python benchmarks/convert_nets.py [--check] [--mediapipe FOLDER] [--output pipelines/media/tracker/weights]

Reads the six .tflite files of the MediaPipe 0.10.21 wheel (Apache-2.0, Google). Outputs that no graph of asl reads are cut
off, with everything that only they need. Sparse weights are made dense. Weights in half precision stay in half precision, and
are widened when a net is loaded, so that nothing is lost and nothing grows. The first axis of every input and output is free:
N crops go through a net at once.

Needs ai-edge-litert, whose schema reads the files. --check compares with the shipped files instead of writing.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
#: End of a slice that goes to the end.
END = np.iinfo(np.int64).max
SHIPPED = Path(__file__).resolve().parents[1] / "pipelines" / "media" / "tracker" / "weights"
FLOAT_TYPES = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16, schema.TensorType.INT32: np.int32}
OPERATORS = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
#: Order of the axes of pictures and of their convolutions' weights in TensorFlow, in terms of those in ONNX (N, C, H, W).
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
CHANNELS_FIRST_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}


@dataclass(frozen=True)
class Net:
    """A net of MediaPipe. outputs: the names that asl gives to those which it reads, by index; value_range: of its input."""

    source: str
    outputs: Mapping[int, str]
    value_range: tuple[float, float] = (0.0, 1.0)


NETS = {
    "person_detector": Net("pose_detection/pose_detection.tflite", {0: "boxes", 1: "scores"}, (-1.0, 1.0)),
    "pose": Net("pose_landmark/pose_landmark_full.tflite", {0: "points", 1: "flag", 3: "heatmap"}),
    "hand_recrop": Net("holistic_landmark/hand_recrop.tflite", {0: "points"}),
    "hand": Net("hand_landmark/hand_landmark_full.tflite", {0: "points", 1: "flag"}),
    "face_detector": Net("face_detection/face_detection_short_range.tflite", {0: "boxes", 1: "scores"}, (-1.0, 1.0)),
    "face_mesh": Net("face_landmark/face_landmark.tflite", {0: "points", 1: "flag"}),
}


def convert(net: Net, content: bytes, name: str) -> onnx.ModelProto:
    """A net in ONNX: RGB pictures (N, H, W, 3) of uint8 in, the outputs that asl reads out."""
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    builder = Builder(model, graph)
    builder.add_input(graph.inputs[0], net.value_range)
    for operator in _needed(graph, [graph.outputs[index] for index in net.outputs]):
        builder.add(operator)
    for index, output in net.outputs.items():
        builder.add_output(graph.outputs[index], output)
    return builder.model(name)


def _needed(graph, wanted: Sequence[int]) -> list:
    """The operators that the wanted tensors depend on, in their order."""
    needed, chosen = set(wanted), []
    for operator in reversed(graph.operators):
        if needed & set(operator.outputs):
            needed |= set(operator.inputs)
            chosen.append(operator)
    return chosen[::-1]


@dataclass
class Builder:
    """Turns operators of TensorFlow Lite, pictures (N, H, W, C), into those of ONNX, pictures (N, C, H, W).

    constants: values known when the net is converted, by tensor; ready: names of weights that are in the net already.
    """

    source: object
    graph: object
    nodes: list = field(default_factory=list)
    initializers: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    constants: dict = field(default_factory=dict)
    ready: set = field(default_factory=set)

    def add_input(self, tensor: int, value_range: tuple[float, float]) -> None:
        """Pictures as cameras give them, scaled to the range that the net wants."""
        low, high = value_range
        self.inputs.append(helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", *self.shape(tensor)[1:]]))
        values = self.node("Cast", ["pictures"], to=TensorProto.FLOAT)
        values = self.node("Transpose", [values], perm=TO_CHANNELS_FIRST)
        values = self.node("Mul", [values, self.constant("scale", np.float32((high - low) / 255))])
        if low:
            values = self.node("Add", [values, self.constant("offset", np.float32(low))])
        self.node("Identity", [values], name(tensor))

    def add_output(self, tensor: int, output: str) -> None:
        shape, values = self.shape(tensor), name(tensor)
        if len(shape) == 4:
            values = self.node("Transpose", [values], perm=TO_CHANNELS_LAST)
        self.node("Identity", [values], output)
        self.outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", *shape[1:]]))

    def add(self, operator) -> None:
        code = self.source.operatorCodes[operator.opcodeIndex]
        kind = OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if kind not in TRANSLATIONS:
            raise SystemExit(f"no translation of the operator {kind}")
        TRANSLATIONS[kind](self, operator, operator.inputs, operator.outputs[0], operator.builtinOptions)

    def shape(self, tensor: int) -> list[int]:
        return [int(size) for size in self.graph.tensors[tensor].shape]

    def value(self, tensor: int) -> np.ndarray | None:
        """The constant of a tensor; None if it is computed."""
        if tensor in self.constants:
            return self.constants[tensor]
        described = self.graph.tensors[tensor]
        data = self.source.buffers[described.buffer].data
        if data is None or not len(data):
            return None
        values = np.frombuffer(bytes(data), FLOAT_TYPES[described.type])
        return densified(values, described) if described.sparsity else values.reshape(self.shape(tensor))

    def constant(self, label: str, value: np.ndarray) -> str:
        self.initializers[label] = numpy_helper.from_array(np.ascontiguousarray(value), label)
        return label

    def weights(self, tensor: int, perm: Sequence[int] | None = None, label: str = "", shape: Sequence[int] | None = None) -> str:
        """A constant as an input of a node; one in half precision is widened in the net."""
        value, label = self.value(tensor), label or f"weights{tensor}"
        if label in self.ready:
            return label
        self.ready.add(label)
        if perm:
            value = value.transpose(perm)
        if shape:
            value = value.reshape(shape)
        if value.dtype != np.float16:
            return self.constant(label, value)
        return self.node("Cast", [self.constant(f"{label}_half", value)], label, to=TensorProto.FLOAT)

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes) -> str:
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def activated(self, values: str, activation: int, tensor: int) -> None:
        """Names a node's values as the tensor, after the activation that TensorFlow Lite fuses with it."""
        kinds = schema.ActivationFunctionType
        if activation == kinds.NONE:
            self.node("Identity", [values], name(tensor))
        elif activation == kinds.RELU:
            self.node("Relu", [values], name(tensor))
        elif activation == kinds.RELU6:
            bounds = [self.constant("zero", np.float32(0)), self.constant("six", np.float32(6))]
            self.node("Clip", [values, *bounds], name(tensor))
        else:
            raise SystemExit(f"no translation of the activation {activation}")

    def model(self, label: str) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, label, self.inputs, self.outputs, list(self.initializers.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="asl")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return model


def name(tensor: int) -> str:
    return f"t{tensor}"


def densified(values: np.ndarray, tensor) -> np.ndarray:
    """The dense weights of a tensor that stores for each row which of its last axis' values are not zero."""
    *rows, last = tensor.sparsity.dimMetadata
    if list(tensor.sparsity.traversalOrder) != list(range(len(tensor.shape))) or any(row.format for row in rows):
        raise SystemExit("no translation of this sparse format")
    dense = np.zeros((int(np.prod(tensor.shape[:-1])), tensor.shape[-1]), values.dtype)
    segments, columns = np.asarray(last.arraySegments.values, np.int64), np.asarray(last.arrayIndices.values, np.int64)
    dense[np.repeat(np.arange(len(dense)), np.diff(segments)), columns] = values
    return dense.reshape(tensor.shape)


def _pads(builder: Builder, options, source: int, kernel: Sequence[int], output: int) -> list[int]:
    """Zeros before and after height and width. TensorFlow's SAME puts the odd one behind."""
    if options.padding == schema.Padding.VALID:
        return [0, 0, 0, 0]
    strides, sizes, results = (options.strideH, options.strideW), builder.shape(source)[1:3], builder.shape(output)[1:3]
    totals = [max(0, (r - 1) * s + k - n) for n, r, s, k in zip(sizes, results, strides, kernel, strict=True)]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _convolution(builder, operator, inputs, output, options, depthwise=False) -> None:
    source, weights, *bias = inputs
    _, height, width, _ = builder.value(weights).shape
    perm = (3, 0, 1, 2) if depthwise else TO_CHANNELS_FIRST
    terms = [name(source), builder.weights(weights, perm, f"weights{weights}_{'depth' if depthwise else 'full'}")]
    terms += [builder.weights(term) for term in bias]
    dilations = [options.dilationHFactor, options.dilationWFactor]
    if dilations != [1, 1]:
        raise SystemExit("no translation of a dilated convolution")
    values = builder.node(
        "Conv", terms, kernel_shape=[height, width], strides=[options.strideH, options.strideW],
        pads=_pads(builder, options, source, (height, width), output), group=builder.shape(source)[3] if depthwise else 1,
    )  # fmt: skip
    builder.activated(values, options.fusedActivationFunction, output)


def _depthwise(builder, operator, inputs, output, options) -> None:
    _convolution(builder, operator, inputs, output, options, depthwise=True)


def _add(builder, operator, inputs, output, options) -> None:
    terms = [name(term) if builder.value(term) is None else _channels_first(builder, term) for term in inputs]
    builder.activated(builder.node("Add", terms), options.fusedActivationFunction, output)


def _channels_first(builder, tensor: int) -> str:
    return builder.weights(tensor, TO_CHANNELS_FIRST if len(builder.shape(tensor)) == 4 else None)


def _pad(builder, operator, inputs, output, options) -> None:
    pads = builder.value(inputs[1])[list(TO_CHANNELS_FIRST)].T.reshape(-1).astype(np.int64)
    builder.node("Pad", [name(inputs[0]), builder.constant(f"pads{output}", pads)], name(output))


def _max_pool(builder, operator, inputs, output, options) -> None:
    kernel = (options.filterHeight, options.filterWidth)
    values = builder.node(
        "MaxPool", [name(inputs[0])], kernel_shape=kernel, strides=[options.strideH, options.strideW],
        pads=_pads(builder, options, inputs[0], kernel, output),
    )  # fmt: skip
    builder.activated(values, options.fusedActivationFunction, output)


def _resize(builder, operator, inputs, output, options) -> None:
    sizes, results = builder.shape(inputs[0])[1:3], builder.shape(output)[1:3]
    scales = np.float32([1, 1, *(result / size for size, result in zip(sizes, results, strict=True))])
    mode = "half_pixel" if options.halfPixelCenters else "align_corners" if options.alignCorners else "asymmetric"
    terms = [name(inputs[0]), "", builder.constant(f"scales{output}", scales)]
    builder.node("Resize", terms, name(output), mode="linear", coordinate_transformation_mode=mode)


def _reshape(builder, operator, inputs, output, options) -> None:
    values = name(inputs[0])
    if len(builder.shape(inputs[0])) == 4:
        values = builder.node("Transpose", [values], perm=TO_CHANNELS_LAST)
    shape, four = [-1, *builder.shape(output)[1:]], len(builder.shape(output)) == 4
    target = builder.constant(f"shape{output}", np.array(shape, np.int64))
    values = builder.node("Reshape", [values, target], "" if four else name(output))
    if four:
        builder.node("Transpose", [values], name(output), perm=TO_CHANNELS_FIRST)


def _concatenation(builder, operator, inputs, output, options) -> None:
    axis = CHANNELS_FIRST_AXIS[options.axis] if len(builder.shape(output)) == 4 else options.axis
    builder.node("Concat", [name(term) for term in inputs], name(output), axis=axis)


def _depth_to_space(builder, operator, inputs, output, options) -> None:
    builder.node("DepthToSpace", [name(inputs[0])], name(output), blocksize=options.blockSize, mode="DCR")


def _prelu(builder, operator, inputs, output, options) -> None:
    """PReLU(x) = a x + (1 − a) ReLU(x), as two depthwise convolutions.

    ONNX Runtime keeps convolutions in a blocked layout that its PRelu does not know: with PRelu, the face mesh takes 2.3 times as
    long.
    """
    slopes = builder.value(inputs[1]).reshape(-1, 1, 1, 1)
    channels, source = len(slopes), name(inputs[0])
    rest = builder.constant(f"slopes{output}_rest", (1 - slopes.astype(np.float32)).astype(np.float32))
    linear = [source, builder.weights(inputs[1], label=f"slopes{output}", shape=slopes.shape)]
    positive = [builder.node("Relu", [source]), rest]
    terms = [builder.node("Conv", term, group=channels, kernel_shape=[1, 1]) for term in (linear, positive)]
    builder.node("Add", terms, name(output))


def _mean(builder, operator, inputs, output, options) -> None:
    axes = [CHANNELS_FIRST_AXIS[int(axis)] for axis in builder.value(inputs[1]).reshape(-1)]
    builder.node("ReduceMean", [name(inputs[0])], name(output), axes=axes, keepdims=int(options.keepDims))


def _fully_connected(builder, operator, inputs, output, options) -> None:
    source, weights, bias = inputs
    features = builder.value(weights).shape[1]
    values = builder.node("Reshape", [name(source), builder.constant(f"rows{output}", np.array([-1, features], np.int64))])
    values = builder.node("Gemm", [values, builder.weights(weights), builder.weights(bias)], transB=1)
    builder.activated(values, options.fusedActivationFunction, output)


def _strided_slice(builder, operator, inputs, output, options) -> None:
    begin, end, strides = (builder.value(term) for term in inputs[1:])
    starts = [0 if options.beginMask >> axis & 1 else int(begin[axis]) for axis in range(len(begin))]
    ends = [END if options.endMask >> axis & 1 else int(end[axis]) for axis in range(len(end))]
    ends[0] = END  # the whole batch
    order = TO_CHANNELS_FIRST if len(starts) == 4 else range(len(starts))
    columns = {"starts": [starts[a] for a in order], "ends": [ends[a] for a in order],
               "axes": list(range(len(starts))), "steps": [int(strides[a]) for a in order]}  # fmt: skip
    terms = [builder.constant(f"{label}{output}", np.array(values, np.int64)) for label, values in columns.items()]
    builder.node("Slice", [name(inputs[0]), *terms], name(output))


def _known(builder, operator, inputs, output, options) -> None:
    """Widening or densifying a constant: the constant is taken as it is, and widened where it is used."""
    builder.constants[output] = builder.value(inputs[0])


def _elementwise(kind: str) -> Callable:
    def translate(builder, operator, inputs, output, options) -> None:
        builder.node(kind, [name(inputs[0])], name(output))

    return translate


TRANSLATIONS: dict[str, Callable] = {
    "ADD": _add, "CONCATENATION": _concatenation, "CONV_2D": _convolution, "DENSIFY": _known, "DEPTHWISE_CONV_2D": _depthwise,
    "DEPTH_TO_SPACE": _depth_to_space, "DEQUANTIZE": _known, "FULLY_CONNECTED": _fully_connected,
    "LOGISTIC": _elementwise("Sigmoid"), "MAX_POOL_2D": _max_pool, "MEAN": _mean, "PAD": _pad, "PRELU": _prelu,
    "RELU": _elementwise("Relu"), "RESHAPE": _reshape, "RESIZE_BILINEAR": _resize, "STRIDED_SLICE": _strided_slice,
}  # fmt: skip


def mediapipe_modules() -> Path:
    """The folder of the nets in the installed MediaPipe."""
    package = find_spec("mediapipe")
    if package is None:
        raise SystemExit('MediaPipe is not installed: pip install "mediapipe==0.10.21"')
    return Path(package.origin).parent / "modules"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mediapipe", type=Path, help="folder `modules` of a MediaPipe wheel; default: the one installed")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument("--check", action="store_true", help="compare with the files that are there; write nothing")
    arguments = parser.parse_args()
    folder = arguments.mediapipe or mediapipe_modules()
    differing = []
    for label, net in NETS.items():
        content = convert(net, (folder / net.source).read_bytes(), label).SerializeToString(deterministic=True)
        path = arguments.output / f"{label}.onnx"
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        elif path.read_bytes() != content:
            differing.append(label)
        print(f"{label:16} {len(content) / 1e6:5.1f} MB")
    if differing:
        sys.exit(f"not what the code gives: {', '.join(differing)}")


if __name__ == "__main__":
    main()
