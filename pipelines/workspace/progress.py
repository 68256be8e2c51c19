"""How a stage says how far it is. Stages get one of these as an argument; only asl_cli knows terminals."""

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of a long stage."""

    def start(self, task: str, total: int) -> None:
        """A new task of `total` items begins."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """`count` more items are done; `note` is a short figure to show beside."""

    def say(self, text: str) -> None:
        """A line for the person."""

    def warn(self, text: str) -> None:
        """A line that the person should not miss."""


class Silent:
    """Progress that nobody watches."""

    def start(self, task: str, total: int) -> None: ...
    def advance(self, count: int = 1, note: str = "") -> None: ...
    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
