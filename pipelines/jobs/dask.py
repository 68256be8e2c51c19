"""A dask cluster as the place where jobs run (`--cluster tcp://host:port`, extra `asl[cluster]`).

Scheduler and workers are started by the person, by dask-jobqueue or by Kubernetes; they see the workspace and the sources under
the same paths as this machine. Workers that die are the scheduler's: it sends their jobs to others, as often as its setting
distributed.scheduler.allowed-failures says, and then gives a job up.
"""

from concurrent.futures import CancelledError, Executor, Future
from typing import Any

from asl.pipelines.workspace.errors import AslError, BadInput

CONNECT_SECONDS, WAIT_SECONDS = 5, 15
INSTALL = 'pip install "asl[cluster]"'
START = "start some: dask worker ADDRESS --nworkers 4 --nthreads 1"


def connect(address: str) -> tuple[Any, int]:
    """A client, and how many workers there are.

    Raises BadInput: no address, no scheduler there, or workers of several threads (MediaPipe and time limits need a process a
    job); AslError: dask is not installed, or no worker has come.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise AslError("--cluster needs dask.distributed, which is not installed", INSTALL) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="asl")
    except (OSError, ValueError, TimeoutError) as error:
        start = "start one (dask scheduler) and name it: --cluster tcp://host:8786"
        raise BadInput(f"no dask scheduler answers at {address}", start) from error
    try:
        client.wait_for_workers(1, timeout=WAIT_SECONDS)
        threads = client.nthreads()
        if max(threads.values()) > 1:
            raise BadInput(f"workers of the cluster at {address} have several threads", "start them with --nthreads 1")
        return client, len(threads)
    except TimeoutError as error:
        client.close()
        raise AslError(f"the cluster at {address} has no workers", START.replace("ADDRESS", address)) from error
    except BaseException:
        client.close()
        raise


class ClusterExecutor(Executor):
    """The cluster behind the interface of concurrent.futures; a job that cost several workers raises `died`."""

    def __init__(self, client: Any, died: type[Exception]):
        self._client, self._died = client, died
        self._executor = client.get_executor(pure=False)

    def submit(self, function, /, *arguments, **named) -> Future:
        outer = Future()
        inner = self._executor.submit(function, *arguments, **named)
        inner.add_done_callback(lambda done: self._hand_on(done, outer))
        return outer

    def _hand_on(self, inner: Future, outer: Future) -> None:
        try:
            outer.set_result(inner.result())
        except CancelledError:
            outer.set_exception(AslError("the cluster's scheduler is gone", "what was finished is kept; start it and go on"))
        except Exception as error:
            lost = type(error).__name__ == "KilledWorker"
            outer.set_exception(self._died("the workers that tried it all died") if lost else error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait and not cancel_futures)
