"""asl init"""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json


@command(workspace=False)
def init(
    call: Call,
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of the workspace; created if it does not exist. Default: the current folder.", show_default=False
        ),
    ] = None,
) -> None:
    """Create a workspace: a folder with a commented asl.toml.

    $ asl init
    $ asl init my-signs
    """
    from asl.pipelines.workspace.folder import create_workspace

    workspace = create_workspace(folder or Path("."))
    if call.as_json:
        return print_json("init", {"workspace": str(workspace.folder), "file": str(workspace.file)})
    with call.progress() as progress:
        progress.say(f"created {workspace.file}, which lists every setting with its default")
        option = _workspace_option(workspace.folder)
        progress.say(f"next: asl extract{option} --videos DIR   (or --poses, --landmarks, --manifest, --wlasl, --synthetic)")


def _workspace_option(folder: Path) -> str:
    """The option that selects the workspace; empty if it is the current folder."""
    return "" if folder.resolve() == Path.cwd() else f" -w {shlex.quote(str(folder))}"
