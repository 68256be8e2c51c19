import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from asl.pipelines.jobs.processes import Died, Where, fan_out
from asl.pipelines.workspace.errors import AslError, BadInput


def double(number: int) -> int:
    return 2 * number


def die_of_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return 2 * number


def take_all_memory_of_three(number: int) -> int:
    if number == 3:
        raise MemoryError
    return 2 * number


def hang_on_three(number: int) -> int:
    if number == 3:
        re.match(r"(a+)+$", "a" * 60 + "b")  # for centuries, and no other thread of the interpreter may run
    return 2 * number


def outcomes(function, jobs, where: Where, **how) -> dict:
    return {job: future.exception() or future.result() for job, future in fan_out(function, jobs, where, **how)}


@pytest.mark.parametrize("how", [{}, {"fresh": True}, {"renew_after": 2}, {"own_cores": True}])
def test_every_job_comes_back_once(how):
    jobs = list(range(7))
    found = list(fan_out(double, jobs, Where(2), **how))
    assert sorted(job for job, _ in found) == jobs
    assert all(future.result() == 2 * job for job, future in found)
    assert list(fan_out(double, [], Where(2))) == []


def test_a_job_whose_process_dies_fails_alone():
    found = outcomes(die_of_three, range(8), Where(2))
    assert isinstance(found.pop(3), Died)
    assert found == {number: 2 * number for number in range(8) if number != 3}


def die_of_large(job: tuple[int, bytes]) -> None:
    if job[0] == 0:
        time.sleep(0.5)  # until the next job waits to be taken
        os.kill(os.getpid(), signal.SIGKILL)


def test_nothing_waits_for_ever_to_send_a_large_job_to_the_dead():
    before = set(threading.enumerate())
    jobs = [(number, bytes(1 << 20)) for number in range(3)]
    found = outcomes(die_of_large, jobs, Where(1))
    assert [job[0] for job, outcome in found.items() if isinstance(outcome, Died)] == [0]
    until = time.monotonic() + 20
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_an_error_is_the_jobs_own():
    found = outcomes(take_all_memory_of_three, range(5), Where(2))
    assert isinstance(found.pop(3), MemoryError)
    assert len(found) == 4


def test_a_job_that_never_ends_is_given_up():
    started = time.monotonic()
    found = outcomes(hang_on_three, range(6), Where(2, seconds=1))
    lost = found.pop(3)
    assert isinstance(lost, Died)
    assert "longer than" in str(lost)
    assert found == {number: 2 * number for number in range(6) if number != 3}
    assert time.monotonic() - started < 60


def test_a_cluster_that_is_not_there_is_said_so(monkeypatch):
    monkeypatch.setattr("asl.pipelines.jobs.dask.CONNECT_SECONDS", 1)
    with pytest.raises(BadInput, match="no dask scheduler"):
        list(fan_out(double, [1], Where(cluster="tcp://127.0.0.1:9")))


# A cluster of this machine ------------------------------------------------------------------------------------------
@contextmanager
def cluster(workers: int, threads: int = 1):
    """The address of a scheduler with so many workers, and the processes of their nannies."""
    from distributed import LocalCluster

    settings = {"distributed.worker.profile.enabled": False, "distributed.scheduler.allowed-failures": 1}
    import dask

    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as made,
    ):
        yield made.scheduler_address


@pytest.mark.slow
def test_a_cluster_does_the_same_and_survives_its_workers():
    with cluster(2) as address:
        assert outcomes(double, range(5), Where(cluster=address)) == {number: 2 * number for number in range(5)}
        found = outcomes(die_of_three, range(6), Where(cluster=address))
        assert isinstance(found.pop(3), Died)
        assert found == {number: 2 * number for number in range(6) if number != 3}


@pytest.mark.slow
def test_workers_with_threads_and_clusters_without_workers_are_refused(monkeypatch):
    with cluster(1, threads=2) as address, pytest.raises(BadInput, match="several threads"):
        list(fan_out(double, [1], Where(cluster=address)))
    monkeypatch.setattr("asl.pipelines.jobs.dask.WAIT_SECONDS", 2)
    with cluster(0) as address, pytest.raises(AslError, match="no workers"):
        list(fan_out(double, [1], Where(cluster=address)))


def test_workers_end_with_their_parent():
    """A killed parent leaves nobody behind."""
    script = "\n".join(
        [
            "import sys, time",
            "from tests.pipelines.jobs.test_processes import sleep_long, fan_out, Where",
            "if __name__ == '__main__':",
            "    list(fan_out(sleep_long, range(2), Where(2)))",
        ]
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    psutil = pytest.importorskip("psutil")
    children = []
    for _ in range(200):
        children = [one for one in psutil.Process(parent.pid).children(recursive=True) if "spawn_main" in " ".join(one.cmdline())]
        if len(children) >= 2:
            break
        time.sleep(0.1)
    assert len(children) >= 2
    time.sleep(1.5)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def sleep_long(_) -> None:
    time.sleep(600)
