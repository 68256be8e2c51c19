"""Jobs on a dask cluster (`--cluster tcp://host:port`, extra `asl[cluster]`).

The user, dask-jobqueue or Kubernetes starts the scheduler and the workers, which must see the workspace and the sources under
the same paths as this machine. The scheduler handles workers that die: it retries their jobs on other workers up to
distributed.scheduler.allowed-failures times.
"""

from concurrent.futures import CancelledError, Executor, Future
from typing import Any

from asl.pipelines.workspace.errors import AslError, BadInput

CONNECT_SECONDS, WAIT_SECONDS = 5, 15
INSTALL_HINT = 'pip install "asl[cluster]"'
START_HINT = "start workers with: dask worker ADDRESS --nworkers 4 --nthreads 1"


def connect(address: str) -> tuple[Any, int]:
    """A client of the cluster, and its number of workers.

    Raises BadInput if no scheduler answers at the address, or if workers have several threads (MediaPipe and time limits need
    one process per job); AslError if dask is not installed or no worker has connected.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise AslError("--cluster needs dask.distributed, which is not installed", INSTALL_HINT) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="asl")
    except (OSError, ValueError, TimeoutError) as error:
        hint = "start one with dask scheduler, and give its address: --cluster tcp://host:8786"
        raise BadInput(f"no dask scheduler answers at {address}", hint) from error
    try:
        client.wait_for_workers(1, timeout=WAIT_SECONDS)
        threads = client.nthreads()
        if max(threads.values()) > 1:
            raise BadInput(f"the workers of the cluster at {address} have several threads", "start them with --nthreads 1")
        return client, len(threads)
    except TimeoutError as error:
        client.close()
        raise AslError(f"the cluster at {address} has no workers", START_HINT.replace("ADDRESS", address)) from error
    except BaseException:
        client.close()
        raise


class ClusterExecutor(Executor):
    """The cluster as an Executor of concurrent.futures. A job whose workers all died raises `died`."""

    def __init__(self, client: Any, died: type[Exception]):
        self._client, self._died = client, died
        self._executor = client.get_executor(pure=False)

    def submit(self, function, /, *args, **kwargs) -> Future:
        outer = Future()
        inner = self._executor.submit(function, *args, **kwargs)
        inner.add_done_callback(lambda done: self._forward(done, outer))
        return outer

    def _forward(self, inner: Future, outer: Future) -> None:
        try:
            outer.set_result(inner.result())
        except CancelledError:
            hint = "restart it and run the same command again; completed work is kept"
            outer.set_exception(AslError("the scheduler of the cluster has stopped", hint))
        except Exception as error:
            workers_died = type(error).__name__ == "KilledWorker"
            outer.set_exception(self._died("every worker that tried it died") if workers_died else error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait and not cancel_futures)
