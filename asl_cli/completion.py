"""What the shell offers for the value of an option. Nothing heavy loads here, and an error only means that nothing is offered."""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import typer

from asl.pipelines.workspace.errors import BadInput

#: Larger records of graphs are not read: completion has to be quick.
MAX_BYTES = 32 << 20
SHIPPED = "shipped"


def offering(list_words: Callable[[typer.Context], Iterable[str]]) -> Callable[[typer.Context, str], list[str]]:
    """A completion callback that offers those of the words that begin as typed, and nothing if they cannot be listed."""

    @functools.wraps(list_words)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in list_words(ctx) if word.startswith(incomplete)]
        except Exception:  # a terminal in the middle of a command line is no place for messages
            return []

    del complete.__wrapped__
    return complete


def choices(words: Sequence[object]) -> Callable[[typer.Context, str], list[str]]:
    """A completion callback that offers these words."""
    return offering(lambda _: map(str, words))


#: The splits of the clips.
splits = choices(("train", "validation", "test"))


@offering
def models(ctx: typer.Context) -> list[str]:
    """Models and bundles of the workspace, and the bundle that comes with asl."""
    try:
        folder = _workspace(ctx)
    except BadInput:  # there is none
        return [SHIPPED]
    return [*_names(folder / "models", "model.json"), *_names(folder / "bundles", "bundle.json"), SHIPPED]


@offering
def trained_models(ctx: typer.Context) -> list[str]:
    """Models of the workspace."""
    return _names(_workspace(ctx) / "models", "model.json")


@offering
def graphs(ctx: typer.Context) -> list[str]:
    """Graphs of the workspace."""
    return _names(_workspace(ctx) / "graphs", "graph.json")


@offering
def glosses(ctx: typer.Context) -> list[str]:
    """Glosses of the workspace's graphs, or of the one that --name selects."""
    graphs = _workspace(ctx) / "graphs"
    cards = [graphs / name / "graph.json" for name in ([ctx.params["name"]] if ctx.params.get("name") else _names(graphs))]
    small = [card for card in cards if card.stat().st_size <= MAX_BYTES]
    return sorted({gloss for card in small for gloss in json.loads(card.read_bytes())["glosses"]})


def _workspace(ctx: typer.Context) -> Path:
    from asl.pipelines.workspace.folder import find_workspace_folder

    return find_workspace_folder(ctx.params.get("workspace"))


def _names(folder: Path, card: str = "graph.json") -> list[str]:
    """Names of the folders that hold a card, the newest first."""
    cards = sorted(folder.glob(f"*/{card}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.parent.name for path in cards]
