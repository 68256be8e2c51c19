"""asl train-ctc"""

from typing import Annotated

import typer

from asl.cli.completion import trained_models
from asl.cli.model_choice import warn_of_other_default
from asl.cli.options import TRAINING_PACKAGES, Call, command, name_option
from asl.cli.terminal import next_steps, print_json, print_pairs


@command("train", "encoder", "features", "phonology", stage=True, needs=TRAINING_PACKAGES)
def train_ctc(
    call: Call,
    pretrained: Annotated[
        str | None,
        typer.Option(
            "--pretrained",
            autocompletion=trained_models,
            help="Initialise the encoder from this model: a name in models/, or a folder.",
        ),
    ] = None,
    name: Annotated[str | None, name_option("Name of the model's folder in models/. Default: derived from the settings.")] = None,
) -> None:
    """Train a recogniser on the workspace's clips with CTC.

        $ asl train-ctc
        $ asl train-ctc --recipe strong --name strong

    An interrupted run resumes from the last epoch; on the CPU, the result is bit-identical.
    """
    workspace = call.find_workspace()
    from asl.pipelines.training.train_ctc import run_train_ctc
    from asl.pipelines.workspace.status import evaluate_command

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
        progress.say(f"train-ctc: {result.decision.reason}, nothing to do (use --force to run it again)")
    elif call.dry_run:
        return progress.say(f"train-ctc would run: {result.decision.reason}")
    print_pairs({key: value for key, value in result.metrics.items() if value is not None})
    if result.decision.run:
        progress.say(f"model: {result.folder}; report: {result.report}")
        warn_of_other_default(workspace, result.metrics.get("model", ""), progress)
        progress.say(next_steps(evaluate_command(workspace), "asl translate VIDEO"))
