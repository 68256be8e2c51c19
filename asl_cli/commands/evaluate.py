"""asl evaluate"""

from enum import StrEnum
from typing import Annotated

import typer

from asl.cli.completion import graphs, models
from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table

MAX_LISTED_CONFUSIONS = 10


class SplitName(StrEnum):
    """The split to evaluate on."""

    train = "train"
    validation = "validation"
    test = "test"


@command("decode", stage=True, needs=("scipy", "matplotlib", "jiwer"))
def evaluate(
    call: Call,
    split: Annotated[SplitName, typer.Option("--split", help="Split to evaluate on.")] = SplitName.test,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            autocompletion=models,
            help="Model: a name in models/ or bundles/, a folder, or shipped. Default: the one that asl models marks.",
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            autocompletion=graphs,
            help="With --decoder cascade: the graph, a name in graphs/ or a folder. Default: the newest.",
        ),
    ] = None,
    aliases: Annotated[
        str | None,
        typer.Option("--aliases", help="CSV file with the columns alias,gloss. Default: those of extract."),
    ] = None,
) -> None:
    """Evaluate a model: accuracy on single signs, word error rate on sentences, with confidence intervals.

    $ asl evaluate
    $ asl evaluate --split validation --decoder greedy
    """
    workspace = call.find_workspace()
    from asl.pipelines.studies.evaluate import run_evaluate
    from asl.pipelines.studies.evaluation_report import headline

    with call.progress() as progress:
        result = run_evaluate(
            workspace, call.flags, progress, split=split.value, model=model, graph=graph, aliases=aliases, force=call.force,
            dry_run=call.dry_run,
        )  # fmt: skip
    if call.as_json:
        ran = result.decision.run and not call.dry_run
        return print_json(
            "evaluate", {"ran": ran, "why": result.decision.reason, "results": result.results, "report": result.report}
        )
    if result.decision.run and call.dry_run:
        return progress.say(f"evaluate would run: {result.decision.reason}")
    if not result.decision.run:
        progress.say(f"evaluate: {result.decision.reason}, nothing to do (use --force to run it again)")
    if result.results.get("only_synthetic_training"):
        progress.warn("this model was trained on synthetic signing only")
    print_pairs(headline(result.results))
    if result.results.get("confusions"):
        rows = [(row["truth"], row["read_as"], row["clips"]) for row in result.results["confusions"][:MAX_LISTED_CONFUSIONS]]
        print_table("\nmost frequent confusions", ("signed", "read as", "clips"), rows)
    progress.say(f"report: {result.report}")
