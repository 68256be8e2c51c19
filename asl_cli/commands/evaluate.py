"""asl evaluate"""

from enum import StrEnum
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table

WORST_SHOWN = 10


class SplitName(StrEnum):
    """Which clips to measure on."""

    train = "train"
    validation = "validation"
    test = "test"


@command("decode", stage=True)
def evaluate(
    call: Call,
    split: Annotated[SplitName, typer.Option("--split", help="Which split to measure on.")] = SplitName.test,
    model: Annotated[str | None, typer.Option("--model", help="A name below models/, or a folder. Default: the newest.")] = None,
    graph: Annotated[
        str | None,
        typer.Option("--graph", help="With --decoder cascade: a name below graphs/, or a folder. Default: the newest."),
    ] = None,
) -> None:
    """Measure a model: top-1/5/10 of single signs, word error rate of sentences, with intervals."""
    workspace = call.find_workspace()
    from asl.pipelines.studies.evaluate import run_evaluate
    from asl.pipelines.studies.evaluation_report import headline

    with call.progress() as progress:
        found = run_evaluate(
            workspace, call.flags, progress, split=split.value, model=model, graph=graph, force=call.force, dry_run=call.dry_run
        )
    if call.as_json:
        ran = found.decision.run and not call.dry_run
        return print_json(
            "evaluate", {"ran": ran, "why": found.decision.reason, "results": found.results, "report": found.report}
        )
    if found.decision.run and call.dry_run:
        return progress.say(f"evaluate would run: {found.decision.reason}")
    if not found.decision.run:
        progress.say(f"evaluate: {found.decision.reason}, nothing to do (--force runs it)")
    print_pairs(headline(found.results))
    if found.results.get("confusions"):
        rows = [(row["truth"], row["read_as"], row["clips"]) for row in found.results["confusions"][:WORST_SHOWN]]
        print_table("\nmost frequent confusions", ("signed", "read as", "clips"), rows)
    progress.say(f"look at: {found.report}")
