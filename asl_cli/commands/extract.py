"""asl extract"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table

SOME_FAILED = 3
FAILURES_SHOWN = 12


@command("sources", "synthetic", "landmarks", "split", "cluster", stage=True)
def extract(
    call: Call,
    add: Annotated[bool, typer.Option("--add", help="Keep the clips that the workspace has beside the new ones.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first clip that cannot be used.")] = False,
) -> None:
    """Extract landmarks from videos, .pose files, arrays or synthetic signers, and split the clips.

    Sources can be combined. Killed and started again, it continues. Without a source it repeats the last run's.
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
        progress.say(f"extract: {result.decision.reason}, nothing to do (--force runs it)")
    if call.dry_run and result.decision.run:
        progress.say(f"extract would run: {result.decision.reason}")
    print_pairs(result.metrics)
    if result.failures:
        rows = [(failure.name, failure.reason, failure.message) for failure in result.failures[:FAILURES_SHOWN]]
        more = f" (the first {FAILURES_SHOWN}; all in failures.jsonl)" if len(result.failures) > FAILURES_SHOWN else ""
        print_table(f"\nclips that could not be used{more}", ("clip", "reason", ""), rows)
    if result.missing:
        progress.say(f"{len(result.missing)} clips are named but their files are missing: missing.txt")
    if result.report:
        progress.say(f"look at: {result.report}")
    if result.decision.run and not call.dry_run:
        progress.say("next: asl train-ctc")
