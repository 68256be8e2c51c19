import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from asl.pipelines.jobs.processes import WorkerDied, WorkerPool, Workers, fan_out
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
        re.match(r"(a+)+$", "a" * 60 + "b")  # runs practically forever, without releasing the GIL
    return 2 * number


def outcomes(function, jobs, workers: Workers) -> dict:
    return {job: future.exception() or future.result() for job, future in fan_out(function, jobs, workers)}


@pytest.mark.parametrize("options", [{}, {"fresh": True}, {"renew_after": 2}, {"pin_cores": True}])
def test_every_job_is_returned_once(options):
    jobs = list(range(7))
    results = list(fan_out(double, jobs, Workers(2), **options))
    assert sorted(job for job, _ in results) == jobs
    assert all(future.result() == 2 * job for job, future in results)
    assert list(fan_out(double, [], Workers(2))) == []


def test_a_job_whose_process_dies_fails_alone():
    results = outcomes(die_of_three, range(8), Workers(2))
    assert isinstance(results.pop(3), WorkerDied)
    assert results == {number: 2 * number for number in range(8) if number != 3}


def die_of_large(job: tuple[int, bytes]) -> None:
    if job[0] == 0:
        time.sleep(0.5)  # until the next job is waiting in the queue
        os.kill(os.getpid(), signal.SIGKILL)


def test_sending_a_large_job_to_dead_processes_does_not_block():
    before = set(threading.enumerate())
    jobs = [(number, bytes(1 << 20)) for number in range(3)]
    results = outcomes(die_of_large, jobs, Workers(1))
    assert [job[0] for job, outcome in results.items() if isinstance(outcome, WorkerDied)] == [0]
    until = time.monotonic() + 20
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < until, left
        time.sleep(0.1)


def test_an_error_belongs_to_its_job():
    results = outcomes(take_all_memory_of_three, range(5), Workers(2))
    assert isinstance(results.pop(3), MemoryError)
    assert len(results) == 4


def test_a_job_that_exceeds_the_time_limit_fails():
    started = time.monotonic()
    results = outcomes(hang_on_three, range(6), Workers(2, seconds=1))
    lost = results.pop(3)
    assert isinstance(lost, WorkerDied)
    assert "longer than" in str(lost)
    assert results == {number: 2 * number for number in range(6) if number != 3}
    assert time.monotonic() - started < 60


def test_a_missing_cluster_is_reported(monkeypatch):
    monkeypatch.setattr("asl.pipelines.jobs.dask.CONNECT_SECONDS", 1)
    with pytest.raises(BadInput, match="no dask scheduler"):
        list(fan_out(double, [1], Workers(cluster="tcp://127.0.0.1:9")))


# A cluster of this machine ------------------------------------------------------------------------------------------
@contextmanager
def cluster(workers: int, threads: int = 1):
    """The address of the scheduler of a local cluster with this many workers."""
    from distributed import LocalCluster

    settings = {"distributed.worker.profile.enabled": False, "distributed.scheduler.allowed-failures": 1}
    import dask

    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as local_cluster,
    ):
        yield local_cluster.scheduler_address


@pytest.mark.slow
def test_a_cluster_runs_jobs_and_survives_dead_workers():
    with cluster(2) as address:
        assert outcomes(double, range(5), Workers(cluster=address)) == {number: 2 * number for number in range(5)}
        results = outcomes(die_of_three, range(6), Workers(cluster=address))
        assert isinstance(results.pop(3), WorkerDied)
        assert results == {number: 2 * number for number in range(6) if number != 3}


@pytest.mark.slow
def test_workers_with_threads_and_clusters_without_workers_are_rejected(monkeypatch):
    with cluster(1, threads=2) as address, pytest.raises(BadInput, match="several threads"):
        list(fan_out(double, [1], Workers(cluster=address)))
    monkeypatch.setattr("asl.pipelines.jobs.dask.WAIT_SECONDS", 2)
    with cluster(0) as address, pytest.raises(AslError, match="no workers"):
        list(fan_out(double, [1], Workers(cluster=address)))


def test_workers_end_with_their_parent():
    """A killed parent leaves no processes behind."""
    script = "\n".join(
        [
            "import sys, time",
            "from tests.pipelines.jobs.test_processes import Workers, fan_out, sleep_long",
            "if __name__ == '__main__':",
            "    list(fan_out(sleep_long, range(2), Workers(2)))",
        ]
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    psutil = pytest.importorskip("psutil")
    children = []
    for _ in range(200):
        descendants = psutil.Process(parent.pid).children(recursive=True)
        children = [process for process in descendants if "spawn_main" in " ".join(process.cmdline())]
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


def test_an_interruption_leaves_no_semaphores_behind():
    """Commands leave with os._exit when they are interrupted; the resource tracker of multiprocessing then has no complaint."""
    script = "\n".join(
        [
            "import os",
            "from tests.pipelines.jobs.test_processes import Workers, fan_out, short_and_long",
            "if __name__ == '__main__':",
            "    try:",
            "        for job, future in fan_out(short_and_long, range(8), Workers(2), pin_cores=True):",
            "            raise KeyboardInterrupt",
            "    except KeyboardInterrupt:",
            "        os._exit(130)",
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 130
    assert done.stderr == ""


def short_and_long(number: int) -> None:
    time.sleep(60 if number else 0)


def test_an_interruption_before_the_pool_has_started_is_no_other_error(monkeypatch):
    def interrupted(thread):
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.process._ExecutorManagerThread.start", interrupted)
    with pytest.raises(KeyboardInterrupt), WorkerPool(Workers(1)) as pool:
        pool.submit(abs, -1)
