"""Search of a cascade for the best reading of a clip's frame scores (SPEC §10), with kaldi-decoder.

The graph is an OpenFst file. Scores are (T, N) natural log-likelihoods; column i belongs to input label i + 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np
from kaldi_decoder import DecodableCtc, FasterDecoder, FasterDecoderOptions

MAX_GRAPH_BYTES = 8 << 30


@dataclass(frozen=True)
class SearchOptions:
    """beam: how much worse than the best of a frame a hypothesis may be, nats. most_active: hypotheses kept a frame."""

    beam: float = 12.0
    most_active: int = 7000


@dataclass(frozen=True)
class BestPath:
    """words: output labels in order. frames: (T,) the input label of every frame. starts: frame at which each word begins.

    cost: of graph and scores together. complete: False where no path reached an end of the grammar and the best one so far stands.
    """

    words: tuple[int, ...]
    frames: tuple[int, ...]
    starts: tuple[int, ...]
    cost: float
    complete: bool


class Decoder:
    """A graph, and the search of it: `decode` a clip, or `start`, `advance` with frames as they come, and `best` so far."""

    def __init__(self, graph: "kaldifst.StdVectorFst | Path", options: SearchOptions = SearchOptions()):
        self.graph = read_graph(graph) if isinstance(graph, Path) else graph
        self.options = options
        self._search: FasterDecoder | None = None

    def decode(self, scores: np.ndarray) -> BestPath:
        """(T, N) → the best path. Raises ValueError: no frames, or scores that are not numbers."""
        search = FasterDecoder(self.graph, self._options())
        search.decode(DecodableCtc(checked_scores(scores)))
        return _best(search)

    def start(self) -> None:
        self._search = FasterDecoder(self.graph, self._options())
        self._search.init_decoding()

    def advance(self, scores: np.ndarray) -> None:
        """(T, N) further frames."""
        if self._search is None:
            raise ValueError("start first")
        done = self._search.num_frames_decoded()
        self._search.advance_decoding(DecodableCtc(checked_scores(scores), done))

    def best(self) -> BestPath:
        """Of the frames so far, as though the clip ended here."""
        if self._search is None:
            raise ValueError("start first")
        return _best(self._search)

    def _options(self) -> FasterDecoderOptions:
        return FasterDecoderOptions(beam=self.options.beam, max_active=self.options.most_active)


def read_graph(path: Path) -> "kaldifst.StdVectorFst":
    """Raises ValueError: too large, or no OpenFst file."""
    if path.stat().st_size > MAX_GRAPH_BYTES:
        raise ValueError(f"{path} is larger than {MAX_GRAPH_BYTES >> 30} GiB")
    graph = kaldifst.StdVectorFst.read(str(path))
    if graph is None:
        raise ValueError(f"{path} is no OpenFst file")
    return graph


def checked_scores(scores: np.ndarray) -> np.ndarray:
    """(T, N) as the searches want them. Raises ValueError: no frames, or scores that are not numbers."""
    values = np.ascontiguousarray(scores, dtype=np.float32)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"scores of shape {values.shape} that are finite are wanted: (frames, labels)")
    return values


def _best(search: FasterDecoder) -> BestPath:
    complete = search.reached_final()
    found, lattice = search.get_best_path(use_final_probs=complete)
    if not found:
        return BestPath((), (), (), float("inf"), False)
    words, frames, starts, cost = [], [], [], 0.0
    for reads, says, graph, score in path_arcs(lattice):
        if says:
            words.append(says)
            starts.append(len(frames))
        if reads:
            frames.append(reads)
        cost += graph + score
    return BestPath(tuple(words), tuple(frames), tuple(starts), cost, complete)


def path_arcs(lattice) -> Iterator[tuple[int, int, float, float]]:
    """Input label, output label, and costs of graph and scores of each arc of a lattice that is one path, and of its end (0, 0).

    Read from its printed form: the Python package has no other way to an arc.
    """
    for line in lattice.to_str(show_weight_one=True).splitlines():
        *labels, weight = line.split()
        reads, says = map(int, labels[2:]) if len(labels) == 4 else (0, 0)
        yield reads, says, *map(float, weight.split(","))
