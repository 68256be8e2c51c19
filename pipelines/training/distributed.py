"""Processes that train one model together: Lightning Fabric finds or starts them and carries sums between them.

`--devices N --nodes M`, torchrun and SLURM's srun all end here: every process runs the same command, the first (rank 0) alone
writes. A step of training is made of batches (its shards), each with randomness of its own, that are shared out among the
ranks; what is learned hangs on the shards and not on who computes them, but for the order in which numbers are added.
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

LOST = AslError("another of the processes that train together died", "the same command goes on from the last epoch")


class Ranks:
    """This process among those that train together. rank: its number, 0 the one that writes; size: how many there are."""

    rank, size = 0, 1

    def device(self, chosen: torch.device) -> torch.device:
        """This rank's own, of the chosen kind."""
        return chosen

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the ranks."""
        return values

    def gather(self, values: list[Any]) -> list[Any]:
        """The lists of all ranks, joined in turn: the first of each, the second of each, …"""
        return values

    def tell(self, value: Any) -> Any:
        """What rank 0 has to say, to all."""
        return value


#: A process that trains by itself.
ALONE = Ranks()


class FabricRanks(Ranks):
    """Those of a launched Fabric."""

    def __init__(self, fabric: Any):
        self._fabric, self.rank, self.size = fabric, fabric.global_rank, fabric.world_size

    def device(self, chosen: torch.device) -> torch.device:
        return self._fabric.device

    def sum(self, values: Tensor) -> Tensor:
        with _company():
            return self._fabric.all_reduce(values, reduce_op="sum")

    def gather(self, values: list[Any]) -> list[Any]:
        found: list[list[Any]] = [[] for _ in range(self.size)]
        with _company():
            distributed.all_gather_object(found, values)
        longest = max(map(len, found))
        return [own[i] for i in range(longest) for own in found if i < len(own)]

    def tell(self, value: Any) -> Any:
        with _company():
            return self._fabric.broadcast(value, src=0)


@contextmanager
def _company() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # whatever the network says of it
        raise LOST from error


def join(device: torch.device, devices: int, nodes: int, threads: int) -> Ranks:
    """The ranks of this process; starts the others where nobody has. devices: a machine; nodes: machines.

    threads: of each, 0 shares the cores out. Raises BadInput: fewer cards than devices, or other counts than the launcher's;
    AslError: Lightning Fabric is not installed.
    """
    launched = int(os.environ.get("WORLD_SIZE", 1))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", devices)) if launched > 1 else devices
    if launched > 1 and devices > 1 and devices != local:
        raise BadInput(f"--devices {devices}, but the launcher started {local} a machine", "leave --devices and --nodes out")
    nodes = max(nodes, launched // local)
    if local * nodes == 1:
        return ALONE
    if device.type == "cuda" and local > torch.cuda.device_count():
        raise BadInput(f"--devices {local}, and {torch.cuda.device_count()} cards are here", "ask for fewer, or --device cpu")
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise AslError("training on several devices needs Lightning Fabric", 'pip install "asl[train]"') from error
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // (local if device.type == "cpu" else 1)))
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    _meet_again(device)
    fabric = Fabric(accelerator=device.type, devices=local, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    if fabric.global_rank:
        for one in (signal.SIGTERM, signal.SIGINT):  # it writes nothing, and Python would not hear them while it waits for others
            signal.signal(one, signal.SIG_DFL)
    return FabricRanks(fabric)


def _meet_again(device: torch.device) -> None:
    """Where torchrun on one machine has started all anew after a death: meets under a name of this attempt's own.

    Its store still has the addresses of the dead (PyTorch 2.13), and Fabric takes what is initialised already.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or os.environ.get("GROUP_WORLD_SIZE") != "1":
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    store, rank, size = next(distributed.rendezvous("env://"))
    store = distributed.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", store)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=size)


def shards_of(batches: int, ranks: Ranks) -> int:
    """Batches a step, given how many were asked for: at least one a rank. Raises BadInput: they cannot be shared out evenly."""
    batches = max(batches, ranks.size)
    if batches % ranks.size:
        raise BadInput(f"--accumulate {batches} batches cannot be shared out among {ranks.size} processes", "take a multiple")
    return batches


class StepSum:
    """What the shards of a step add up to, over all ranks: gradients, weighted by clips, and how far buffers were moved."""

    def __init__(self, model: nn.Module, ranks: Ranks):
        self._ranks = ranks
        self._weights = [one for one in model.parameters() if one.requires_grad]
        self._buffers = [one for one in model.buffers() if one.is_floating_point()]
        self._begin()

    def _begin(self) -> None:
        self._gradients: list[Tensor | None] = [None] * len(self._weights)
        self._start = [one.clone() for one in self._buffers]
        self._moved = [torch.zeros_like(one) for one in self._buffers]
        self._clips = self._shards = 0

    @torch.no_grad()
    def add(self, clips: int) -> None:
        """Takes the gradients of a shard's summed loss; the buffers are as before the step again, for the next shard."""
        for i, weight in enumerate(self._weights):
            if weight.grad is not None:
                known = self._gradients[i]
                self._gradients[i] = weight.grad if known is None else known + weight.grad
                weight.grad = None
        for buffer, start, moved in zip(self._buffers, self._start, self._moved, strict=True):
            moved += buffer - start
            buffer.copy_(start)
        self._clips += clips
        self._shards += 1

    @torch.no_grad()
    def finish(self) -> int:
        """Puts the mean gradient and the buffers, moved by the mean of the shards, into the model; the clips of the step."""
        device = self._weights[0].device
        counts = torch.tensor([self._clips, self._shards, *(one is not None for one in self._gradients)], device=device)
        parts = [
            torch.zeros_like(weight) if own is None else own
            for weight, own in zip(self._weights, self._gradients, strict=True)
        ] + self._moved  # fmt: skip
        counts, summed = self._ranks.sum(counts.double()), self._ranks.sum(torch.cat([one.flatten().float() for one in parts]))
        clips, shards, *present = counts.tolist()
        pieces = summed.split([one.numel() for one in parts])
        for weight, piece, there in zip(self._weights, pieces, present, strict=False):
            weight.grad = (piece.view_as(weight) / clips).to(weight.dtype) if there else None
        for buffer, start, piece in zip(self._buffers, self._start, pieces[len(self._weights) :], strict=True):
            buffer.copy_(start + piece.view_as(buffer) / shards)
        self._begin()
        return int(clips)


def share_out(items: Sequence[Any], ranks: Ranks) -> list[Any]:
    """This rank's own of the items; `Ranks.gather` puts them into their order again."""
    return list(items[ranks.rank :: ranks.size])
