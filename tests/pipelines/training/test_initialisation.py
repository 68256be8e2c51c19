"""The number of CPU threads that a network trains with."""

import pytest
import torch
from torch import nn

from asl.pipelines.training.initialisation import SMALL_NETWORK, cpu_threads

SMALL, LARGE = nn.Linear(10, 10), nn.Linear(SMALL_NETWORK, 1)


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("requested", "network", "threads"), [(0, SMALL, 1), (0, LARGE, 2), (2, SMALL, 2), (1, LARGE, 1)])
def test_small_networks_train_with_one_thread_unless_told_otherwise(requested, network, threads):
    with cpu_threads(requested, network):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2
