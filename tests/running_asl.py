"""The command line as tests run it: in this process, or the real executable in one of its own, and what it printed."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from asl.cli.main import main


def run_asl(*words, cwd=None, env=None, stdin: bytes = b"", check=None) -> subprocess.CompletedProcess:
    """`asl` with these words, in this process: a start of Python and its libraries less for every command that is tested."""
    out, err = _Text(), _Text()
    with _as_if_started(words, cwd, env, stdin), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as left:
            code = left.code or 0
    return _checked(subprocess.CompletedProcess(words, code, out.text, err.text), check)


def run_process(*words, cwd=None, env=None, timeout=900, check=None) -> subprocess.CompletedProcess:
    """The real executable, where the process itself matters: its modules, memory, signals, pipes, or the machine's limits."""
    command = [sys.executable, "-m", "asl", *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, env=_environment(env), timeout=timeout, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return _checked(done, check)


def result(done: subprocess.CompletedProcess) -> dict:
    """What a command with --format json said."""
    return json.loads(done.stdout)


class _Text(io.TextIOWrapper):
    """What a terminal that is none would have been sent."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        return self.buffer.getvalue().decode()


@contextlib.contextmanager
def _as_if_started(words, cwd, env, input: bytes) -> Iterator[None]:
    """Arguments, standard input, folder, environment, handlers and threads of a fresh process; then everything as it was."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    before, folder, arguments, stdin = dict(os.environ), os.getcwd(), sys.argv, sys.stdin
    threads = sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None
    try:
        sys.argv, sys.stdin = ["asl", *map(str, words)], io.TextIOWrapper(io.BytesIO(input))
        os.chdir(cwd or folder)
        started_with = _environment(env)
        os.environ.clear()
        os.environ.update(started_with)
        yield
    finally:
        sys.argv, sys.stdin = arguments, stdin
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if threads:
            sys.modules["torch"].set_num_threads(threads)


def _environment(env) -> dict[str, str]:
    """The environment of the tests without settings of asl and without the width of a terminal, at which tables would wrap."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ASL_") and key not in ("COLUMNS", "LINES")}
    return kept | (env or {})


def _checked(done: subprocess.CompletedProcess, code: int | None) -> subprocess.CompletedProcess:
    assert "Traceback" not in done.stderr, done.stderr
    if code is not None:
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
