"""Training steps with one CPU thread and with torch's default: on the machine as it is, and with a busy loop per core beside it.

    python benchmarks/threads.py [--glosses 20 100 300 1000 2000] [--steps 15] [--rounds 3]

For each vocabulary, the network of SPEC §5 takes optimiser steps on 16 clips of 60 frames, in a process per number of threads
that is started anew in each round. Prints the median milliseconds of a step over the rounds. Run it on a quiet machine.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import torch

from asl.models.features.feature_sets import PHON36
from asl.models.networks.encoders import EncoderSpec, size_for
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.ctc import ctc_loss
from asl.pipelines.training.initialisation import SMALL_NETWORK

CLIPS, FRAMES = 16, 60
#: A measurement ends after this many seconds, whatever number of steps it has.
SECONDS = 20.0
BUSY_LOOP = "while True: pass"


def network(glosses: int) -> RecogniserNetwork:
    size = size_for(glosses)
    return RecogniserNetwork(EncoderSpec("bilstm", PHON36.inputs, size.hidden, size.layers), glosses, 0.3)


def step_milliseconds(glosses: int, threads: int, steps: int) -> float:
    """The median time of an optimiser step. threads: 0 for torch's default."""
    if threads:
        torch.set_num_threads(threads)
    model, features, lengths = network(glosses), torch.randn(CLIPS, FRAMES, PHON36.inputs), torch.full((CLIPS,), FRAMES)
    labels, counts = torch.randint(1, glosses + 1, (CLIPS,)), torch.ones(CLIPS, dtype=torch.long)
    optimiser, times, started = torch.optim.AdamW(model.parameters()), [], time.perf_counter()
    while len(times) <= steps and (len(times) < 2 or time.perf_counter() - started < SECONDS):
        before = time.perf_counter()
        ctc_loss(model(features, lengths)[0], lengths, labels, counts).mean().backward()
        optimiser.step()
        optimiser.zero_grad()
        times.append(time.perf_counter() - before)
    return 1000 * median(times[1:])  # the first step is for warming up


def measured(glosses: int, threads: int, steps: int) -> float:
    """`step_milliseconds` in a new process."""
    words = [sys.executable, __file__, "--measure", str(glosses), str(threads), str(steps)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    loops = [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glosses", type=int, nargs="+", default=[20, 100, 300, 1000, 2000])
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=int, nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return print(step_milliseconds(*args.measure))
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    print(f"{cores} cores, load {load:.1f} at the start; median ms per step of {args.rounds} rounds")
    for glosses in args.glosses:
        times: dict[tuple[str, int], list[float]] = defaultdict(list)
        for _ in range(args.rounds):
            for name, loops in (("as it is", 0), ("busy", cores)):
                with busy_loops(loops):
                    for threads in (1, 0):
                        times[name, threads].append(measured(glosses, threads, args.steps))
        parameters = network(glosses).parameter_count()
        cells = [
            f"{name}: 1 thread {median(times[name, 1]):.0f}, default {median(times[name, 0]):.0f}"
            for name in ("as it is", "busy")
        ]
        small = "small" if parameters < SMALL_NETWORK else "large"
        print(f"{glosses} glosses, {parameters:,} parameters ({small}): {'; '.join(cells)}", flush=True)
    return None


if __name__ == "__main__":
    main()
