"""Jobs fanned out over worker processes that end when their parent does, however it ends."""

import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TypeVar

Job = TypeVar("Job")


def fan_out(function: Callable, jobs: Sequence[Job], count: int = 0, *, fresh: bool = False) -> Iterator[tuple[Job, Future]]:
    """Runs function(job) of every job in `count` processes (0: one a core) and yields each with its future as it ends.

    fresh: a process for each job, so that its peak memory is its own. Interrupted, or left by the caller, the workers are
    stopped at once: what they do must bear that.
    """
    if not jobs:
        return
    count = min(count or os.cpu_count() or 1, len(jobs))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, start_worker, max_tasks_per_child=1 if fresh else None)
    flying = {pool.submit(function, job): job for job in jobs}
    left = len(flying)
    try:
        for future in as_completed(flying):
            left -= 1
            yield flying[future], future
    finally:
        pool.shutdown(wait=not left, cancel_futures=True)
        if left:
            for worker in multiprocessing.active_children():
                worker.terminate()


def start_worker() -> None:
    """What every worker process does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()


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
