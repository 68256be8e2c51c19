"""What can go wrong, as types that carry what the person needs to know. Exit codes are given in one place, by asl_cli."""


class AslError(Exception):
    """A failure that is said in one line, with a hint of what to type."""

    exit_code = 1

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # what a program of one's own shows with the trace


class BadInput(AslError):
    """A wrong option, path, file or setting: the person can correct it."""

    exit_code = 2


class SomeFailed(AslError):
    """A batch went through, but some of its items failed; the rest is done and kept."""

    exit_code = 3


class StageMissing(AslError):
    """An earlier stage has not run yet."""

    exit_code = 4


class BadClip(Exception):
    """One clip that cannot be used.

    reason: a short stable word for tables and counts; message: one line for a person.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)  # both, or it could not come back from a worker process
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message
