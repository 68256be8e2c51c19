"""A setting as a dataclass field: a one-line description and the values that it may take."""

import difflib
from dataclasses import MISSING, Field, field, fields
from typing import Any


def setting(
    default: Any,
    help: str,
    *,
    choices: tuple = (),
    low: float | None = None,
    high: float | None = None,
    flag: str = "",
    single: bool = False,
    rare: bool = False,
):
    """A dataclass field of a setting.

    help: its meaning, unit and effect in one line. choices, low, high: the values that it may take. flag: the name of its
    command-line option, if it is not the field's name. single: a list that may also be given as one string. rare: few users
    change it, so `--help` shows it last.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "flag": flag, "single": single, "rare": rare}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def redefault(group: type, name: str, default: Any):
    """A field of a shared group of settings, with a section's own default."""
    (spec,) = (spec for spec in fields(group) if spec.name == name)
    return field(default=default, metadata=spec.metadata)


def section_fields(section: type) -> list[Field]:
    """A section's settings in display order: its own, then those of the group that it shares with other sections."""
    shared = {spec.name for base in section.__mro__[1:-1] for spec in fields(base)}
    return sorted(fields(section), key=lambda spec: spec.name in shared)


def option_name(spec) -> str:
    """The command-line option of a setting."""
    return spec.metadata["flag"] or "--" + spec.name.replace("_", "-")


def default_of(spec) -> Any:
    """The default value of a setting."""
    return spec.default if spec.default is not MISSING else spec.default_factory()


def nearest_hint(word: str, valid) -> str:
    """A hint for a wrong name: the most similar valid name, or all of them."""
    similar = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return f"did you mean '{similar[0]}'?" if similar else f"choose from: {', '.join(sorted(valid))}"
