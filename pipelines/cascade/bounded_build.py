"""Builds a cascade in a separate process, so that running out of memory ends that process and not this one."""

import contextlib
import resource
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from asl.pipelines.jobs.processes import WorkerPool, Workers, peak_memory_mb
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.transducers.cascade import KnowledgeSources, TransducerSize, build_cascade


@dataclass(frozen=True)
class BuildJob:
    """What to build, and the folder for its files. memory: limit in bytes."""

    knowledge: KnowledgeSources
    folder: Path
    prune: float
    memory: int


@dataclass(frozen=True)
class BuildFigures:
    """sizes: of each transducer. memory_mb: peak memory of the build."""

    sizes: list[TransducerSize]
    memory_mb: float


def build_bounded(knowledge: KnowledgeSources, folder: Path, *, prune: float = 0.0, max_gb: float = 8.0) -> BuildFigures:
    """Writes the transducers into the folder.

    Raises BadInput if labels do not fit, or the build exceeds `max_gb`, and AslError if its process cannot be started.
    """
    with WorkerPool(Workers(processes=1)) as pool:
        _check_start(pool)
        try:
            return pool.submit(_build, BuildJob(knowledge, folder, prune, int(max_gb * 1e9))).result()
        except (BrokenProcessPool, MemoryError) as error:
            raise BadInput(
                f"the graph needs more than --max-memory {max_gb:g} GB",
                "a lower --order, --prune 10, fewer --variants, shared --units, or more memory",
            ) from error
        except ValueError as error:
            raise BadInput(f"the cascade cannot be built: {error}", "check the text, the lexicon and --prune") from error


def _check_start(pool: WorkerPool) -> None:
    """Raises AslError if the process of the pool does not start: otherwise it would look as if the build had ended it."""
    try:
        pool.submit(_started).result()
    except (BrokenProcessPool, OSError) as error:
        hint = "free some memory; in a script of your own, start below if __name__ == '__main__':"
        raise AslError("the process that builds the graph could not be started", hint) from error


def _started() -> None:
    """A job that any process can do."""


def _build(job: BuildJob) -> BuildFigures:
    # The limit ends the build early where the system enforces it: Linux counts the heap, other systems may refuse the call.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (job.memory, job.memory))
    cascade = build_cascade(job.knowledge, job.prune)
    if peak_memory_mb() * 1e6 > job.memory:
        raise MemoryError
    job.folder.mkdir(parents=True, exist_ok=True)
    sizes = cascade.write(job.folder)
    return BuildFigures(sizes, peak_memory_mb())
