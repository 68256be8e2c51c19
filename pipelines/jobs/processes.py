"""Independent jobs fanned out through one interface: over processes of this machine, or over the workers of a dask cluster.

A job whose process dies (a crash in a library, memory that ran out) or that takes too long is tried once more, alone; then it
is one failure and the others go on. Worker processes end when their parent does, however it ends.
"""

import faulthandler
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
class Where:
    """Where jobs run. processes: of this machine, 0 one a core. cluster: the address of a dask scheduler in their place.

    seconds: the longest that a job may take, 0 for as long as it likes.
    """

    processes: int = 0
    cluster: str = ""
    seconds: float = 0.0


class Died(Exception):
    """A job's process died, or was ended as the job took too long, each time that it was tried."""


def fan_out(
    function: Callable, jobs: Sequence[Job], where: Where, *, fresh: bool = False, renew_after: int = 0, own_cores: bool = False
) -> Iterator[tuple[Job, Future]]:
    """Runs function(job) of every job and yields each with its future as it ends; the future of a lost job raises Died.

    fresh: a process for each job, so that its peak memory is its own. renew_after: jobs after which a process is replaced by a
    new one. own_cores: processes for all cores keep to one each. Interrupted, or left by the caller, the workers are stopped at
    once: what they do must bear that. Raises BadInput, AslError: no such cluster, or none that can be worked with.
    """
    if not jobs:
        return
    with Pool(where, most=len(jobs), fresh=fresh, own_cores=own_cores) as pool:
        waiting, flying, begun = deque(jobs), dict[Future, Job](), 0
        most = renew_after * pool.workers or len(jobs)
        lost: list[Job] = []  # with a cluster's workers, on which others may have been under way
        while waiting or flying:
            while waiting and len(flying) < 2 * pool.workers and begun < most:
                job = waiting.popleft()
                flying[pool.submit(function, job)] = job
                begun += 1
            if not flying:
                pool.renew()
                begun = 0
                continue
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            if any(_broken(future) for future in done):
                # Nobody knows whose job it was: all that were under way go again one at a time, so that only the guilty fails.
                done, suspects = {one for one in flying if one.done() and not _broken(one)}, flying
                flying = {}
                yield from ((suspects[future], future) for future in done)
                yield from ((job, pool.alone(function, job)) for future, job in suspects.items() if future not in done)
                continue
            for future in done:
                job = flying.pop(future)
                if isinstance(future.exception(), Died):
                    lost.append(job)
                else:
                    yield job, future
        yield from ((job, pool.alone(function, job)) for job in lost)


class Pool(AbstractContextManager):
    """Workers that jobs are submitted to. workers: how many there are, at most as many as there are jobs."""

    def __init__(self, where: Where, *, most: int = 1 << 30, fresh: bool = False, own_cores: bool = False):
        self._where, self._fresh, self._own_cores, self._client = where, fresh, own_cores, None
        if where.cluster:
            from asl.pipelines.jobs.dask import connect

            self._client, self.workers = connect(where.cluster)
        else:
            self.workers = min(where.processes or os.cpu_count() or 1, most)
        self._executor = self._new_executor()

    def submit(self, function: Callable, *arguments) -> Future:
        """A future that raises BrokenProcessPool where a process died: then `alone` is for it."""
        call = (_within, self._where.seconds, function, *arguments)
        try:
            return self._executor.submit(*call)
        except BrokenProcessPool:
            self.renew()
            return self._executor.submit(*call)

    def alone(self, function: Callable, *arguments) -> Future:
        """Tries once more what may have killed a process, and waits for it; its future, which may raise Died."""
        started = monotonic()
        future = self.submit(function, *arguments)
        if _broken(future):
            late = self._where.seconds and monotonic() - started >= self._where.seconds
            what = f"took longer than {self._where.seconds / 60:g} minutes" if late else "its process died"
            future = Future()
            future.set_exception(Died(f"{what}, twice"))
        return future

    def renew(self) -> None:
        """New processes in place of the old ones; a cluster's stay as they are."""
        _shut_down(self._executor)
        self._executor = self._new_executor()

    def _new_executor(self) -> Executor:
        if self._client:
            from asl.pipelines.jobs.dask import ClusterExecutor

            return ClusterExecutor(self._client, Died)
        context = multiprocessing.get_context("spawn")
        started = context.Value("i", 0) if self._own_cores else None
        own = (start_worker, (started, self.workers))
        return ProcessPoolExecutor(self.workers, context, *own, max_tasks_per_child=1 if self._fresh else None)

    def __exit__(self, kind, *_) -> None:
        interrupted = kind is not None  # nobody waits for what is under way
        if interrupted and not self._client:
            for worker in multiprocessing.active_children():
                worker.terminate()
        _shut_down(self._executor, wait=not interrupted, dead=interrupted)
        if self._client:
            self._client.close()


def _broken(future: Future) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _shut_down(executor: Executor, *, wait: bool = False, dead: bool = False) -> None:
    """dead: its processes have been ended.

    Where they have, Python below 3.11.5 waits for ever to send them what is left (CPython issue 94777): no write to a pipe fails
    while its other end is open, and this process has it open, too.
    """
    if isinstance(executor, ProcessPoolExecutor) and (dead or executor._broken) and sys.version_info < (3, 11, 5):
        if executor._call_queue:
            executor._call_queue._reader.close()
    executor.shutdown(wait=wait, cancel_futures=True)


# In the workers ------------------------------------------------------------------------------------------------------
def _within(seconds: float, function: Callable, *arguments):
    """Runs the function; if it takes longer, the process ends, whatever it is doing (no interpreter is needed for that)."""
    if not seconds:
        return function(*arguments)
    faulthandler.dump_traceback_later(seconds, exit=True, file=_nowhere())
    try:
        return function(*arguments)
    finally:
        faulthandler.cancel_dump_traceback_later()


@lru_cache(maxsize=1)
def _nowhere() -> IO:
    return open(os.devnull, "w")  # kept open: the watch writes to it at the end


def start_worker(started=None, count: int = 0) -> None:
    """What every worker process does first. started: where workers keep to a core each, how many have been before (shared)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if started is not None:
        with started.get_lock():
            number, started.value = started.value, started.value + 1
        _take_core(number, count)


def _take_core(number: int, count: int) -> None:
    """With a worker for every core, each keeps to its own: MediaPipe's threads then do not chase each other (+5 %)."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if count == len(cores):
            os.sched_setaffinity(0, {cores[number % count]})


def _die_with_parent() -> None:
    """A killed parent must not leave workers waiting for ever for the next job."""
    wait_for([multiprocessing.parent_process().sentinel])
    os._exit(1)


def peak_memory_mb() -> float:
    """Of this process, from its start. What getrusage says also holds its parent's, where it was forked (Linux)."""
    status = Path("/proc/self/status")
    if status.is_file():
        (line,) = (one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return round(int(line.split()[1]) / 1024, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
