"""The commands of `asl`: each is imported when it is called, because the help of all of them needs only a line of each."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

#: First paragraph of the help of each command, in the order of the list.
SUMMARIES = {
    "demo": "Run the whole pipeline once on synthetic signers: train, render, track, read.",
    "init": "Create a workspace: a folder with a commented asl.toml.",
    "status": "Show the state of every stage (done, stale and why, or missing) and what to run next.",
    "extract": "Extract landmarks from videos, .pose files, arrays or synthetic signers, and split the clips.",
    "pretrain": "Pre-train an encoder and codebooks on the workspace's clips, without glosses (stage 1).",
    "train-ctc": "Train a recogniser on the workspace's clips with CTC.",
    "evaluate": "Evaluate a model: accuracy on single signs, word error rate on sentences, with confidence intervals.",
    "build-fst": "Build the cascade of six transducers that decodes sentences.",
    "train-stage3": "Train a recogniser and its cascade discriminatively (stage 3).",
    "ablate": "Compare conditions over several seeds, with statistical tests.",
    "scale": "Train and test with increasing vocabulary sizes, to measure how accuracy and cost grow.",
    "export": "Export a model and its cascade as a bundle, which needs neither torch nor Pynini.",
    "profile": "Measure the time per frame of each step of a translation, against the budget of 200 ms.",
    "translate": "Translate clips to glosses, with times, confidences and the next-best glosses.",
}
#: Modules whose name is not that of their command.
_MODULES = {"profile": "profiling"}
MARKUP = "rich"
CONTEXT = {"help_option_names": ["-h", "--help"]}


def load_command(name: str) -> TyperCommand:
    """The command with its options and its whole help."""
    word = name.replace("-", "_")
    function: Callable[..., Any] = getattr(import_module(f"asl.cli.commands.{_MODULES.get(name, word)}"), word)
    app = typer.Typer(add_completion=False, rich_markup_mode=MARKUP, context_settings=CONTEXT)
    app.command(name, help=help_text(function))(function)
    return typer.main.get_command(app)


def help_text(function: Callable) -> str:
    """The docstring of a command with each paragraph on one line, so that typer wraps it to the width of the terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (function.__doc__ or "").split("\n\n"))


class LazyCommands(TyperGroup):
    """A group whose commands are summaries until one of them is called or completed."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=summary) for name, summary in SUMMARIES.items()}

    def resolve_command(self, ctx, args):
        if args[0] in self.commands:
            self.commands[args[0]] = load_command(args[0])
        return super().resolve_command(ctx, args)
