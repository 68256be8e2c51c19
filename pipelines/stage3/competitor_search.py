"""What competes with each reference, searched by worker processes or a cluster while the encoder learns (SPEC §11)."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.jobs.processes import Died, Pool, Where
from asl.transducers.hypotheses import Hypothesis, NBestSearch


@dataclass(frozen=True)
class Competitors:
    """reference: the best path of what was signed, None where none fits into the clip. others: best first."""

    reference: Hypothesis | None
    others: tuple[Hypothesis, ...] = ()


@dataclass(frozen=True)
class Searchers:
    """Workers that each hold the graph. graph: the file, its beam and that of lattices. lost: clips whose search died, twice."""

    pool: Pool
    graph: tuple[Path, float, float]
    most: int
    lost: dict[str, str] = field(default_factory=dict)

    def search(self, name: str, scores: np.ndarray, words: Sequence[int]) -> "Search":
        """Rivals of a clip, by its name. scores: (T, N); words: of the reference."""
        return self._begin(name, Competitors(None), _search, scores, tuple(words), self.most)

    def fits(self, name: str, words: Sequence[int], frames: int, labels: int) -> "Search":
        """None where the graph says these words in so many frames; else how many of them it can say at all."""
        return self._begin(name, 0, _fits, tuple(words), frames, labels)

    def _begin(self, name: str, lost: Any, *call) -> "Search":
        call = (call[0], self.graph, *call[1:])
        return Search(self, name, lost, call, self.pool.submit(*call))


@dataclass(frozen=True)
class Search:
    """One that is under way. instead: its result where it was lost."""

    searchers: Searchers
    name: str
    instead: Any
    call: tuple
    future: Future

    def result(self) -> Any:
        """Waits for it. A search whose worker died is tried once more; then its clip is among the lost."""
        try:
            try:
                return self.future.result()
            except (BrokenProcessPool, Died):
                return self.searchers.pool.alone(*self.call).result()
        except Died as error:
            self.searchers.lost[self.name] = str(error)
            return self.instead


@contextmanager
def searchers(graph: Path, beam: float, lattice_beam: float, most: int, where: Where) -> Iterator[Searchers]:
    """Workers end when the block does, or with this process."""
    with Pool(where) as pool:
        yield Searchers(pool, (graph, beam, lattice_beam), most)


@lru_cache(maxsize=1)
def _competition(graph: Path, beam: float, lattice_beam: float) -> NBestSearch:
    """This process's own."""
    return NBestSearch(graph, beam, lattice_beam)


def _search(graph: tuple[Path, float, float], scores: np.ndarray, words: tuple[int, ...], most: int) -> Competitors:
    own = _competition(*graph)
    reference = own.align(scores, words)
    others = [one for one in own.n_best(scores, most) if one.words != words] if reference else []
    return Competitors(reference, tuple(others))


def _fits(graph: tuple[Path, float, float], words: tuple[int, ...], frames: int, labels: int) -> int | None:
    own = _competition(*graph)
    if own.align(np.zeros((frames, labels), dtype=np.float32), words):
        return None
    return own.readable_words(words)
