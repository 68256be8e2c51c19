"""asl demo"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_table

SOME_FAILED = 3


@command()
def demo(
    call: Call,
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; made if it is not there. Default: a temporary folder.", show_default=False)
    ] = None,
) -> None:
    """Show the whole road on a synthetic signer: train, render, look, read. Takes a few minutes, needs no recordings.

    What it shows is synthetic and says nothing about accuracy on ASL. Killed and started again on the same folder, it goes on.
    """
    from asl.pipelines.demo import run_demo

    target = folder or Path(call.workspace or _temporary())
    with call.progress() as progress:
        result = run_demo(target, progress)
    if call.as_json:
        shown = [
            {"name": one.name, "signed": one.signed, "read": one.read, "video": str(one.video), "captioned": str(one.captioned)}
            for one in result.shown
        ]
        values = {"folder": str(result.folder), "report": str(result.report), "seconds": round(result.seconds, 1)}
        print_json("demo", values | {"synthetic": True, "shown": shown, "failed": result.failed})
    else:
        rows = [
            (" ".join(one.signed), " ".join(one.read) or "–", "yes" if one.signed == one.read else "no") for one in result.shown
        ]
        print_table("a synthetic signer that the recogniser has never seen", ("signed", "read", "same"), rows)
        for one in result.shown:
            progress.say(f"captioned video: {one.captioned}")
        progress.say(f"look at: {result.report}")
        progress.say("everything here is synthetic; for real signing: asl init, then asl extract --videos DIR")
    if result.failed:
        raise typer.Exit(SOME_FAILED)


def _temporary() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="asl-demo-")
