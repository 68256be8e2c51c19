"""Fields that the JSON of several commands shares."""

from typing import Annotated, Any, TypedDict

Figures = dict[str, Any]


class CommandOutput(TypedDict):
    """Fields that the JSON of every command has."""

    version: Annotated[int, "Version of the schema."]
    asl: Annotated[str, "Version of asl."]
    command: Annotated[str, "Name of the command."]


class StageOutput(CommandOutput):
    """Additional fields of every stage."""

    ran: Annotated[bool, "Whether the stage ran; false if nothing had changed, or with `--dry-run`."]
    why: Annotated[str, "Why it ran, or why it did not have to."]


class IntervalJson(TypedDict):
    """An estimate with its 95 % interval."""

    value: Annotated[float, "The estimate."]
    low: Annotated[float, "Lower bound."]
    high: Annotated[float, "Upper bound."]
