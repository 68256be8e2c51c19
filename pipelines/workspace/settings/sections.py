"""Every setting of the workspace: one frozen dataclass per section of asl.toml, one line of help per field.

The fields are the single source of the comments in asl.toml, the options of the command line and `asl status --settings`.
A value is taken from the command line, else the environment (ASL_<SECTION>_<KEY>), else asl.toml, else the recipe that the
section selects, else the default.
"""

import os
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import (
    FeatureSettings,
    LandmarkSettings,
    SourceSettings,
    SplitSettings,
    SyntheticSettings,
)
from asl.pipelines.workspace.settings.fields import default_of, nearest_hint, option_name, section_fields
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings, ModelSettings
from asl.pipelines.workspace.settings.studies import ClusterSettings, ExportSettings, StudySettings
from asl.pipelines.workspace.settings.training import (
    EncoderSettings,
    PhonologySettings,
    PretrainSettings,
    Stage3Settings,
    TrainSettings,
)

#: Values that a recipe sets, unless a flag, the environment or the file overrides them.
RECIPES: dict[str, dict[str, Any]] = {
    "light": {},
    "strong": {
        "members": 3,
        "epochs": 160,
        "patience": 0,
        "discriminative": 0.9,
        "average": 0.2,
        "drop_path": 0.1,
        "speed": 0.5,
        "crop": 0.2,
        "rotate": 10.0,
        "scale": 0.15,
        "shift": 0.1,
        "frame_mask": 0.2,
        "part_mask": 0.2,
    },
}


SECTIONS: dict[str, type] = {
    "sources": SourceSettings,
    "synthetic": SyntheticSettings,
    "landmarks": LandmarkSettings,
    "cluster": ClusterSettings,
    "study": StudySettings,
    "split": SplitSettings,
    "features": FeatureSettings,
    "encoder": EncoderSettings,
    "phonology": PhonologySettings,
    "pretrain": PretrainSettings,
    "train": TrainSettings,
    "graph": GraphSettings,
    "stage3": Stage3Settings,
    "model": ModelSettings,
    "decode": DecodeSettings,
    "export": ExportSettings,
}


@dataclass(frozen=True)
class Origin:
    """A resolved value and where it came from: flag, environment, file, recipe or default."""

    value: Any
    origin: str


def resolve(section: str, file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ):
    """The settings of a section. Raises BadInput for an unknown key or an invalid value, naming it."""
    return SECTIONS[section](**{key: setting.value for key, setting in origins(section, file, flags, environ).items()})


def origins(
    section: str, file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, Origin]:
    """Each key of a section with its value and where it came from. Raises BadInput as `resolve` does."""
    specs = {spec.name: spec for spec in section_fields(SECTIONS[section])}
    for key in file:
        if key not in specs:
            raise BadInput(f"asl.toml: [{section}] has no setting '{key}'", nearest_hint(key, specs))
    resolved: dict[str, Origin] = {}
    preset: Mapping[str, Any] = {}
    for name, spec in specs.items():
        variable = environment_name(section, name)
        if flags.get(name) is not None:
            resolved[name] = Origin(_checked(spec, flags[name], option_name(spec)), "flag")
        elif variable in environ:
            resolved[name] = Origin(_checked(spec, parsed(spec, environ[variable], variable), variable), "environment")
        elif name in file:
            resolved[name] = Origin(_checked(spec, _plain(file[name]), f"asl.toml: [{section}] {name}"), "file")
        elif name in preset:
            resolved[name] = Origin(preset[name], "recipe")
        else:
            resolved[name] = Origin(default_of(spec), "default")
        if name == "recipe":  # the first field of its section, so that its values are known for the others
            preset = RECIPES[resolved[name].value]
    return resolved


def environment_name(section: str, key: str) -> str:
    """The environment variable of a setting."""
    return f"ASL_{section}_{key}".upper()


def _plain(value: Any) -> Any:
    """The plain Python value of a tomlkit item."""
    return value.unwrap() if hasattr(value, "unwrap") else value


def parsed(spec, text: str, name: str) -> Any:
    """The value of a setting given as text. Raises BadInput if it cannot be parsed; `name` is for the message."""
    if get_origin(spec.type) is list:
        return [part for part in text.split(os.pathsep) if part]
    if spec.type is bool:
        words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
        if text.lower() not in words:
            raise BadInput(f"{name} is '{text}', not true or false", f"set {name}=true or {name}=false")
        return words[text.lower()]
    try:
        return spec.type(text)
    except ValueError as error:
        raise BadInput(f"{name} is '{text}', not {_type_name(spec.type)}", f"default: {default_of(spec)}") from error


def _checked(spec, value: Any, name: str) -> Any:
    value = [value] if spec.metadata["single"] and isinstance(value, str) else value
    value = float(value) if spec.type is float and isinstance(value, int) and not isinstance(value, bool) else value
    if not _has_type(value, spec.type):
        raise BadInput(f"{name} must be {_type_name(spec.type)}, got {value!r}", f"default: {default_of(spec)!r}")
    choices, low, high = (spec.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        hint = nearest_hint(value, choices) if isinstance(value, str) else f"choose from: {', '.join(map(str, choices))}"
        raise BadInput(f"{name} cannot be {value!r}", hint)
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise BadInput(f"{name} is {value}", f"it must be {bounds}")
    return value


def _type_name(kind: Any) -> str:
    """The type of a setting for error messages, with its article."""
    if get_origin(kind) is list:
        return "a list of strings"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}[kind]


def _has_type(value: Any, kind: Any) -> bool:
    if isinstance(kind, types.GenericAlias):
        return isinstance(value, list) and all(isinstance(item, get_args(kind)[0]) for item in value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def example_toml() -> str:
    """A commented asl.toml with every setting at its default."""
    lines = [
        "# An `asl` workspace. Every setting is listed, commented out, with its default; uncomment a line to change it.",
        "# Precedence: command line, environment (ASL_<SECTION>_<KEY>), this file, default. See `asl status --settings`.",
        "# asl writes the [state.*] tables at the end: the inputs, outputs and metrics of each stage.",
        "",
        "version = 1",
    ]
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]", *(f"# {line}" for line in kind.__doc__.split("\n") if line)]
        for spec in section_fields(kind):
            choices = spec.metadata["choices"]
            words = f" One of: {', '.join(map(str, choices))}." if len(choices) > 1 else ""
            lines += [f"# {spec.metadata['help']}{words}", f"# {spec.name} = {_toml(default_of(spec))}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
