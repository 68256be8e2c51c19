"""Interface through which stages report progress. asl_cli implements it for terminals."""

from typing import Protocol


class Progress(Protocol):
    """Receives the progress and messages of a stage."""

    def start(self, task: str, total: int) -> None:
        """Starts a task of `total` items."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Marks `count` more items as done. note: a short figure shown beside the bar."""

    def say(self, text: str) -> None:
        """Prints a line."""

    def warn(self, text: str) -> None:
        """Prints a warning, even with --quiet."""


class Silent:
    """Discards all progress."""

    def start(self, task: str, total: int) -> None: ...
    def advance(self, count: int = 1, note: str = "") -> None: ...
    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
