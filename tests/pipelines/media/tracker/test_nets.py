"""The shipped nets: whole, what the converter gives, and equal to the originals."""

import importlib.util
import shutil

import numpy as np
import onnx
import pytest

from asl.models.tracking.regions import Region
from asl.pipelines.media.tracker import nets
from asl.pipelines.workspace.errors import AslError
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def converter():
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert reads the original nets")
    pytest.importorskip("mediapipe", reason="the original nets are those of the MediaPipe package")
    spec = importlib.util.spec_from_file_location("convert_nets", ROOT / "benchmarks" / "convert_nets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def original(converter, name: str):
    return converter.mediapipe_modules() / converter.NETS[name].source


@pytest.mark.parametrize("name", nets.DIGESTS)
def test_the_shipped_nets_are_what_the_converter_gives(converter, name):
    converted = converter.convert(converter.NETS[name], original(converter, name).read_bytes(), name)
    shipped = onnx.load(nets.WEIGHTS / f"{name}.onnx")
    assert converted.graph == shipped.graph


@pytest.mark.parametrize("name", nets.DIGESTS)
def test_the_nets_give_what_the_originals_give(converter, name):
    from ai_edge_litert.interpreter import Interpreter

    net = getattr(nets.Nets(threads=1), name)
    pictures = np.random.default_rng(0).integers(0, 256, (2, net.size, net.size, 3), dtype=np.uint8)
    whole = Region(net.size / 2, net.size / 2, net.size, net.size)
    outputs = net([(picture, whole) for picture in pictures])
    interpreter = Interpreter(str(original(converter, name)), num_threads=1)
    interpreter.allocate_tensors()
    indices = [detail["index"] for detail in interpreter.get_output_details()]
    by_order = sorted(range(len(indices)), key=lambda i: interpreter.get_output_details()[i]["name"])
    low, high = converter.NETS[name].value_range
    for number, picture in enumerate(pictures):
        values = picture[None].astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        graph = converter.schema.ModelT.InitFromPackedBuf(original(converter, name).read_bytes()).subgraphs[0]
        assert len(by_order) == len(graph.outputs)
        for index, output in zip(converter.NETS[name].outputs, outputs, strict=True):
            expected = interpreter.get_tensor(graph.outputs[index])[0]
            assert np.abs(output[number] - expected).max() < 1e-3 * max(1, np.abs(expected).max())


def test_a_damaged_net_is_named(tmp_path, monkeypatch):
    folder = shutil.copytree(nets.WEIGHTS, tmp_path / "weights")
    file = folder / "hand_recrop.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    (folder / "pose.onnx").unlink()
    monkeypatch.setattr(nets, "WEIGHTS", folder)
    crop = [(np.zeros((32, 32, 3), np.uint8), Region(16, 16, 32, 32))]
    for name in ("hand_recrop", "pose"):
        with pytest.raises(AslError, match=rf"{name}.onnx is damaged or missing"):
            getattr(nets.Nets(threads=1), name)(crop)


def test_trackers_of_a_process_share_their_nets_by_the_number_of_threads():
    assert nets.shared_nets(1) is nets.shared_nets(1)
    assert nets.shared_nets(1) is not nets.shared_nets(2)
