"""The reader: from what the model outputs for a clip to glosses, greedily, by CTC beam search or by the cascade."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from asl.pipelines.cascade.graph_folder import Graph, find_graph, load_graph
from asl.pipelines.cascade.signing_space import pointing_direction
from asl.pipelines.recogniser.model import Model
from asl.pipelines.recogniser.reading import Reading, Token, decode_labels, isolated_token, tokens_of_labels
from asl.pipelines.translation.cascade_tokens import cascade_tokens, isolated_cascade_tokens
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.transducers.decoder import BestPath
from asl.transducers.glossing import POINT, referents_of


@dataclass(frozen=True)
class Provenance:
    """What read a clip. model: name of the model or bundle. weights: its hash. decoder: `isolated` for a single sign."""

    model: str = ""
    weights: str = ""
    decoder: str = ""


@dataclass(frozen=True)
class Reader:
    """A model with a decoder. graph: the cascade, if the settings ask for it."""

    model: Model
    settings: DecodeSettings
    graph: Graph | None = None

    def decode(self, reading: Reading) -> "list[int] | BestPath":
        """The result of the decoder: gloss labels, or a path of the cascade."""
        return decode_labels(reading, self.settings) if self.graph is None else self.graph.best_path(reading, self.settings)

    def words(self, reading: Reading) -> list[str]:
        """The glosses of a clip in signing order."""
        decoded = self.decode(reading)
        return self.model.alphabet.names(decoded) if self.graph is None else self.graph.words(decoded)

    def tokens(self, reading: Reading, decoded: "list[int] | BestPath | None" = None) -> list[Token]:
        """The glosses with times, confidences and runners-up; points and agreement verbs with their referents.

        decoded: the result of `decode`, if there is one already.
        """
        decoded = self.decode(reading) if decoded is None else decoded
        if self.graph is None:
            return _with_referents(tokens_of_labels(self.model, reading, decoded, self.settings.runners_up), reading)
        return _with_referents(cascade_tokens(self.model, self.graph, reading, decoded, self.settings), reading)

    def isolated(self, reading: Reading) -> list[Token]:
        """The one gloss of a clip that shows one sign; none if the cascade knows no sign of the clip's length."""
        if self.graph is None:
            return [isolated_token(self.model, reading, self.settings.runners_up)]
        return isolated_cascade_tokens(self.model, self.graph, reading, self.settings)

    def provenance(self, *, isolated: bool = False) -> Provenance:
        """What is recorded with every translation of this reader."""
        name = str(self.model.card.get("name") or self.model.folder.name)
        return Provenance(name, self._weights, "isolated" if isolated else self.settings.decoder)

    @cached_property
    def _weights(self) -> str:
        return self.model.weights_hash

    def with_decoder(self, name: str) -> "Reader":
        """The same model with another decoder, greedy or ctc-beam."""
        return Reader(self.model, replace(self.settings, decoder=name))


def reader_for(workspace: Workspace | None, model: Model, settings: DecodeSettings, graph: str | None = None) -> Reader:
    """graph: a name below graphs/ or a folder. Default: the graph of the model's bundle, else the newest.

    Raises BadInput or StageMissing if there is no graph, or it was built for another model.
    """
    if settings.decoder != "cascade":
        return Reader(model, settings)
    bundled = model.graph if graph is None else None
    return Reader(model, settings, load_graph(bundled or find_graph(workspace, graph), model))


def _with_referents(tokens: Sequence[Token], reading: Reading) -> list[Token]:
    """Adds the referents of points and agreement verbs, and the directions of points."""
    referents = referents_of([token.gloss for token in tokens])
    return [
        replace(token, referent=referent, direction=_direction(token, reading)) if referent else token
        for token, referent in zip(tokens, referents, strict=True)
    ]


def _direction(token: Token, reading: Reading) -> tuple[float, float, float] | None:
    if not POINT.fullmatch(token.gloss) or reading.features is None or not reading.feature_set.phonological:
        return None
    first, last = round(token.start * reading.fps), round(token.end * reading.fps)
    return pointing_direction(reading.features[first : max(first + 1, last)])
