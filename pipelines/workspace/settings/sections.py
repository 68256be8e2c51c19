"""Every setting of the workspace: one frozen dataclass a section of asl.toml, one line of meaning a field.

The fields are the single source: asl.toml's comments, the command line's options and `asl status --settings` come from
them. A value is taken from the flag, else the environment (ASL_<SECTION>_<KEY>), else asl.toml, else the recipe that the
section names, else the default.
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
from asl.pipelines.workspace.settings.reading import DecodeSettings, GraphSettings
from asl.pipelines.workspace.settings.studies import ClusterSettings, ExportSettings, StudySettings
from asl.pipelines.workspace.settings.training import (
    EncoderSettings,
    PhonologySettings,
    PretrainSettings,
    Stage3Settings,
    TrainSettings,
)

#: What a recipe sets where neither flag, environment nor file says otherwise.
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
    "decode": DecodeSettings,
    "export": ExportSettings,
}


@dataclass(frozen=True)
class Origin:
    """A resolved value and where it came from: flag, environment, file, recipe or default."""

    value: Any
    origin: str


def resolve(section: str, file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ):
    """One section's settings: flag, else environment, else file, else default. Raises BadInput, naming the key."""
    return SECTIONS[section](**{key: got.value for key, got in origins(section, file, flags, environ).items()})


def origins(
    section: str, file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, Origin]:
    """Each key of a section with its value and where it came from."""
    known = {f.name: f for f in section_fields(SECTIONS[section])}
    for key in file:
        if key not in known:
            raise BadInput(f"asl.toml: [{section}] has no setting '{key}'", nearest_hint(key, known))
    found: dict[str, Origin] = {}
    preset: Mapping[str, Any] = {}
    for name, spec in known.items():
        variable = environment_name(section, name)
        if flags.get(name) is not None:
            found[name] = Origin(_checked(spec, flags[name], option_name(spec)), "flag")
        elif variable in environ:
            found[name] = Origin(_checked(spec, parsed(spec, environ[variable], variable), variable), "environment")
        elif name in file:
            found[name] = Origin(_checked(spec, _plain(file[name]), f"asl.toml: [{section}] {name}"), "file")
        elif name in preset:
            found[name] = Origin(preset[name], "recipe")
        else:
            found[name] = Origin(default_of(spec), "default")
        if name == "recipe":  # the first field of its section, so that the others find its values
            preset = RECIPES[found[name].value]
    return found


def environment_name(section: str, key: str) -> str:
    return f"ASL_{section}_{key}".upper()


def _plain(value: Any) -> Any:
    """A tomlkit value as the plain Python one."""
    return value.unwrap() if hasattr(value, "unwrap") else value


def parsed(spec, text: str, name: str) -> Any:
    """A setting's value from text. Raises BadInput, naming it."""
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
        raise BadInput(f"{name} is '{text}', not a {spec.type.__name__}", f"default: {default_of(spec)}") from error


def _checked(spec, value: Any, name: str) -> Any:
    value = float(value) if spec.type is float and isinstance(value, int) and not isinstance(value, bool) else value
    if not _is_a(value, spec.type):
        wanted = "list of texts" if get_origin(spec.type) is list else spec.type.__name__
        raise BadInput(f"{name} must be a {wanted}, got {value!r}", f"default: {default_of(spec)!r}")
    choices, low, high = (spec.metadata[key] for key in ("choices", "low", "high"))
    if choices and value not in choices:
        hint = nearest_hint(value, choices) if isinstance(value, str) else f"known: {', '.join(map(str, choices))}"
        raise BadInput(f"{name} cannot be {value!r}", hint)
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise BadInput(f"{name} is {value}", f"it must be {bounds}")
    return value


def _is_a(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, types.GenericAlias):
        return isinstance(value, list) and all(isinstance(item, get_args(wanted)[0]) for item in value)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def example_toml() -> str:
    """A fully commented asl.toml in which every setting stands at its default."""
    lines = [
        "# The workspace of `asl`. Settings stand here, commented out at their defaults; uncomment one to change it.",
        "# Order: flag, environment (ASL_<SECTION>_<KEY>), this file, default. `asl status --settings` shows each origin.",
        "# The [state.*] tables at the end are written by asl: what each stage ran on, what it wrote, how it went.",
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
