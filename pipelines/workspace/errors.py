"""Errors, each with a message, a hint and an exit code. Only asl_cli exits."""


class AslError(Exception):
    """A failure with a one-line message and a hint of what to type."""

    exit_code = 1

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # shown with the traceback in programs that use the Python API


class BadInput(AslError):
    """A wrong option, path, file or setting, which the user can correct."""

    exit_code = 2


class SomeFailed(AslError):
    """Some items of a batch failed; the results of the others are kept."""

    exit_code = 3


class StageMissing(AslError):
    """A stage that this one needs has not run yet."""

    exit_code = 4


class Interrupted(AslError):
    """The user has stopped a command of which not everything that was completed is kept."""

    exit_code = 130


class BadClip(Exception):
    """A clip that cannot be used.

    reason: a short stable identifier for tables and counts. message: one line for the user.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)  # both, so that it can be unpickled in the parent process
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message
