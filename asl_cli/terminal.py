"""Output to the terminal: data on stdout; progress, messages and errors on stderr."""

import json
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from asl.pipelines.workspace.metric_labels import metric_label
from asl.version import __version__

SCHEMA_VERSION = 1
SECONDS_BETWEEN_LINES = 5.0


def print_warning(message: str) -> None:
    """Prints a warning, one line, on stderr."""
    _messages().print(f"warning: {message}", markup=False)


def print_error(message: str, hint: str = "") -> None:
    """Prints an error and a hint, one line each, on stderr."""
    console = _messages()
    console.print("[bold red]error:[/] ", end="")
    console.print(" ".join(message.split()), markup=False)
    if hint:
        console.print("[cyan]hint:[/] ", end="")
        console.print(" ".join(hint.split()), markup=False)


def print_json(command: str, result: Mapping[str, Any]) -> None:
    """Prints the result of a command as JSON on stdout."""
    print(json.dumps({"version": SCHEMA_VERSION, "asl": __version__, "command": command, **result}, indent=1, ensure_ascii=False))


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """Prints metrics as a two-column table on stdout, with readable labels."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in pairs.items():
        table.add_row(metric_label(key), format_value(value))
    _stdout().print(table)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, stderr: bool = False) -> None:
    """Prints a table with numbers right-aligned: data on stdout, messages on stderr."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(format_value(value) for value in row))
    console = _console(sys.stderr) if stderr else _stdout()
    if title:
        console.print(title)
    console.print(table)


def next_steps(*commands: str) -> str:
    """The line that says how to go on. Empty commands are left out."""
    return f"next: {', or '.join(filter(None, commands))}"


def format_value(value: Any) -> str:
    """A value as text for tables."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(format_value, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _messages() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def command_line() -> str:
    """The command line of this process, for reports."""
    return shlex.join(["asl", *sys.argv[1:]])


def _stdout() -> Console:
    return _console(sys.stdout)


def _console(file) -> Console:
    # Without a terminal, rich wraps tables at 80 columns; piped data must not be wrapped.
    width = None if file.isatty() or "COLUMNS" in os.environ else 200
    return Console(file=file, highlight=False, width=width, markup=False)


def _duplicate_stderr():
    """A copy of stderr, because file descriptor 2 is redirected to /dev/null while MediaPipe runs."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    except (OSError, ValueError, AttributeError):
        return sys.stderr


def _bars(console: Console):
    """Progress bars on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # not for a help text

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]
    # On a terminal, results on stdout are printed above the bar; to a file or a pipe they are not redirected.
    return Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())


class TerminalProgress:
    """Progress as a bar on a terminal, else as a line every few seconds; with --quiet, warnings only."""

    def __init__(self, quiet: bool = False):
        self._console = Console(file=_duplicate_stderr(), highlight=False, markup=False, soft_wrap=True)
        self.quiet, self._bars, self._task = quiet, None, None
        self._name, self._total, self._done, self._next_line = "", 0, 0, 0.0

    def __enter__(self) -> "TerminalProgress":
        return self

    def __exit__(self, *_) -> None:
        self._stop()

    def start(self, task: str, total: int) -> None:
        self._stop()
        self._name, self._total, self._done = task, total, 0
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        if self._console.is_terminal and not self.quiet and total:
            self._bars = _bars(self._console)
            self._bars.start()
            self._task = self._bars.add_task(task, total=total, note="")

    def advance(self, count: int = 1, note: str = "") -> None:
        self._done += count
        if self._bars:
            self._bars.update(self._task, advance=count, note=note)
        elif not self.quiet and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            self._console.print(f"{self._name}: {self._done}/{self._total}  {note}".rstrip())

    def say(self, text: str) -> None:
        if not self.quiet:
            self._console.print(text)

    def warn(self, text: str) -> None:
        self._console.print(f"warning: {text}")

    def _stop(self) -> None:
        if self._bars:
            self._bars.stop()
            self._bars = None
