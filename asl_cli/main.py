"""The `asl` executable: its commands, and the mapping of exceptions to exit codes."""

import contextlib
import errno
import os
import signal
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

from asl import __version__
from asl.cli.command_list import CONTEXT, MARKUP, SUMMARIES, LazyCommands, help_text
from asl.cli.terminal import print_error
from asl.pipelines.workspace.errors import AslError

DONE, FAILED, INTERRUPTED = 0, 1, 130

app = typer.Typer(
    name="asl",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 some items failed, "
    "4 an earlier stage is missing, 130 interrupted.",
)


def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    """American Sign Language: from video to glosses.

        $ asl demo
        $ asl translate clip.mp4

    [bold]asl translate[/] reads videos with the model that comes with asl. [bold]asl demo[/] runs the whole pipeline on a
    synthetic signer. To train on your own clips, create a workspace with [bold]asl init[/], then run [bold]asl extract[/],
    [bold]asl train-ctc[/] and [bold]asl evaluate[/]. [bold]asl status[/] shows what is done and what to run next.
    """


app.callback(cls=LazyCommands, help=help_text(root))(root)


def main() -> None:
    """Runs the command line and exits with its exit code."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    if sys.argv[1:2] == ["--version"]:
        print(f"asl {__version__}")
        sys.exit(DONE)
    try:
        code = _complete() if os.environ.get("_ASL_COMPLETE", "").startswith("complete_") else _run()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # everything is written: there is nothing left to save
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:  # at once: running threads of libraries would delay or abort a normal exit
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    sys.exit(code)


def _run() -> int:
    try:
        code = app(prog_name="asl", standalone_mode=False)
        if code == INTERRUPTED:
            _report_interruption()
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except TyperException as error:
        if error.format_message().strip():  # without arguments, typer shows the help and raises an empty error
            from asl.cli.usage_errors import explanation

            print_error(*explanation(error, _command()))
        return error.exit_code
    except AslError as error:
        print_error(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        _report_interruption()
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _report_exception(error)


def _complete() -> int:
    """Offers words to the shell. A terminal in the middle of a command line is no place for messages, so there are none."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        try:
            return app(prog_name="asl", standalone_mode=False) or DONE  # ends with SystemExit
        except Exception:
            return FAILED


def _report_interruption() -> None:
    if os.environ.get("LOCAL_RANK", "0") == "0":  # in distributed training, only rank 0 reports
        print_error("interrupted; completed work is kept", "run the same command again to continue")


def _report_exception(error: Exception) -> int:
    if _verbose():
        traceback.print_exc()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        print_error("the disk is full", "free some space and run the same command again to continue; completed work is kept")
    elif isinstance(error, ModuleNotFoundError):
        from asl.cli.environment import missing_package

        missing = missing_package(str(error.name))
        print_error(missing.message, missing.hint)
    elif isinstance(error, OSError):
        print_error(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), "check the path and its permissions")
    else:
        print_error(f"unexpected {type(error).__name__}: {error}", "run it again with -v for the traceback, and please report it")
    return FAILED


def _verbose() -> bool:
    return "-v" in sys.argv or "--verbose" in sys.argv


def _command() -> str:
    names = [word for word in sys.argv[1:2] if not word.startswith("-")]
    return " ".join(["asl", *(name for name in names if name in SUMMARIES)])


def _raise_interrupt(*_) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
