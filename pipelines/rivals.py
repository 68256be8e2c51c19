"""What competes with each reference, searched by worker processes while the encoder learns (SPEC §11)."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.fan_out import start_worker
from transducers.hypotheses import Competition, Hypothesis


@dataclass(frozen=True)
class Rivals:
    """reference: the best path of what was signed, None where none fits into the clip. others: best first."""

    reference: Hypothesis | None
    others: tuple[Hypothesis, ...] = ()


@dataclass(frozen=True)
class Searchers:
    """Worker processes that each hold the graph."""

    pool: ProcessPoolExecutor
    most: int

    def search(self, scores: np.ndarray, words: Sequence[int]) -> "Future[Rivals]":
        """scores: (T, N); words: of the reference."""
        return self.pool.submit(_search, scores, tuple(words), self.most)

    def fits(self, words: Sequence[int], frames: int, labels: int) -> "Future[int | None]":
        """None where the graph says these words in so many frames; else how many of them it can say at all."""
        return self.pool.submit(_fits, tuple(words), frames, labels)


_own: list[Competition] = []


@contextmanager
def searchers(graph: Path, beam: float, lattice_beam: float, most: int, workers: int = 0) -> Iterator[Searchers]:
    """workers: 0 takes one a core. They end when the block does, or with this process."""
    count = workers or os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _start, (graph, beam, lattice_beam))
    try:
        yield Searchers(pool, most)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start(graph: Path, beam: float, lattice_beam: float) -> None:
    start_worker()
    _own.append(Competition(graph, beam, lattice_beam))


def _search(scores: np.ndarray, words: tuple[int, ...], most: int) -> Rivals:
    (own,) = _own
    reference = own.aligned(scores, words)
    others = [one for one in own.best(scores, most) if one.words != words] if reference else []
    return Rivals(reference, tuple(others))


def _fits(words: tuple[int, ...], frames: int, labels: int) -> int | None:
    (own,) = _own
    if own.aligned(np.zeros((frames, labels), dtype=np.float32), words):
        return None
    return own.breaks_at(words)
