"""One setting as a dataclass field: its meaning, unit and effect in one line, and the values that it may take."""

import difflib
from dataclasses import MISSING, Field, field, fields
from typing import Any


def setting(default: Any, help: str, *, choices: tuple = (), low: float | None = None, high: float | None = None, flag: str = ""):
    """A field with its meaning, unit and effect in one line, and the values it may take."""
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "flag": flag}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def redefault(group: type, name: str, default: Any):
    """The field of a shared group of settings, with the default of one section."""
    (spec,) = (spec for spec in fields(group) if spec.name == name)
    return field(default=default, metadata=spec.metadata)


def section_fields(section: type) -> list[Field]:
    """A section's settings in reading order: its own, then those of the group that it shares with other sections."""
    shared = {spec.name for base in section.__mro__[1:-1] for spec in fields(base)}
    return sorted(fields(section), key=lambda spec: spec.name in shared)


def option_name(spec) -> str:
    return spec.metadata["flag"] or "--" + spec.name.replace("_", "-")


def default_of(spec) -> Any:
    return spec.default if spec.default is not MISSING else spec.default_factory()


def nearest_hint(word: str, known) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"
