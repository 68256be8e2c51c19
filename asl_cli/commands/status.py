"""asl status"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_table


@command()
def status(
    call: Call,
    settings: Annotated[
        bool, typer.Option("--settings", help="Show every setting with its value and its origin instead.")
    ] = False,
) -> None:
    """Show the state of every stage (done, stale and why, or missing) and what to run next.

    $ asl status
    $ asl status --settings --workspace my-signs
    """
    workspace = call.find_workspace()
    if settings:
        return _show_settings(call, workspace)
    from asl.pipelines.workspace.status import next_command, stages

    states = stages(workspace)
    if call.as_json:
        rows = [vars(state) for state in states]
        return print_json("status", {"workspace": str(workspace.folder), "stages": rows, "next": next_command(workspace, states)})
    rows = [(state.name, state.state, state.finished, state.detail) for state in states]
    print_table("", ("stage", "state", "finished", "details"), rows)
    with call.progress() as progress:
        progress.say(f"next: {next_command(workspace, states)}")


def _show_settings(call: Call, workspace) -> None:
    from asl.pipelines.workspace.settings.sections import SECTIONS

    rows = [
        (section, key, setting.value, setting.origin)
        for section in SECTIONS
        for key, setting in workspace.setting_origins(section).items()
    ]
    if call.as_json:
        keys = ("section", "key", "value", "origin")
        return print_json("status", {"settings": [dict(zip(keys, row, strict=True)) for row in rows]})
    print_table("", ("section", "setting", "value", "origin"), rows)
