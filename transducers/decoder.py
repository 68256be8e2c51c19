"""Search of a cascade for the best path of a clip's frame scores (SPEC §10), with kaldi-decoder.

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
    """beam: nats by which a hypothesis may be worse than the best one of its frame. most_active: hypotheses kept per frame."""

    beam: float = 12.0
    most_active: int = 7000


@dataclass(frozen=True)
class BestPath:
    """words: output labels in order. frames: (T,) input label of every frame. starts: the frame at which each word begins.

    cost: nats, of graph and scores together. complete: False if no path ends in a final state, and this is the best partial path.
    """

    words: tuple[int, ...]
    frames: tuple[int, ...]
    starts: tuple[int, ...]
    cost: float
    complete: bool

    def spans(self, rest: int) -> list[tuple[int, int]]:
        """[first, last) frames of each word, without the rest that follows; the two words of a fused sign share a span.

        rest: the input label between signs, or 0.
        """
        starts = self.starts
        ends = [next((start for start in starts[k:] if start > first), len(self.frames)) for k, first in enumerate(starts)]
        frames = np.array(self.frames)
        spans = []
        for first, end in zip(starts, ends, strict=True):
            signed = np.flatnonzero(frames[first:end] != rest) if rest else np.arange(end - first)
            spans.append((first, first + int(signed[-1]) + 1 if len(signed) else end))
        return spans


class Decoder:
    """Viterbi search of a graph: `decode` a clip, or `start`, `advance` with frames as they arrive, and read the `best` so far.

    graph: the graph or its file. Raises ValueError if the file is too large or not an OpenFst file.
    """

    def __init__(self, graph: "kaldifst.StdVectorFst | Path", options: SearchOptions = SearchOptions()):
        self.graph = read_graph(graph) if isinstance(graph, Path) else graph
        self.options = options
        self._search: FasterDecoder | None = None

    def decode(self, scores: np.ndarray) -> BestPath:
        """The best path of a clip. scores: (T, N). Raises ValueError if there are no frames or a score is not finite."""
        search = FasterDecoder(self.graph, self._options())
        search.decode(DecodableCtc(checked_scores(scores)))
        return _best_path(search)

    def start(self) -> None:
        """Starts a stream."""
        self._search = FasterDecoder(self.graph, self._options())
        self._search.init_decoding()

    def advance(self, scores: np.ndarray) -> None:
        """Reads the next frames (T, N) of the stream. Raises ValueError if there are none, or a score is not finite."""
        search = self._started()
        search.advance_decoding(DecodableCtc(checked_scores(scores), search.num_frames_decoded()))

    def best(self) -> BestPath:
        """The best path of the frames so far, as if the stream ended here."""
        return _best_path(self._started())

    def _started(self) -> FasterDecoder:
        if self._search is None:
            raise ValueError("start first")
        return self._search

    def _options(self) -> FasterDecoderOptions:
        return FasterDecoderOptions(beam=self.options.beam, max_active=self.options.most_active)


def read_graph(path: Path) -> "kaldifst.StdVectorFst":
    """The graph in an OpenFst file. Raises ValueError if it is larger than MAX_GRAPH_BYTES or not an OpenFst file."""
    if path.stat().st_size > MAX_GRAPH_BYTES:
        raise ValueError(f"{path} is larger than {MAX_GRAPH_BYTES >> 30} GiB")
    graph = kaldifst.StdVectorFst.read(str(path))
    if graph is None:
        raise ValueError(f"{path} is not an OpenFst file")
    return graph


def single_word_graph(graph: "kaldifst.StdVectorFst", words: int) -> "kaldifst.StdVectorFst":
    """The paths of a graph with exactly one of the output labels 1…words."""
    one_word = kaldifst.StdVectorFst()
    one_word.add_state()
    one_word.add_state()
    one_word.start = 0
    for word in range(1, words + 1):
        one_word.add_arc(0, kaldifst.StdArc(word, word, 0.0, 1))
    one_word.set_final(1, 0.0)
    by_word = graph.copy()
    kaldifst.arcsort(by_word, "olabel")
    return kaldifst.compose(by_word, one_word)


def checked_scores(scores: np.ndarray) -> np.ndarray:
    """(T, N) scores as contiguous float32. Raises ValueError if there are no frames or a score is not finite."""
    values = np.ascontiguousarray(scores, dtype=np.float32)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"scores must be finite and of shape (frames, labels), got {values.shape}")
    return values


def _best_path(search: FasterDecoder) -> BestPath:
    complete = search.reached_final()
    success, lattice = search.get_best_path(use_final_probs=complete)
    if not success:
        return BestPath((), (), (), float("inf"), False)
    words: list[int] = []
    frames: list[int] = []
    starts: list[int] = []
    cost = 0.0
    for input_label, word, graph_cost, score_cost in path_arcs(lattice):
        if word:
            words.append(word)
            starts.append(len(frames))
        if input_label:
            frames.append(input_label)
        cost += graph_cost + score_cost
    return BestPath(tuple(words), tuple(frames), tuple(starts), cost, complete)


def path_arcs(lattice: "kaldifst.Lattice") -> Iterator[tuple[int, int, float, float]]:
    """The arcs of a linear lattice, and its end with labels 0: input label, output label, graph cost and score cost.

    They are parsed from the lattice's text form, because the Python package does not give access to its arcs.
    """
    for line in lattice.to_str(show_weight_one=True).splitlines():
        *labels, weight = line.split()
        input_label, output_label = map(int, labels[2:]) if len(labels) == 4 else (0, 0)
        graph_cost, score_cost = map(float, weight.split(","))
        yield input_label, output_label, graph_cost, score_cost
