"""How the glosses of a clip are read off what the model says of it: greedily, by CTC beam search, or by the cascade."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from asl.pipelines.cascade.graph_folder import Graph, find_graph, load_graph
from asl.pipelines.cascade.signing_space import pointing_direction
from asl.pipelines.recogniser.model import Model
from asl.pipelines.recogniser.reading import Reading, Token, labels_of, token_of, tokens_of
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.transducers.decoder import BestPath
from asl.transducers.glossing import POINT, join_letters, referents_of


@dataclass(frozen=True)
class Reader:
    """graph: the cascade, where the settings ask for it."""

    model: Model
    settings: DecodeSettings
    graph: Graph | None = None

    def decoded(self, reading: Reading) -> "list[int] | BestPath":
        """What the decoder finds: gloss labels, or a path of the cascade."""
        return labels_of(reading, self.settings) if self.graph is None else self.graph.best_path(reading, self.settings)

    def words(self, reading: Reading) -> list[str]:
        """The glosses of a clip in signing order."""
        found = self.decoded(reading)
        return self.model.alphabet.names(found) if self.graph is None else self.graph.words(found)

    def tokens(self, reading: Reading, found: "list[int] | BestPath | None" = None) -> list[Token]:
        """The glosses with times, confidence, runners-up and, of points and agreement, who is meant. found: if it is known."""
        found = self.decoded(reading) if found is None else found
        if self.graph is None:
            return _referring(tokens_of(self.model, reading, found, self.settings.runners_up), reading)
        own = spans(found, self.graph.rest)
        return _referring([
            token_of(self.model, reading, word, own[begin][0], own[end - 1][1], self.settings.runners_up)
            for word, begin, end in join_letters(self.graph.alphabet.names(found.words))
        ], reading)  # fmt: skip

    def with_decoder(self, name: str) -> "Reader":
        """The same by greedy or ctc-beam."""
        return Reader(self.model, replace(self.settings, decoder=name))


def reader_for(workspace: Workspace | None, model: Model, settings: DecodeSettings, graph: str | None = None) -> Reader:
    """graph: a name below graphs/ or a folder, otherwise the model's own, or the newest.

    Raises BadInput, StageMissing: none, or of another model.
    """
    if settings.decoder != "cascade":
        return Reader(model, settings)
    own = model.graph if graph is None else None
    return Reader(model, settings, load_graph(own or find_graph(workspace, graph), model))


def spans(path: BestPath, rest: int) -> list[tuple[int, int]]:
    """[first, last) frames of each word of a path, without the rest after it; the two of a fused sign share theirs."""
    ends = [next((after for after in path.starts[k:] if after > first), len(path.frames)) for k, first in enumerate(path.starts)]
    frames = np.array(path.frames)
    found = []
    for first, end in zip(path.starts, ends, strict=True):
        signed = np.flatnonzero(frames[first:end] != rest) if rest else np.arange(end - first)
        found.append((first, first + int(signed[-1]) + 1 if len(signed) else end))
    return found


def _referring(tokens: Sequence[Token], reading: Reading) -> list[Token]:
    """With whom each point and agreement verb is about, the gloss before the first point at the locus, and where points go."""
    names = referents_of([token.gloss for token in tokens])
    return [
        replace(token, referent=name, direction=_direction(token, reading)) if name else token
        for token, name in zip(tokens, names, strict=True)
    ]


def _direction(token: Token, reading: Reading) -> tuple[float, float, float] | None:
    if not POINT.fullmatch(token.gloss) or reading.features is None or not reading.feature_set.phonological:
        return None
    first, last = round(token.start * reading.fps), round(token.end * reading.fps)
    return pointing_direction(reading.features[first : max(first + 1, last)])
