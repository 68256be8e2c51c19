"""What the commands of studies share: how their end is shown."""

from collections.abc import Callable, Mapping
from typing import Any

from asl.cli.options import PANELS, Call
from asl.cli.terminal import TerminalProgress, print_json
from asl.pipelines.workspace.errors import SomeFailed

#: The help panel of a study's own options.
PANEL = PANELS["study"]


def finish(name: str, call: Call, progress: TerminalProgress, study, show: Callable[[Mapping[str, Any]], None]) -> None:
    """Prints a study or, if dry, what would run. Raises SomeFailed if runs of it failed."""
    if call.as_json:
        print_json(name, {"ran": study.ran, "kept": study.kept, "report": study.report, "results": study.results})
    elif call.dry_run:
        progress.say("\n".join([f"{study.kept} runs are there; these would run:", *study.results["to_run"]]))
    else:
        show(study.results)
        progress.say(f"{study.ran} runs made, {study.kept} were there; the page is {study.report}")
    if study.failed:
        raise SomeFailed(
            f"{len(study.failed)} runs failed; the others are kept", "mend the cause; the same command runs those anew"
        )
