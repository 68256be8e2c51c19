"""Independent jobs, distributed over processes of this machine or over the workers of a dask cluster.

A job whose process dies (a crash in a library, out of memory) or that exceeds the time limit is retried once, alone. If it fails
again, only this job fails. Worker processes end with their parent, however it ends.
"""

import faulthandler
import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from time import monotonic
from typing import IO, TypeVar

Job = TypeVar("Job")


@dataclass(frozen=True)
class Workers:
    """Where jobs run. processes: number of processes on this machine, 0 for one per core. cluster: address of a dask scheduler,
    whose workers are used instead. seconds: time limit per job, 0 for none.
    """

    processes: int = 0
    cluster: str = ""
    seconds: float = 0.0


class WorkerDied(Exception):
    """The process of a job died or exceeded the time limit at each attempt."""


def fan_out(
    function: Callable,
    jobs: Sequence[Job],
    workers: Workers,
    *,
    fresh: bool = False,
    renew_after: int = 0,
    pin_cores: bool = False,
) -> Iterator[tuple[Job, Future]]:
    """Runs function(job) for every job, and yields each job with its future as it completes. Lost jobs raise WorkerDied.

    fresh: use a new process for each job, so that peak memory is measured per job. renew_after: number of jobs per process after
    which processes are replaced. pin_cores: pin each process to a core, if there are as many as cores. If interrupted, or if the
    caller stops iterating, workers are killed at once, which jobs must tolerate. Raises BadInput or AslError if the cluster
    cannot be used.
    """
    if not jobs:
        return
    with WorkerPool(workers, max_workers=len(jobs), fresh=fresh, pin_cores=pin_cores) as pool:
        waiting, running, started = deque(jobs), dict[Future, Job](), 0
        max_started = renew_after * pool.workers or len(jobs)
        lost: list[Job] = []  # jobs whose cluster workers died; they may have been running other jobs
        while waiting or running:
            while waiting and len(running) < 2 * pool.workers and started < max_started:
                job = waiting.popleft()
                running[pool.submit(function, job)] = job
                started += 1
            if not running:
                pool.renew()
                started = 0
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(_broken(future) for future in done):
                # It is unknown which job killed its process: all running jobs are retried one at a time, so only that one fails.
                done, suspects = {future for future in running if future.done() and not _broken(future)}, running
                running = {}
                yield from ((suspects[future], future) for future in done)
                yield from ((job, pool.run_alone(function, job)) for future, job in suspects.items() if future not in done)
                continue
            for future in done:
                job = running.pop(future)
                if isinstance(future.exception(), WorkerDied):
                    lost.append(job)
                else:
                    yield job, future
        yield from ((job, pool.run_alone(function, job)) for job in lost)


class WorkerPool(AbstractContextManager):
    """Workers to which jobs are submitted. workers: their number, at most `max_workers`."""

    def __init__(self, workers: Workers, *, max_workers: int = 1 << 30, fresh: bool = False, pin_cores: bool = False):
        self._seconds, self._fresh, self._pin_cores, self._client = workers.seconds, fresh, pin_cores, None
        if workers.cluster:
            from asl.pipelines.jobs.dask import connect

            self._client, self.workers = connect(workers.cluster)
        else:
            self.workers = min(workers.processes or os.cpu_count() or 1, max_workers)
        self._executor = self._new_executor()

    def submit(self, function: Callable, *arguments) -> Future:
        """A future of the job. It raises BrokenProcessPool if a process died; retry it with `run_alone`."""
        call = (_run_with_limit, self._seconds, function, *arguments)
        try:
            return self._executor.submit(*call)
        except BrokenProcessPool:
            self.renew()
            return self._executor.submit(*call)

    def run_alone(self, function: Callable, *arguments) -> Future:
        """Retries a job that may have killed its process, and waits for it. Returns its future, which may raise WorkerDied."""
        started = monotonic()
        future = self.submit(function, *arguments)
        if _broken(future):
            timed_out = self._seconds and monotonic() - started >= self._seconds
            reason = f"it took longer than {self._seconds / 60:g} minutes" if timed_out else "its process died"
            future = Future()
            future.set_exception(WorkerDied(f"{reason}, twice"))
        return future

    def renew(self) -> None:
        """Replaces the processes by new ones; workers of a cluster are kept."""
        _shut_down(self._executor)
        self._executor = self._new_executor()

    def _new_executor(self) -> Executor:
        if self._client:
            from asl.pipelines.jobs.dask import ClusterExecutor

            return ClusterExecutor(self._client, WorkerDied)
        context = multiprocessing.get_context("spawn")
        started = context.Value("i", 0) if self._pin_cores else None
        initialiser = (start_worker, (started, self.workers))
        return ProcessPoolExecutor(self.workers, context, *initialiser, max_tasks_per_child=1 if self._fresh else None)

    def __exit__(self, kind, *_) -> None:
        interrupted = kind is not None  # the results of running jobs are not needed
        if interrupted and not self._client:
            for worker in multiprocessing.active_children():
                worker.terminate()
        _shut_down(self._executor, wait=not (interrupted and self._client), terminated=interrupted)
        if self._client:
            self._client.close()
        elif interrupted:
            # The queues free their semaphores when they are collected. The command may leave without any clean-up, and then
            # the resource tracker of multiprocessing would warn about them.
            self._executor = None
            gc.collect()


def _broken(future: Future) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _shut_down(executor: Executor, *, wait: bool = False, terminated: bool = False) -> None:
    """Shuts an executor down. terminated: its processes have been terminated.

    In that case, Python before 3.11.5 would block forever while sending them the remaining jobs (CPython issue 94777): writing to
    a pipe does not fail while its other end is open, and this process holds it open, too.
    """
    if isinstance(executor, ProcessPoolExecutor) and (terminated or executor._broken) and sys.version_info < (3, 11, 5):
        if executor._call_queue:
            executor._call_queue._reader.close()
    try:
        executor.shutdown(wait=wait, cancel_futures=True)
    except RuntimeError:
        if not terminated:
            raise
        # Ctrl-C came after the executor had made its thread and before it had started it: there is nothing to wait for.


# In the worker processes ---------------------------------------------------------------------------------------------
def _run_with_limit(seconds: float, function: Callable, *arguments):
    """Runs the function. Ends the process if it takes longer than `seconds`, even if it does not return to the interpreter."""
    if not seconds:
        return function(*arguments)
    faulthandler.dump_traceback_later(seconds, exit=True, file=_null_file())
    try:
        return function(*arguments)
    finally:
        faulthandler.cancel_dump_traceback_later()


@lru_cache(maxsize=1)
def _null_file() -> IO:
    return open(os.devnull, "w")  # must stay open: faulthandler writes to it when it ends the process


def start_worker(started=None, count: int = 0) -> None:
    """Initialises a worker process. started: if workers are pinned to cores, the shared number of workers started so far."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if started is not None:
        with started.get_lock():
            number, started.value = started.value, started.value + 1
        _pin_to_core(number, count)


def _pin_to_core(number: int, count: int) -> None:
    """Pins the worker to a core if there are as many workers as cores: MediaPipe's threads then do not migrate (+5 %)."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if count == len(cores):
            os.sched_setaffinity(0, {cores[number % count]})


def _exit_with_parent() -> None:
    """Ends this process when its parent dies, instead of waiting forever for the next job."""
    wait_for([multiprocessing.parent_process().sentinel])
    os._exit(1)


def peak_memory_mb() -> float:
    """Peak memory of this process, in MiB. On Linux, getrusage would include the parent's memory after a fork."""
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) / 1024, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
