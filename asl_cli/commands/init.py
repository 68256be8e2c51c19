"""asl init"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json


@command()
def init(
    call: Call,
    folder: Annotated[
        Path | None, typer.Argument(help="The folder; made if it is not there. Default: here.", show_default=False)
    ] = None,
) -> None:
    """Start a workspace: a folder with a commented asl.toml."""
    from asl.pipelines.workspace.folder import create

    made = create(folder or Path(call.workspace or "."))
    if call.as_json:
        return print_json("init", {"workspace": str(made.folder), "file": str(made.file)})
    with call.progress() as progress:
        progress.say(f"{made.file} is ready: every setting stands in it, with its default")
        progress.say(
            f"next: asl extract{_there(made.folder)} --videos DIR   (or --poses, --landmarks, --manifest, --wlasl, --synthetic)"
        )


def _there(folder: Path) -> str:
    return "" if folder.resolve() == Path.cwd() else f" -w {folder}"
