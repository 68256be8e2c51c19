"""Tokens of a cascade's reading, with the cascade's own confidences and runners-up (SPEC §7, Confidence)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from asl.pipelines.cascade.graph_folder import Graph, search_options
from asl.pipelines.recogniser.model import Model
from asl.pipelines.recogniser.reading import Reading, Token, frames_with_hands, token_in
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.transducers.decoder import BestPath, Decoder
from asl.transducers.glossing import SPELLED, is_single_letter, join_letters
from asl.transducers.word_posteriors import Costs, costs_in_frames, costs_of_last_words, search_lattice, word_posteriors


@dataclass(frozen=True)
class ReadWord:
    """A word of a path with its posterior, and the other words in its place with theirs, likeliest first."""

    gloss: str
    confidence: float
    runners_up: tuple[tuple[str, float], ...]


def cascade_tokens(model: Model, graph: Graph, reading: Reading, path: BestPath, settings: DecodeSettings) -> list[Token]:
    """The tokens of a path through the cascade. Letters that follow each other are one name."""
    spans, words = path.spans(graph.rest), _read_words(graph, reading, path, settings)
    tokens = []
    for name, first, last in join_letters(graph.alphabet.names(path.words)):
        word = words[first] if last == first + 1 else _name(name, words[first:last])
        span = spans[first][0], spans[last - 1][1]
        tokens.append(token_in(model, reading, name, span, word.confidence, word.runners_up[: settings.runners_up]))
    return tokens


def isolated_cascade_tokens(model: Model, graph: Graph, reading: Reading, settings: DecodeSettings) -> list[Token]:
    """The token of a clip of one sign, compared with every other sign alone; [] if none fits its length, or can be alone."""
    if graph.single_sign_graph.start < 0:
        return []
    scores, options = graph.scores(reading), search_options(settings)
    path = Decoder(graph.single_sign_graph, options).decode(scores)
    if not path.words:
        return []
    lattice = search_lattice(graph.single_sign_graph, scores, options)
    word = _read_word(graph, path.words[0], 0, costs_of_last_words(*lattice) if lattice else {}, path.cost)
    return [
        token_in(model, reading, word.gloss, frames_with_hands(reading), word.confidence, word.runners_up[: settings.runners_up])
    ]


def _read_words(graph: Graph, reading: Reading, path: BestPath, settings: DecodeSettings) -> list[ReadWord]:
    """The words of a path, each compared with what other paths read in the middle of its frames."""
    if not path.words:
        return []
    lattice = search_lattice(graph.search_graph, graph.scores(reading), search_options(settings))
    middles = [(first + last - 1) // 2 for first, last in path.spans(graph.rest)]
    costs = dict(zip(middles, costs_in_frames(*lattice, middles, graph.rest), strict=True)) if lattice else {}
    places = [path.starts[:k].count(start) for k, start in enumerate(path.starts)]
    return [
        _read_word(graph, word, place, costs.get(middle, {}), path.cost)
        for word, place, middle in zip(path.words, places, middles, strict=True)
    ]


def _read_word(graph: Graph, word: int, place: int, costs: Costs, cost: float) -> ReadWord:
    confidence, others = word_posteriors(costs, word, place, cost)
    names = graph.alphabet.names([word, *(other for other, _ in others)])
    return ReadWord(names[0], confidence, tuple(zip(names[1:], (posterior for _, posterior in others), strict=True)))


def _name(name: str, letters: Sequence[ReadWord]) -> ReadWord:
    """A name that was read letter by letter: as sure as its least sure letter, and as the names with another letter there."""
    number = min(range(len(letters)), key=lambda i: letters[i].confidence)
    spelling, least = name.removeprefix(SPELLED), letters[number]
    others = [
        (f"{SPELLED}{spelling[:number]}{gloss.removeprefix(SPELLED)}{spelling[number + 1 :]}", posterior)
        for gloss, posterior in least.runners_up
        if is_single_letter(gloss)
    ]
    return replace(least, gloss=name, runners_up=tuple(others))
