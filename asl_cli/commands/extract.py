"""asl extract"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table
from asl.pipelines.workspace.counts import counted

SOME_FAILED = 3
MAX_LISTED_FAILURES = 12


@command("sources", "synthetic", "landmarks", "split", "cluster", stage=True, needs=("scipy",))
def extract(
    call: Call,
    add: Annotated[
        bool, typer.Option("--add", help="Add to the clips of the workspace instead of replacing them; all are split anew.")
    ] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first clip that cannot be used.")] = False,
) -> None:
    """Extract landmarks from videos, .pose files, arrays or synthetic signers, and split the clips.

        $ asl extract --videos clips
        $ asl extract --synthetic --signs 20 --sentences 40

    Sources can be combined. Without a source, those of the last run are used again. An interrupted run resumes where it stopped.
    """
    from asl.pipelines.corpus.input_files import check_sources

    workspace = call.find_workspace()
    check_sources(call.flags)
    from asl.pipelines.corpus.extract import run_extract

    with call.progress() as progress:
        result = run_extract(
            workspace, call.flags, progress, add=add, force=call.force, dry_run=call.dry_run, fail_fast=fail_fast
        )
        for note in result.notes:
            progress.warn(note)
    if call.as_json:
        failures = [vars(failure) for failure in result.failures]
        ran = result.decision.run and not call.dry_run
        lists = {"failures": failures, "missing": result.missing, "report": result.report}
        print_json("extract", {"ran": ran, "why": result.decision.reason, "metrics": result.metrics, **lists})
    else:
        _show(call, result, progress)
    if result.failures and not call.dry_run:
        raise typer.Exit(SOME_FAILED)


def _show(call: Call, result, progress) -> None:
    if not result.decision.run:
        progress.say(f"extract: {result.decision.reason}, nothing to do (use --force to run it again)")
    if call.dry_run and result.decision.run:
        progress.say(f"extract would run: {result.decision.reason}")
    print_pairs(result.metrics)
    if result.failures:
        rows = [(failure.name, failure.reason, failure.message) for failure in result.failures[:MAX_LISTED_FAILURES]]
        more = f" (first {MAX_LISTED_FAILURES}; all are in failures.jsonl)" if len(result.failures) > MAX_LISTED_FAILURES else ""
        print_table(f"\nclips that could not be used{more}", ("clip", "reason", "detail"), rows)
    if result.missing:
        progress.say(f"{counted(len(result.missing), 'clip has', 'clips have')} no file, see missing.txt")
    if result.report:
        progress.say(f"report: {result.report}")
    if result.decision.run and not call.dry_run:
        progress.say("next: asl train-ctc")
