"""Shared by the commands that run studies: printing the result."""

from collections.abc import Callable, Mapping
from typing import Any

from asl.cli.options import PANELS, Call
from asl.cli.terminal import TerminalProgress, print_json
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import SomeFailed

#: Help panel of the options that only studies have.
PANEL = PANELS["study"]


def planned(study) -> str:
    """The runs that a study would make, and about how long they would take."""
    from asl.pipelines.studies.study import duration_note

    runs = study.results["to_run"]
    if not runs:
        return f"complete runs: {study.kept}; none is missing, only the report would be written"
    lines = [
        f"{counted(study.kept, 'run is', 'runs are')} complete; {len(runs)} would run:",
        *runs,
    ]
    return "\n".join([*lines, duration_note(study.results["estimated_seconds"])])


def finish(name: str, call: Call, progress: TerminalProgress, study, show: Callable[[Mapping[str, Any]], None]) -> None:
    """Prints the results of a study or, with --dry-run, the runs it would make. Raises SomeFailed if any run failed."""
    if call.as_json:
        print_json(name, {"ran": study.ran, "kept": study.kept, "report": study.report, "results": study.results})
    elif call.dry_run:
        progress.say(planned(study))
    else:
        show(study.results)
        runs = "" if "imported" in study.results else f"{counted(study.ran, 'new run')}, {study.kept} reused; "
        progress.say(f"{runs}report: {study.report}")
    if study.failed:
        raise SomeFailed(
            f"{counted(len(study.failed), 'run')} failed; the others are kept",
            "fix the cause and run the same command to retry them",
        )
