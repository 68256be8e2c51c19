"""asl train-stage3"""

from typing import Annotated

import typer

from asl.cli.completion import graphs, trained_models
from asl.cli.model_choice import warn_of_other_default
from asl.cli.options import TRAINING_PACKAGES, Call, command, name_option
from asl.cli.terminal import command_line, next_steps, print_json, print_pairs, print_table

SOME_REFUSED = 3
MAX_LISTED_CLIPS = 12


@command("stage3", "cluster", stage=True, needs=(*TRAINING_PACKAGES, "pynini"))
def train_stage3(
    call: Call,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            autocompletion=trained_models,
            help="Model: a name in models/, or a folder. Default: the newest from asl train-ctc.",
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            autocompletion=graphs,
            help="Graph: a name in graphs/, or a folder. Default: the newest from asl build-fst.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        name_option("Name of the new folders in models/ and graphs/. Default: derived from the settings."),
    ] = None,
) -> None:
    """Train a recogniser and its cascade discriminatively (stage 3).

        $ asl train-stage3
        $ asl train-stage3 --criterion risk --epochs 5

    In each epoch, the cascade decodes the training clips, and the encoder learns to distinguish the reference from the
    competitors that the cascade finds. An interrupted run resumes from the last epoch. Clips whose glosses the cascade cannot
    produce are listed (exit code 3).
    """
    workspace = call.find_workspace()
    from asl.pipelines.stage3.train_stage3 import run_train_stage3

    with call.progress() as progress:
        result = run_train_stage3(
            workspace, call.flags, progress, model=model, graph=graph, name=name, command=command_line(), force=call.force,
            dry_run=call.dry_run,
        )  # fmt: skip
    if call.as_json:
        ran = result.decision.run and not call.dry_run
        refused = [vars(clip) for clip in result.refused]
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
    from asl.pipelines.workspace.status import evaluate_command

    if not result.decision.run:
        progress.say(f"train-stage3: {result.decision.reason}, nothing to do (use --force to run it again)")
    elif call.dry_run:
        return progress.say(f"train-stage3 would run: {result.decision.reason}")
    print_pairs(result.metrics)
    if result.refused:
        more = f" (first {MAX_LISTED_CLIPS}; all are in the report)" if len(result.refused) > MAX_LISTED_CLIPS else ""
        print_table(
            f"\nclips whose glosses the cascade cannot produce{more}",
            ("clip", "reason"),
            [tuple(vars(clip).values()) for clip in result.refused[:MAX_LISTED_CLIPS]],
        )
    if result.decision.run:
        if "less" not in result.metrics:
            progress.warn("there are no validation clips to measure on, so it is unknown whether stage 3 helped")
        if not result.metrics.get("better", True):
            progress.warn("stage 3 increased the error rate on the tuning clips; the model is unchanged")
        progress.say(f"model: {result.folder}")
        progress.say(f"graph: {result.graph}")
        progress.say(f"report: {result.report}")
        warn_of_other_default(call.find_workspace(), result.metrics.get("model", ""), progress)
        evaluate = evaluate_command(call.find_workspace(), " --decoder cascade")
        progress.say(next_steps(evaluate, "asl translate --decoder cascade VIDEO"))
