"""The commands of `asl`: each is imported when it is called, because the help of all of them needs only a line of each."""

from collections.abc import Callable
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

#: First paragraph of the help of each command, in the order of the list.
SUMMARIES = {
    "demo": "Run the whole pipeline once on synthetic signers: train, render, track, read.",
    "init": "Create a workspace: a folder with a commented asl.toml.",
    "status": "Show the state of every stage (done, stale and why, or missing) and what to run next.",
    "models": "List the models with their glosses, dates and scores, and choose the default.",
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
#: What stands for the value of an option in its help, by type.
METAVARS = {str: "TEXT", int: "N", float: "N", Path: "PATH"}
#: Longer lists of choices stand in the description of their option, characters.
MAX_CHOICES = 24
CONTEXT = {"help_option_names": ["-h", "--help"]}


def command_function(name: str) -> Callable[..., Any]:
    """The function behind a command. Its attribute `sections` names the section of each setting that the command takes."""
    word = name.replace("-", "_")
    return getattr(import_module(f"asl.cli.commands.{_MODULES.get(name, word)}"), word)


def load_command(name: str) -> TyperCommand:
    """The command with its options and its whole help."""
    function = command_function(name)
    app = typer.Typer(add_completion=False, rich_markup_mode=MARKUP, context_settings=CONTEXT)
    app.command(name, cls=Command, help=help_text(function))(function)
    return typer.main.get_command(app)


def help_text(function: Callable) -> str:
    """The docstring of a command with each paragraph on one line, so that typer wraps it to the width of the terminal.

    Examples, which begin with $, keep their lines. The markup around them keeps their indentation.
    """
    paragraphs = []
    for text in cleandoc(function.__doc__ or "").split("\n\n"):
        lines = "\n".join(f"[bold]    {line}[/]" for line in _examples(text))
        paragraphs.append(lines or " ".join(text.split()))
    return "\n\n".join(paragraphs)


def examples(function: Callable) -> list[str]:
    """The examples in the docstring of a command, one line each."""
    return _examples(function.__doc__ or "")


def _examples(text: str) -> list[str]:
    return [line.strip().removeprefix("$ ") for line in text.splitlines() if line.strip().startswith("$ ")]


class PlainTypes:
    """Shows the values of options as N, TEXT, PATH or their choices, and none for switches."""

    def get_params(self, ctx):
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if parameter.param_type_name == "option" and parameter.metavar is None:
                parameter.metavar = _metavar(parameter)
        return parameters


def _metavar(option: Any) -> str:
    if option.is_flag:
        return ""
    choices = "|".join(str(choice) for choice in option.type_descriptor.choices or ())
    kind = option.type_descriptor.annotation
    kind = (get_args(kind) or (kind,))[0]
    return choices if 0 < len(choices) <= MAX_CHOICES else METAVARS.get(kind, "NAME")


class Command(PlainTypes, TyperCommand):
    """A command of `asl`."""


class LazyCommands(PlainTypes, TyperGroup):
    """A group whose commands are summaries until one of them is called or completed."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=summary) for name, summary in SUMMARIES.items()}

    def resolve_command(self, ctx, args):
        if args[0] in self.commands:
            self.commands[args[0]] = load_command(args[0])
        return super().resolve_command(ctx, args)
