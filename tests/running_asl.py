"""The real executable in a process of its own, and what it printed."""

import json
import os
import subprocess
import sys


def run_asl(*words, cwd=None, env=None, timeout=900, check=None) -> subprocess.CompletedProcess:
    """The real executable, in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ASL_")} | (env or {})
    command = [sys.executable, "-m", "asl", *map(str, words)]
    done = subprocess.run(
        command, cwd=cwd, env=environment, timeout=timeout, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def result(done: subprocess.CompletedProcess) -> dict:
    """What a command with --format json said."""
    return json.loads(done.stdout)
