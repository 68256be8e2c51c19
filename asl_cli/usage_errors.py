"""What typer, and pydantic behind it, say of a wrong command line, in plain words: what is wrong, and what to type."""

import re
from difflib import get_close_matches
from typing import Any

from typer.exceptions import TyperException

#: Messages of typer as patterns, and what is said instead.
MESSAGES = (
    (r"Option '(.+)' requires an argument\.", r"\1 needs a value"),
    (r"Option '(.+)' does not take a value\.", r"\1 takes no value"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", r"there is no place for: \1"),
    (r"No such command '(.+?)'\..*", r"asl has no command '\1'"),
    (r"No such option: (\S+).*", r"there is no option \1"),
)
#: Names of the types of values, by the error of pydantic.
TYPES = {"int_parsing": "a whole number", "int_from_float": "a whole number", "float_parsing": "a number"}
#: How similar a word must be to be suggested, 0-1.
SIMILAR = 0.7
BOUNDS = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}


def explanation(error: TyperException, command: str) -> tuple[str, str]:
    """The message and the hint for an error of typer. command: what was called, such as `asl translate`."""
    see_help = f"{command} --help"
    if option := getattr(error, "param", None):
        return _wrong_value(error, option, see_help) or (error.format_message(), see_help)
    return _plain(error.format_message()), _similar(error) or see_help


def _plain(message: str) -> str:
    for pattern, words in MESSAGES:
        if re.fullmatch(pattern, message, re.DOTALL):
            return re.sub(pattern, words, message, flags=re.DOTALL)
    return message


def _similar(error: TyperException) -> str:
    """The most similar option or command; empty if there is none, or if something else is wrong."""
    if match := re.match(r"No such (command|option):? '?([\w-]+)", error.format_message()):
        similar = get_close_matches(match[2], _names(error.ctx, match[1]), n=1, cutoff=SIMILAR)
        return f"did you mean {similar[0]}?" if similar else ""
    return ""


def _names(context: Any, kind: str) -> list[str]:
    command = context.command
    return list(command.commands) if kind == "command" else [name for option in command.params for name in option.opts]


def _wrong_value(error: TyperException, option: Any, see_help: str) -> tuple[str, str] | None:
    """What is wrong with the value of an option or argument; None if pydantic was not asked."""
    if not hasattr(error.__cause__, "errors"):
        return None
    problem = error.__cause__.errors()[0]
    name, value, kind = max(option.opts, key=len), problem["input"], problem["type"]
    if choices := option.type_descriptor.choices:
        words = [str(getattr(choice, "value", choice)) for choice in choices]
        similar = get_close_matches(str(value), words, n=1, cutoff=SIMILAR)
        return f"{name} cannot be '{value}'", f"did you mean '{similar[0]}'?" if similar else f"choose from: {', '.join(words)}"
    if kind in BOUNDS:
        words, key = BOUNDS[kind]
        return f"{name} is {value}", f"it must be {words} {problem['ctx'][key]}"
    if kind in TYPES:
        return f"{name} is '{value}', not {TYPES[kind]}", see_help
    return None
