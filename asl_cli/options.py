"""Command-line options: those generated from the settings, and those that all commands share."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import typer

from asl.cli import completion
from asl.cli.environment import check_installed, warn_of_unknown_variables
from asl.cli.terminal import TerminalProgress
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.fields import default_of, option_name, section_fields
from asl.pipelines.workspace.settings.sections import SECTIONS

PANELS = {
    "sources": "Sources",
    "synthetic": "Synthetic signers",
    "landmarks": "Tracking",
    "cluster": "Cluster",
    "study": "Study",
    "split": "Split",
    "features": "Features",
    "encoder": "Encoder",
    "phonology": "Phonology",
    "pretrain": "Pre-training",
    "train": "Training",
    "graph": "Cascade",
    "stage3": "Stage 3",
    "model": "Model",
    "decode": "Decoding",
    "export": "Export",
}
#: Packages that training and its reports need, and translation does not. Pynini is needed for the cascade alone.
TRAINING_PACKAGES = ("torch", "scipy", "matplotlib")
#: Help panel of options that few users need. It is the last one.
RARE = "Rarely needed"


class Format(StrEnum):
    """Output format of results."""

    table = "table"
    json = "json"


@dataclass
class Call:
    """Values of the shared options in one call of a command. flags: settings given on the command line, by name."""

    workspace: str | None
    quiet: bool
    format: Format = Format.table
    dry_run: bool = False
    force: bool = False
    flags: dict[str, Any] = field(default_factory=dict)

    @property
    def as_json(self) -> bool:
        return self.format is Format.json

    def find_workspace(self):
        """The workspace of this call. Raises BadInput if there is none."""
        from asl.pipelines.workspace.folder import find_workspace

        return find_workspace(self.workspace)

    def progress(self) -> TerminalProgress:
        return TerminalProgress(self.quiet)


_WORKSPACE = "Workspace folder. Default: $ASL_WORKSPACE, else the current folder or the nearest parent with an asl.toml."
_WORKSPACE_OPTION = {"workspace": (str | None, None, typer.Option("--workspace", "-w", help=_WORKSPACE))}
_SHARED = {
    "quiet": (bool, False, typer.Option("--quiet", "-q", help="Show only results, warnings and errors.")),
    "verbose": (bool, False, typer.Option("--verbose", "-v", help="Show the traceback of an error.")),
}
_FORMAT = {"format": (Format, Format.table, typer.Option("--format", help="Output format."))}
_DRY = {"dry_run": (bool, False, typer.Option("--dry-run", help="Show what would run and why, but do nothing."))}
_STAGE = _DRY | {
    "force": (bool, False, typer.Option("--force", help="Run even if nothing has changed.")),
}


def name_option(help: str, **options: Any) -> Any:
    """The option --name of a command that makes something. A path is refused before anything else is done."""
    return typer.Option("--name", help=help, callback=_checked_name, **options)


def _checked_name(value: str | None) -> str | None:
    from asl.pipelines.workspace.names import check_name

    return check_name(value or None)


#: Option of the commands that write files named by the user.
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that asl did not write, or that were changed since.")]


def refuse_options(options: Mapping[str, object], why: str, hint: str) -> None:
    """Raises BadInput for the first of these options that was given, as it would be ignored. options: value by name."""
    for name, value in options.items():
        if value not in (None, False, ""):
            raise BadInput(f"{name} {why}", hint)


def command(
    *sections: str,
    stage: bool = False,
    study: bool = False,
    format: bool = True,
    workspace: bool = True,
    rare: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
) -> Callable:
    """Turns a function whose first argument is a Call into a command, with the shared options and those of the sections.

    rare: sections of which this command seldom needs any setting. needs: packages that are not always installed.
    """

    def decorate(function: Callable) -> Callable:
        shared = (
            (_WORKSPACE_OPTION if workspace else {})
            | _SHARED
            | (_FORMAT if format else {})
            | (_STAGE if stage else _DRY if study else {})
        )
        section_of = {spec.name: (section, spec) for section in sections for spec in section_fields(SECTIONS[section])}
        settings = {name: _option(section, spec, section in rare) for name, (section, spec) in section_of.items()}

        @functools.wraps(function)
        def run(**values: Any):
            values.pop("verbose")
            warn_of_unknown_variables()
            check_installed(*needs)
            _refuse_empty(values, without_default)
            flags = {name: _flag_value(values.pop(name)) for name in settings}
            shared_values = {name: values.pop(name) for name in shared if name in values}
            return function(Call(**({"workspace": None} | shared_values), flags=flags), **values)

        function_parameters = list(inspect.signature(function).parameters.values())[1:]
        without_default = {"workspace", *(parameter.name for parameter in function_parameters if parameter.default is None)}
        added = [_parameter(name, *spec) for name, spec in (settings | shared).items()]
        parameters = [*(p.replace(kind=p.KEYWORD_ONLY) for p in function_parameters), *added]
        run.__signature__ = inspect.Signature(sorted(parameters, key=_is_rare))
        run.__annotations__ = {p.name: p.annotation for p in run.__signature__.parameters.values()}
        run.__doc__ = function.__doc__
        run.sections = {name: section for name, (section, _) in section_of.items()}
        del run.__wrapped__
        return run

    return decorate


def _option(section: str, spec, rare: bool) -> tuple[Any, Any, Any]:
    name, choices = option_name(spec), spec.metadata["choices"]
    names = [f"{name}/--no-{name[2:]}"] if spec.type is bool else [name]
    listed_choices = f" One of: {', '.join(map(str, choices))}." if len(choices) > 1 else ""
    default = default_of(spec)
    shown_default = "" if default in ("", []) else f" [dim]\\[default: {default_text(default)}][/]"
    panel = RARE if rare or spec.metadata["rare"] else PANELS[section]
    help = spec.metadata["help"] + listed_choices + shown_default
    complete = completion.choices(choices) if choices else None
    option = typer.Option(*names, help=help, rich_help_panel=panel, show_default=False, autocompletion=complete)
    return spec.type | None, None, option


def default_text(value: Any) -> str:
    """The value of a setting in a help text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _parameter(name: str, kind: Any, default: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _refuse_empty(values: Mapping[str, Any], names: Collection[str]) -> None:
    """Raises BadInput for an empty text, as of an unset variable in a script: what is meant is not the default."""
    for name in names:
        if isinstance(values.get(name), str) and not values[name].strip():
            raise BadInput(f"--{name.replace('_', '-')} is empty", "give it a value, or leave the option out")


def _is_rare(parameter: inspect.Parameter) -> bool:
    return parameter.annotation.__metadata__[-1].rich_help_panel == RARE


def _flag_value(value: Any) -> Any:
    """The value of an option; None if it was not given (an empty list for an option that can be repeated)."""
    return None if value is None or value == [] else list(value) if isinstance(value, list | tuple) else value
