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

from asl.pipelines.training.distributed import ALONE, Ranks, StepSum, shards_of, share_out
from asl.pipelines.workspace.errors import BadInput


class Two(Ranks):
    """Two ranks in one process: the first's numbers wait for the second's."""

    size = 2

    def __init__(self, rank: int, sums: list):
        self.rank, self.sums = rank, sums

    def sum(self, values):
        self.sums[self.rank].append(values)
        return self.sums[0][len(self.sums[self.rank]) - 1] + values if self.rank else values


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2), nn.Linear(2, 1))


def loss_of(made: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """Of three layers; the last takes no part, as a head without labels in a batch."""
    return made[2](made[1](made[0](values))).square().sum()


def test_shards_add_up_to_the_mean_over_all_clips_and_buffers_move_by_the_mean():
    values = [torch.randn(5, 3), torch.randn(2, 3)]
    made, whole = model(), model()
    total = StepSum(made, ALONE)
    for one in values:
        loss_of(made, one).backward()
        total.add(len(one))
    assert total.finish() == 7
    means = []
    for one in values:
        alone = model()
        (loss_of(alone, one) / 7).backward()
        means.append(alone[1].running_mean)
        for mine, other in zip(whole.parameters(), alone.parameters(), strict=True):
            if other.grad is not None:
                mine.grad = other.grad if mine.grad is None else mine.grad + other.grad
    for mine, other in zip(made.parameters(), whole.parameters(), strict=True):
        assert (mine.grad is None) == (other.grad is None)
        if mine.grad is not None:
            assert torch.allclose(mine.grad, other.grad, atol=1e-6)
    assert torch.allclose(made[1].running_mean, (means[0] + means[1]) / 2, atol=1e-6)


def test_it_is_the_same_whoever_computes_the_shards():
    values = [torch.randn(4, 3), torch.randn(6, 3)]
    one = model()
    total = StepSum(one, ALONE)
    for own in values:
        loss_of(one, own).backward()
        total.add(len(own))
    total.finish()
    sums: list[list] = [[], []]
    made = [model(), model()]
    for rank in (0, 1):
        part = StepSum(made[rank], Two(rank, sums))
        loss_of(made[rank], values[rank]).backward()
        part.add(len(values[rank]))
        part.finish()
    for mine, other in zip(made[1].parameters(), one.parameters(), strict=True):
        assert (mine.grad is None) == (other.grad is None)
        assert mine.grad is None or torch.allclose(mine.grad, other.grad, atol=1e-6)


def test_shares_and_their_order():
    class Three(Ranks):
        size = 3

    items = list(range(8))
    shares = []
    for rank in range(3):
        ranks = Three()
        ranks.rank = rank
        shares.append(share_out(items, ranks))
    assert sorted(item for share in shares for item in share) == items
    assert shares_of(1, 2) == 2
    assert shares_of(6, 3) == 6
    with pytest.raises(BadInput, match="cannot be shared out"):
        shares_of(5, 2)


def shares_of(batches: int, size: int) -> int:
    ranks = Ranks()
    ranks.size = size
    return shards_of(batches, ranks)


# Processes -----------------------------------------------------------------------------------------------------------
def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_learn_what_one_does_also_after_a_death(trained, asl, tmp_path):
    """`--devices 2`, and torchrun with a process that is killed and started again, against one process with two shards."""
    copy = Path(shutil.copytree(trained, tmp_path / "ws"))
    train = ("train-ctc", "-w", copy, "--epochs", "12", "--device", "cpu", "--threads", "1", "--patience", "0")
    asl(*train, "--accumulate", "2", "--name", "one", check=0)
    done = asl(*train, "--devices", "2", "--name", "two", check=0)
    assert done.stdout.count("parameters per clip") == 1  # one of them speaks
    one = losses(copy / "models" / "one")
    assert losses(copy / "models" / "two") == pytest.approx(one, abs=1e-5)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "2", "--master-port"]
    command = [*launcher, "29517", "-m", "asl", *map(str, train), "--name", "three"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    psutil = pytest.importorskip("psutil")
    checkpoint = copy / "models" / "three" / "checkpoint.safetensors"
    end = time.monotonic() + 90
    while not checkpoint.is_file() and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(psutil.Process(running.pid).children()[-1].pid, signal.SIGKILL)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said[:3000]
    assert losses(copy / "models" / "three") == pytest.approx(one, abs=1e-5)


def test_devices_that_are_not_there_are_refused(trained, asl):
    if torch.cuda.is_available():
        pytest.skip("there is a card here")
    assert "no CUDA device" in asl("train-ctc", "-w", trained, "--device", "cuda", "--devices", "2", check=2).stderr
