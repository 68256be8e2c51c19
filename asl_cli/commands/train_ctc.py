"""asl train-ctc"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs


@command("train", "encoder", "features", "phonology", stage=True)
def train_ctc(
    call: Call,
    pretrained: Annotated[
        str | None, typer.Option("--pretrained", help="Start from the encoder of this model: a name below models/, or a folder.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model's folder below models/. Default: from the settings.")
    ] = None,
) -> None:
    """Train a recogniser on the workspace's clips with CTC.

    Killed and started again, it goes on from the last epoch; on the CPU the result is the same, bit by bit.
    """
    workspace = call.find_workspace()
    from asl.pipelines.training.train_ctc import run_train_ctc

    with call.progress() as progress:
        result = run_train_ctc(
            workspace, call.flags, progress, pretrained=pretrained, name=name, force=call.force, dry_run=call.dry_run
        )
        for warning in result.warnings:
            progress.warn(warning)
    if not result.leads:
        return None
    if call.as_json:
        ran = result.decision.run and not call.dry_run
        return print_json(
            "train-ctc", {"ran": ran, "why": result.decision.reason, "folder": result.folder, "metrics": result.metrics}
        )
    if not result.decision.run:
        progress.say(f"train-ctc: {result.decision.reason}, nothing to do (--force runs it)")
    elif call.dry_run:
        return progress.say(f"train-ctc would run: {result.decision.reason}")
    print_pairs({key: value for key, value in result.metrics.items() if value is not None})
    if result.decision.run:
        progress.say(f"the model is in {result.folder}")
        progress.say("next: asl evaluate, or asl translate VIDEO")
