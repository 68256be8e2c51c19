"""Data-parallel training: Lightning Fabric finds or starts the processes and sums tensors over them.

`--devices N --nodes M`, torchrun and SLURM's srun all use this module. Every process runs the same command, and only rank 0
writes. A training step consists of batches (shards), each with its own random generator, which are distributed over the
ranks. The result depends on the shards and not on which rank computes them, except for the order of floating-point sums.
"""

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn

from asl.pipelines.workspace.errors import AslError, BadInput

PROCESS_DIED = AslError("another training process died", "run the same command again to resume from the last epoch")


class Ranks:
    """The processes that train together. rank: the number of this process (rank 0 writes); size: the number of processes."""

    rank, size = 0, 1

    def device(self, requested: torch.device) -> torch.device:
        """This rank's device, of the requested type."""
        return requested

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the ranks."""
        return values

    def gather(self, values: list[Any]) -> list[Any]:
        """The lists of all ranks, interleaved: the first item of each rank, the second of each, …"""
        return values

    def broadcast(self, value: Any) -> Any:
        """The value of rank 0, on every rank."""
        return value


#: Training in a single process.
SINGLE_PROCESS = Ranks()


class FabricRanks(Ranks):
    """The ranks of a launched Fabric."""

    def __init__(self, fabric: Any):
        self._fabric, self.rank, self.size = fabric, fabric.global_rank, fabric.world_size

    def device(self, requested: torch.device) -> torch.device:
        return self._fabric.device

    def sum(self, values: Tensor) -> Tensor:
        with _collective():
            return self._fabric.all_reduce(values, reduce_op="sum")

    def gather(self, values: list[Any]) -> list[Any]:
        by_rank: list[list[Any]] = [[] for _ in range(self.size)]
        with _collective():
            distributed.all_gather_object(by_rank, values)
        longest = max(map(len, by_rank))
        return [items[i] for i in range(longest) for items in by_rank if i < len(items)]

    def broadcast(self, value: Any) -> Any:
        with _collective():
            return self._fabric.broadcast(value, src=0)


@contextmanager
def _collective() -> Iterator[None]:
    """Raises PROCESS_DIED if a collective operation fails."""
    try:
        yield
    except RuntimeError as error:  # the message depends on the network backend
        raise PROCESS_DIED from error


def join(device: torch.device, devices: int, nodes: int, threads: int) -> Ranks:
    """Joins the other training processes, or starts them if no launcher did.

    devices: per machine. nodes: machines. threads: per process, 0 to divide the cores among the processes. Raises BadInput if
    there are fewer GPUs than devices or the launcher started another number; AslError if Lightning Fabric is not installed.
    """
    launched = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", devices)) if launched > 1 else devices
    if launched > 1 and devices > 1 and devices != local:
        raise BadInput(f"--devices {devices}, but the launcher started {local} per machine", "leave out --devices and --nodes")
    nodes = max(nodes, launched // local)
    if local * nodes == 1:
        return SINGLE_PROCESS
    if device.type == "cuda" and local > torch.cuda.device_count():
        raise BadInput(
            f"--devices {local}, but this machine has {torch.cuda.device_count()} GPUs", "use fewer devices, or --device cpu"
        )
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise AslError("training on several devices needs Lightning Fabric", 'pip install "asl[train]"') from error
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // (local if device.type == "cpu" else 1)))
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    _rejoin_after_restart(device)
    fabric = Fabric(accelerator=device.type, devices=local, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    if fabric.global_rank:
        # These ranks write nothing, and Python cannot handle signals while a collective operation waits.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
    return FabricRanks(fabric)


def _rejoin_after_restart(device: torch.device) -> None:
    """After torchrun restarted all processes of one machine, initialises the process group under a name for this attempt.

    The store of torchrun still holds the addresses of the dead processes (PyTorch 2.13). Fabric uses a process group that is
    already initialised.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or os.environ.get("GROUP_WORLD_SIZE") != "1":
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    store, rank, size = next(distributed.rendezvous("env://"))
    store = distributed.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", store)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=size)


def shards_of(batches: int, ranks: Ranks) -> int:
    """Batches per training step: those requested, but at least one per rank. Raises BadInput if the ranks get unequal numbers."""
    batches = max(batches, ranks.size)
    if batches % ranks.size:
        raise BadInput(
            f"--accumulate {batches} batches cannot be divided among {ranks.size} processes",
            f"use a multiple of {ranks.size}",
        )
    return batches


class StepSum:
    """Sums over the shards of a step and over all ranks: gradients weighted by clips, and the changes of buffers."""

    def __init__(self, model: nn.Module, ranks: Ranks):
        self._ranks = ranks
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        self._reset()

    def _reset(self) -> None:
        self._gradients: list[Tensor | None] = [None] * len(self._weights)
        self._start = [buffer.clone() for buffer in self._buffers]
        self._changes = [torch.zeros_like(buffer) for buffer in self._buffers]
        self._clips = self._shards = 0

    @torch.no_grad()
    def add(self, clips: int) -> None:
        """Adds the gradients of a shard's summed loss, and resets the buffers to their values before the step."""
        for i, weight in enumerate(self._weights):
            if weight.grad is not None:
                previous = self._gradients[i]
                self._gradients[i] = weight.grad if previous is None else previous + weight.grad
                weight.grad = None
        for buffer, start, change in zip(self._buffers, self._start, self._changes, strict=True):
            change += buffer - start
            buffer.copy_(start)
        self._clips += clips
        self._shards += 1

    @torch.no_grad()
    def finish(self) -> int:
        """Sets gradients to their mean over clips, buffers to their mean over shards; returns the number of clips of the step."""
        device = self._weights[0].device
        counts = torch.tensor([self._clips, self._shards, *(gradient is not None for gradient in self._gradients)], device=device)
        parts = [
            torch.zeros_like(weight) if gradient is None else gradient
            for weight, gradient in zip(self._weights, self._gradients, strict=True)
        ] + self._changes  # fmt: skip
        counts, summed = self._ranks.sum(counts.double()), self._ranks.sum(torch.cat([part.flatten().float() for part in parts]))
        clips, shards, *present = counts.tolist()
        pieces = summed.split([part.numel() for part in parts])
        for weight, piece, has_gradient in zip(self._weights, pieces, present, strict=False):
            weight.grad = (piece.view_as(weight) / clips).to(weight.dtype) if has_gradient else None
        for buffer, start, piece in zip(self._buffers, self._start, pieces[len(self._weights) :], strict=True):
            buffer.copy_(start + piece.view_as(buffer) / shards)
        self._reset()
        return int(clips)


def share_out(items: Sequence[Any], ranks: Ranks) -> list[Any]:
    """The items of this rank. `Ranks.gather` restores their order."""
    return list(items[ranks.rank :: ranks.size])
