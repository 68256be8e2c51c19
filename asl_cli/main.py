"""The `asl` executable: its commands, and the one place where exceptions become exit codes."""

import errno
import os
import signal
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

from asl import __version__
from asl.cli.commands import (
    ablate,
    build_fst,
    demo,
    evaluate,
    export,
    extract,
    init,
    pretrain,
    profiling,
    scale,
    status,
    train_ctc,
    train_stage3,
    translate,
)
from asl.cli.terminal import complain
from asl.pipelines.workspace.errors import AslError

DONE, FAILED, INTERRUPTED = 0, 1, 130

app = typer.Typer(
    name="asl",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 some items failed, "
    "4 an earlier stage is missing, 130 interrupted.",
)


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and leave.", is_eager=True)] = False,
) -> None:
    """American Sign Language: from video to glosses.

    [bold]asl demo[/] shows the whole road on a synthetic signer. For your own clips, a workspace is a folder with an
    asl.toml: [bold]asl init[/], then [bold]asl extract[/], [bold]asl train-ctc[/], [bold]asl evaluate[/],
    [bold]asl translate[/]. [bold]asl status[/] says what is done and what comes next.
    """


app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("status")(status.status)
app.command("extract")(extract.extract)
app.command("pretrain")(pretrain.pretrain)
app.command("train-ctc")(train_ctc.train_ctc)
app.command("evaluate")(evaluate.evaluate)
app.command("build-fst")(build_fst.build_fst)
app.command("train-stage3")(train_stage3.train_stage3)
app.command("ablate")(ablate.ablate)
app.command("scale")(scale.scale)
app.command("export")(export.export)
app.command("profile")(profiling.profile)
app.command("translate")(translate.translate)


def main() -> None:
    """Runs the command line and leaves with its exit code."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    if sys.argv[1:2] == ["--version"]:
        print(f"asl {__version__}")
        sys.exit(DONE)
    try:
        code = _run()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # all is done: nothing is left that should be kept
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:  # at once: libraries' threads that are still at work would hold up, or abort, an orderly end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    sys.exit(code)


def _run() -> int:
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            _say_interrupted()
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except TyperException as error:
        complain(error.format_message().strip(), f"{_command()} --help")
        return error.exit_code
    except AslError as error:
        complain(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        _say_interrupted()
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _unexpected(error)


def _say_interrupted() -> None:
    if os.environ.get("LOCAL_RANK", "0") == "0":  # once, of several processes that train together
        complain("interrupted; what was finished is kept", "the same command goes on from there")


def _unexpected(error: Exception) -> int:
    if _verbose():
        traceback.print_exc()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        complain("the disk is full", "make room; what was finished is kept, the same command goes on from there")
    elif isinstance(error, ModuleNotFoundError):
        complain(f"this needs {error.name}, which is not installed", 'pip install "asl[train]"')
    elif isinstance(error, OSError):
        complain(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), "check the path and its permissions")
    else:
        complain(f"unexpected {type(error).__name__}: {error}", "run it again with -v for the trace, and please report it")
    return FAILED


def _verbose() -> bool:
    return "-v" in sys.argv or "--verbose" in sys.argv


def _command() -> str:
    names = [word for word in sys.argv[1:2] if not word.startswith("-")]
    known = {command.name for command in app.registered_commands}
    return " ".join(["asl", *(name for name in names if name in known)])


def _as_interrupt(*_) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
