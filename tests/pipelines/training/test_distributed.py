import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from asl.pipelines.training.distributed import SINGLE_PROCESS, Ranks, StepSum, shards_of, share_out
from asl.pipelines.workspace.errors import BadInput
from tests.running_asl import run_process


class TwoRanks(Ranks):
    """Two ranks in one process; rank 0 must run first, and rank 1 gets the sums."""

    size = 2

    def __init__(self, rank: int, sums: list):
        self.rank, self.sums = rank, sums

    def sum(self, values):
        self.sums[self.rank].append(values)
        return self.sums[0][len(self.sums[self.rank]) - 1] + values if self.rank else values


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2), nn.Linear(2, 1))


def loss_of(network: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """The loss of three layers. The last layer is unused, like a head without labels in a batch."""
    return network[2](network[1](network[0](values))).square().sum()


def test_shards_give_the_mean_gradient_over_clips_and_the_mean_change_of_buffers():
    shards = [torch.randn(5, 3), torch.randn(2, 3)]
    summed, expected = model(), model()
    total = StepSum(summed, SINGLE_PROCESS)
    for values in shards:
        loss_of(summed, values).backward()
        total.add(len(values))
    assert total.finish() == 7
    means = []
    for values in shards:
        of_shard = model()
        (loss_of(of_shard, values) / 7).backward()
        means.append(of_shard[1].running_mean)
        for weight, shard_weight in zip(expected.parameters(), of_shard.parameters(), strict=True):
            if shard_weight.grad is not None:
                weight.grad = shard_weight.grad if weight.grad is None else weight.grad + shard_weight.grad
    for weight, expected_weight in zip(summed.parameters(), expected.parameters(), strict=True):
        assert (weight.grad is None) == (expected_weight.grad is None)
        if weight.grad is not None:
            assert torch.allclose(weight.grad, expected_weight.grad, atol=1e-6)
    assert torch.allclose(summed[1].running_mean, (means[0] + means[1]) / 2, atol=1e-6)


def test_the_result_does_not_depend_on_which_rank_computes_a_shard():
    shards = [torch.randn(4, 3), torch.randn(6, 3)]
    single = model()
    total = StepSum(single, SINGLE_PROCESS)
    for values in shards:
        loss_of(single, values).backward()
        total.add(len(values))
    total.finish()
    sums: list[list] = [[], []]
    by_rank = [model(), model()]
    for rank in (0, 1):
        part = StepSum(by_rank[rank], TwoRanks(rank, sums))
        loss_of(by_rank[rank], shards[rank]).backward()
        part.add(len(shards[rank]))
        part.finish()
    for weight, single_weight in zip(by_rank[1].parameters(), single.parameters(), strict=True):
        assert (weight.grad is None) == (single_weight.grad is None)
        assert weight.grad is None or torch.allclose(weight.grad, single_weight.grad, atol=1e-6)


def test_items_and_shards_are_shared_out_evenly():
    class ThreeRanks(Ranks):
        size = 3

    items = list(range(8))
    shares = []
    for rank in range(3):
        ranks = ThreeRanks()
        ranks.rank = rank
        shares.append(share_out(items, ranks))
    assert sorted(item for share in shares for item in share) == items
    assert shares_of(1, 2) == 2
    assert shares_of(6, 3) == 6
    with pytest.raises(BadInput, match="cannot be divided"):
        shares_of(5, 2)


def shares_of(batches: int, size: int) -> int:
    ranks = Ranks()
    ranks.size = size
    return shards_of(batches, ranks)


# Processes -----------------------------------------------------------------------------------------------------------
def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_train_like_one_even_after_a_restart(trained, asl, tmp_path):
    """Compares `--devices 2`, and torchrun with a killed and restarted process, with one process and two shards."""
    copy = Path(shutil.copytree(trained, tmp_path / "ws"))
    train = ("train-ctc", "-w", copy, "--epochs", "12", "--device", "cpu", "--threads", "1", "--patience", "0")
    asl(*train, "--accumulate", "2", "--name", "one", check=0)
    # Lightning Fabric starts the second process with the arguments of the first, so this needs a process of its own.
    done = run_process(*train, "--devices", "2", "--name", "two", check=0)
    assert done.stdout.count("parameters per clip") == 1  # only rank 0 reports
    expected = losses(copy / "models" / "one")
    assert losses(copy / "models" / "two") == pytest.approx(expected, abs=1e-5)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "2", "--master-port"]
    command = [*launcher, "29517", "-m", "asl", *map(str, train), "--name", "three"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    psutil = pytest.importorskip("psutil")
    checkpoint = copy / "models" / "three" / "checkpoint.safetensors"
    end = time.monotonic() + 90
    while not checkpoint.is_file() and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(psutil.Process(running.pid).children()[-1].pid, signal.SIGKILL)
    _, stderr = running.communicate(timeout=120)
    assert running.returncode == 0, stderr[:3000]
    assert losses(copy / "models" / "three") == pytest.approx(expected, abs=1e-5)


def test_missing_devices_are_refused(trained, asl):
    if torch.cuda.is_available():
        pytest.skip("there is a card here")
    assert "no CUDA device" in asl("train-ctc", "-w", trained, "--device", "cuda", "--devices", "2", check=2).stderr
