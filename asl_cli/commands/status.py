"""asl status"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_table


@command()
def status(
    call: Call,
    settings: Annotated[
        bool, typer.Option("--settings", help="Show every setting with its value and where it comes from.")
    ] = False,
) -> None:
    """Show every stage: done, stale (and why) or missing; and what to run next."""
    workspace = call.find_workspace()
    if settings:
        return _show_settings(call, workspace)
    from asl.pipelines.workspace.status import next_command, stages

    found = stages(workspace)
    if call.as_json:
        rows = [vars(stage) for stage in found]
        return print_json("status", {"workspace": str(workspace.folder), "stages": rows, "next": next_command(found)})
    print_table("", ("stage", "state", "finished", ""), [(one.name, one.state, one.finished, one.detail) for one in found])
    with call.progress() as progress:
        progress.say(f"next: {next_command(found)}")


def _show_settings(call: Call, workspace) -> None:
    from asl.pipelines.workspace.settings.sections import SECTIONS

    rows = [
        (section, key, got.value, got.origin) for section in SECTIONS for key, got in workspace.setting_origins(section).items()
    ]
    if call.as_json:
        keys = ("section", "key", "value", "origin")
        return print_json("status", {"settings": [dict(zip(keys, row, strict=True)) for row in rows]})
    print_table("", ("section", "setting", "value", "from"), rows)
