"""asl train-stage3"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table, typed

SOME_REFUSED, SHOWN = 3, 12


@command("stage3", "cluster", stage=True)
def train_stage3(
    call: Call,
    model: Annotated[
        str | None, typer.Option("--model", help="A name below models/, or a folder. Default: the newest of asl train-ctc.")
    ] = None,
    graph: Annotated[
        str | None, typer.Option("--graph", help="A name below graphs/, or a folder. Default: the newest of asl build-fst.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the new folders below models/ and graphs/. Default: from the settings."),
    ] = None,
) -> None:
    """Train a recogniser and its cascade on what they confuse: stage 3, discriminative.

    In each epoch the cascade reads the training clips; what it finds as likely as the reference is what the encoder learns to
    tell apart. Killed and started again, it goes on from the last epoch. Clips that the cascade cannot say are listed (exit 3).
    """
    workspace = call.find_workspace()
    from asl.pipelines.stage3.train_stage3 import run_train_stage3

    with call.progress() as progress:
        result = run_train_stage3(
            workspace, call.flags, progress, model=model, graph=graph, name=name, command=typed(), force=call.force,
            dry_run=call.dry_run,
        )  # fmt: skip
    if call.as_json:
        ran = result.decision.run and not call.dry_run
        refused = [vars(one) for one in result.refused]
        folders = {"folder": result.folder, "graph": result.graph, "report": result.report}
        print_json(
            "train-stage3",
            {"ran": ran, "why": result.decision.reason, **folders, "metrics": result.metrics, "refused": refused},
        )
    else:
        _show(call, result, progress)
    if result.refused:
        raise typer.Exit(SOME_REFUSED)


def _show(call: Call, result, progress) -> None:
    if not result.decision.run:
        progress.say(f"train-stage3: {result.decision.reason}, nothing to do (--force runs it)")
    elif call.dry_run:
        return progress.say(f"train-stage3 would run: {result.decision.reason}")
    print_pairs(result.metrics)
    if result.refused:
        more = f" (the first {SHOWN}; all in the page)" if len(result.refused) > SHOWN else ""
        print_table(
            f"\nclips that the cascade cannot say{more}",
            ("clip", ""),
            [tuple(vars(one).values()) for one in result.refused[:SHOWN]],
        )
    if result.decision.run:
        if "better" not in result.metrics:
            progress.warn("there are no validation clips: nobody knows whether this helped")
        elif not result.metrics["better"]:
            progress.warn("the validation clips were read worse than before: stage 3 did not help, and all is as it was")
        progress.say(f"the model is in {result.folder}, its cascade in {result.graph}; look at: {result.report}")
        progress.say("next: asl evaluate --decoder cascade")
