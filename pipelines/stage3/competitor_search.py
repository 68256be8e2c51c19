"""Search for the competitors of each reference, by worker processes or a cluster, while the encoder trains (SPEC §11)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.jobs.processes import WorkerDied, WorkerPool, Workers
from asl.transducers.hypotheses import Hypothesis, NBestSearch


@dataclass(frozen=True)
class Competitors:
    """reference: the best path of the signed glosses, None if none fits the clip. hypotheses: the competitors, best first."""

    reference: Hypothesis | None
    hypotheses: tuple[Hypothesis, ...] = ()


@dataclass(frozen=True)
class SearchWorkers:
    """Workers that each hold the graph.

    graph: its file, beam and lattice beam. n_best: hypotheses per clip. failed: ids of clips whose search crashed twice, and why.
    """

    pool: WorkerPool
    graph: tuple[Path, float, float]
    n_best: int
    failed: dict[str, str] = field(default_factory=dict)

    def search(self, clip: str, scores: np.ndarray, words: Sequence[int]) -> "PendingSearch":
        """Searches the Competitors of a clip, by its id. scores: (T, N). words: the reference."""
        return self._submit(clip, Competitors(None), _search, scores, tuple(words), self.n_best)

    def accepts(self, clip: str, words: Sequence[int], frames: int, labels: int) -> "PendingSearch":
        """Checks a reference: None if the graph accepts the words in this many frames, else how many of the words it accepts."""
        return self._submit(clip, 0, _accepts, tuple(words), frames, labels)

    def _submit(self, clip: str, fallback: Any, *call) -> "PendingSearch":
        call = (call[0], self.graph, *call[1:])
        return PendingSearch(self, clip, fallback, call, self.pool.submit(*call))


@dataclass(frozen=True)
class PendingSearch:
    """A running search. fallback: its result if it fails."""

    workers: SearchWorkers
    clip: str
    fallback: Any
    call: tuple
    future: Future

    def result(self) -> Any:
        """Waits for the result. A search whose worker died is repeated once; if that fails, its clip is added to `failed`."""
        try:
            try:
                return self.future.result()
            except (BrokenProcessPool, WorkerDied):
                return self.workers.pool.run_alone(*self.call).result()
        except WorkerDied as error:
            self.workers.failed[self.clip] = str(error)
            return self.fallback


@contextmanager
def search_workers(graph: Path, beam: float, lattice_beam: float, n_best: int, where: Workers) -> Iterator[SearchWorkers]:
    """Starts workers, which end with the block or with this process."""
    with WorkerPool(where) as pool:
        yield SearchWorkers(pool, (graph, beam, lattice_beam), n_best)


@lru_cache(maxsize=1)
def _n_best_search(graph: Path, beam: float, lattice_beam: float) -> NBestSearch:
    """The search of this process, which loads the graph once."""
    return NBestSearch(graph, beam, lattice_beam)


def _search(graph: tuple[Path, float, float], scores: np.ndarray, words: tuple[int, ...], n_best: int) -> Competitors:
    search = _n_best_search(*graph)
    reference = search.align(scores, words)
    hypotheses = [path for path in search.n_best(scores, n_best) if path.words != words] if reference else []
    return Competitors(reference, tuple(hypotheses))


def _accepts(graph: tuple[Path, float, float], words: tuple[int, ...], frames: int, labels: int) -> int | None:
    search = _n_best_search(*graph)
    if search.align(np.zeros((frames, labels), dtype=np.float32), words):
        return None
    return search.readable_words(words)
