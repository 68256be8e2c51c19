"""The encoder in torch, ONNX and INT8: time, size, and deviation.

    python benchmarks/onnx_speed.py [--runs 200] [--glosses 100]

One clip of 30 frames, one thread, random weights: a BiLSTM of 256 units and two layers, and a causal encoder like that of the
shipped bundle. Prints the median of the runs, which take turns, and their ratios.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import RecogniserNetwork
from asl.pipelines.deployment.onnx_export import WholeClips, quantise, write_encoder
from asl.pipelines.recogniser.bundle import session

FRAMES = 30
SPECS = {
    "bilstm 256 × 2": EncoderSpec("bilstm", 38, 256, 2),
    "causal conv-attention 128 × 1": EncoderSpec("conv-attention", 524, 128, 1, causal=True),
}


def compare(name: str, spec: EncoderSpec, glosses: int, runs: int, folder: Path) -> None:
    torch.manual_seed(0)
    member = RecogniserNetwork(spec, glosses).eval()
    module, exact, small = WholeClips([member]).eval(), folder / "exact.onnx", folder / "small.onnx"
    for file in (exact, small):
        write_encoder(file, [member])
    quantise(small)
    values = np.random.default_rng(0).standard_normal((1, FRAMES, spec.inputs), dtype=np.float32)
    feed = {"features": values, "lengths": np.array([FRAMES])}
    sessions = [session(file, threads=1) for file in (exact, small)]

    def run_torch():
        with torch.inference_mode():
            return module(torch.from_numpy(values), torch.tensor([FRAMES]))[0].numpy()

    engines = [run_torch, *(lambda engine=engine: engine.run(None, feed)[0] for engine in sessions)]
    outputs = [engine() for engine in engines]
    seconds = np.empty((runs, len(engines)))
    for run in range(runs):
        for i, engine in enumerate(engines):
            started = time.perf_counter()
            engine()
            seconds[run, i] = time.perf_counter() - started
    ms = 1000 * np.median(seconds, axis=0)
    sizes = [file.stat().st_size for file in (exact, small)]
    print(f"{name}: torch {ms[0]:.2f} ms, ONNX {ms[1]:.2f} ms, INT8 {ms[2]:.2f} ms")
    print(f"  INT8 {ms[1] / ms[2]:.1f} times as fast as ONNX, {ms[0] / ms[2]:.1f} times as fast as torch")
    print(f"  {sizes[0] / 1e6:.2f} → {sizes[1] / 1e6:.2f} MB, {100 * sizes[1] / sizes[0]:.1f} %")
    off = [np.abs(output - outputs[0]).max() for output in outputs]
    print(f"  ONNX deviates from torch by {off[1]:.1e} nats, INT8 by {off[2]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--glosses", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, spec in SPECS.items():
            compare(name, spec, args.glosses, args.runs, Path(folder))


if __name__ == "__main__":
    main()
