"""The conditions of an ablation: what is compared with what, and whether the comparison is a fair one (SPEC §14).

A condition is a named set of setting overrides. `pretrained` and `quantiser` are factors beside the settings: whether a
run begins with stage 1 (or with which model), and whether stage 1 learns with the codebooks' part of its loss.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.studies.experiment import Variant, set_up
from asl.pipelines.training.clip_selection import select_clips
from asl.pipelines.training.initialisation import size_of
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.settings.fields import nearest_hint, section_fields
from asl.pipelines.workspace.settings.sections import SECTIONS, parsed, resolve

#: Sections whose settings a condition can override by their plain name; those of [pretrain] as pretrain.NAME.
OVERRIDABLE = ("train", "encoder", "features", "phonology", "decode", "graph")
PRETRAINED, QUANTISER, PRETRAIN_PREFIX = "pretrained", "quantiser", "pretrain."
NO, YES = ("no", "off", "false"), ("yes", "on", "true")
#: Settings that belong to the run and not to what is compared.
NOT_COMPARED = ("seed", "device", "threads")


@dataclass(frozen=True)
class Condition:
    """name: as in the report. overrides: factor or setting → value as text, as it was given."""

    name: str
    overrides: Mapping[str, str]


@dataclass(frozen=True)
class Contrast:
    """What is compared: some conditions against as many others, pair by pair; one of each, but in grids."""

    name: str
    against: str
    conditions: tuple[str, ...]
    baselines: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """All conditions of a study, the baseline first, and what is compared."""

    conditions: tuple[Condition, ...]
    contrasts: tuple[Contrast, ...]


DEFAULT = f"{PRETRAINED}=no,yes"


def design(factors: Sequence[str], named: Sequence[str], *, grid: bool) -> Design:
    """Factors "NAME=a,b,…" and conditions "NAME: setting=value …" → what to run. The first value of each factor is the baseline.

    One after the other: each other value of each factor against the baseline. grid: every combination, and for each factor
    its effect over all combinations of the others. Raises BadInput: not of that form, or names given twice.
    """
    levels = dict(map(_factor, factors or ([] if named else [DEFAULT])))
    if len(levels) < len(factors):
        raise BadInput("a factor is named twice", "give all its values in one: --factor NAME=a,b,c")
    if grid and (named or len(levels) < 2):
        raise BadInput("a grid is made of two factors or more, and of no named conditions", "--grid --factor A=… --factor B=…")
    made = _grid(levels) if grid else _one_by_one(levels, [_named(text) for text in named])
    names = [condition.name for condition in made.conditions]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadInput(f"two conditions are named '{min(twice)}'", "give each a name of its own")
    if not made.contrasts:
        raise BadInput("there is one condition only", "give a factor two values: --factor encoder=bilstm,tcn")
    return made


def _one_by_one(levels: Mapping[str, list[str]], named: list[Condition]) -> Design:
    base = Condition(_base_name(levels), {key: values[0] for key, values in levels.items()})
    if named and not levels:
        base, named = (named[0], named[1:]) if named[0].name == "baseline" else (Condition("baseline", {}), named)
    varied = [
        Condition(_name(key, value), base.overrides | {key: value}) for key, values in levels.items() for value in values[1:]
    ]
    others = (*varied, *(Condition(one.name, {**base.overrides, **one.overrides}) for one in named))
    return Design((base, *others), tuple(Contrast(one.name, base.name, (one.name,), (base.name,)) for one in others))


def _base_name(levels: Mapping[str, list[str]]) -> str:
    """Of a single factor its first value says what it is."""
    if len(levels) == 1:
        [(key, values)] = levels.items()
        return "baseline" if key == PRETRAINED and values[0] in NO else _name(key, values[0])
    return "baseline"


def _name(key: str, value: str) -> str:
    if key == PRETRAINED and value in YES:
        return "pre-trained"
    return f"{key}={value}"


def _grid(levels: Mapping[str, list[str]]) -> Design:
    def name(cell: Mapping[str, str]) -> str:
        return " ".join(f"{key}={value}" for key, value in cell.items())

    cells = [dict(zip(levels, values, strict=True)) for values in product(*levels.values())]
    contrasts = []
    for key, values in levels.items():
        for value in values[1:]:
            with_it = [cell for cell in cells if cell[key] == value]
            without = [cell | {key: values[0]} for cell in with_it]
            contrasts.append(
                Contrast(f"{key}={value}", f"{key}={values[0]}", tuple(map(name, with_it)), tuple(map(name, without)))
            )
    return Design(tuple(Condition(name(cell), cell) for cell in cells), tuple(contrasts))


def _factor(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    levels = [value.strip() for value in values.split(",")]
    if not equals or len(levels) < 2 or not all(levels):
        raise BadInput(f"--factor {text}: not of the form NAME=a,b", "for example --factor encoder=bilstm,tcn")
    if len(set(levels)) < len(levels):
        raise BadInput(f"--factor {text}: a value stands there twice", "name each once; --seeds says how often each is run")
    return key.strip(), levels


def _named(text: str) -> Condition:
    name, colon, rest = text.partition(":")
    pairs = [pair.partition("=") for pair in rest.split()]
    if not colon or not name.strip() or not all(equals and key and value for key, equals, value in pairs):
        raise BadInput(
            f"--condition '{text}': not of the form NAME: setting=value …", "for example --condition 'wide: hidden=128'"
        )
    return Condition(name.strip(), {key: value for key, _, value in pairs})


# Conditions → runs ---------------------------------------------------------------------------------------------------
def variant(condition: Condition, common: Mapping[str, Any]) -> Variant:
    """What a condition runs. common: settings given for all. Raises BadInput: unknown setting, or a value that it cannot have."""
    settings, stage_1 = dict(common), {}
    begins, start = False, ""
    for key, value in condition.overrides.items():
        if key == PRETRAINED:
            begins, start = (value in YES, "") if value in (*YES, *NO) else (False, value)
        elif key == QUANTISER:
            if value not in (*YES, *NO):
                raise BadInput(f"quantiser={value}", "it is on or off")
            begins, stage_1["phonology"] = True, None if value in YES else 0.0
        elif key.startswith(PRETRAIN_PREFIX):
            begins, stage_1[key.removeprefix(PRETRAIN_PREFIX)] = (
                True,
                _value("pretrain", key.removeprefix(PRETRAIN_PREFIX), value),
            )
        else:
            settings[key] = _value(_section(key), key, value)
    return Variant(settings, stage_1 if begins else None, start)


def _section(key: str) -> str:
    known = {spec.name: section for section in OVERRIDABLE for spec in section_fields(SECTIONS[section])}
    if key not in known or key in NOT_COMPARED:
        names = {*known, PRETRAINED, QUANTISER} - set(NOT_COMPARED)
        raise BadInput(f"'{key}' is no factor", nearest_hint(key, names) if key not in NOT_COMPARED else "see --seeds")
    return known[key]


def _value(section: str, key: str, text: str) -> Any:
    specs = {spec.name: spec for spec in section_fields(SECTIONS[section])}
    if key not in specs or key in NOT_COMPARED:
        raise BadInput(f"[{section}] has no setting '{key}' to compare", nearest_hint(key, specs))
    value = parsed(specs[key], text, key)
    return getattr(resolve(section, {}, {key: value}, {}), key)


# Fairness ------------------------------------------------------------------------------------------------------------
def check_matched(workspace: Workspace, designed: Design, variants: Mapping[str, Variant], split: str) -> None:
    """Raises BadInput where a contrast differs in architecture, or in epochs, and in something else as well.

    Which of them an effect came from could not be said: the comparison that this tool was made not to repeat.
    """
    known = {name: _what_differs_by(workspace, one, split) for name, one in variants.items()}
    for contrast in designed.contrasts:
        for name, base in zip(contrast.conditions, contrast.baselines, strict=True):
            found = {kind: _differences(known[base][kind], known[name][kind]) for kind in known[name]}
            found = {kind: texts for kind, texts in found.items() if texts}
            if not found:
                raise BadInput(f"{name} and {base} are the same condition", "give them different settings")
            if len(found) > 1 and found.keys() & {"architecture", "epochs"}:
                listed = "; ".join(f"{kind}: {', '.join(texts[:3])}" for kind, texts in found.items())
                raise BadInput(
                    f"{name} against {base} would not be a matched comparison, they differ in {listed}",
                    "give all conditions the same architecture and epochs (--hidden, --layers, --encoder, --epochs, --members), "
                    "or compare those on their own",
                )


def _what_differs_by(workspace: Workspace, one: Variant, split: str) -> dict[str, dict[str, Any]]:
    """A variant's settings by kind: architecture, epochs, and all others."""
    setup = set_up(workspace, one, 0, split)
    settings = setup.settings
    glosses = select_clips(read_clips(workspace.clips_file), setup.choice.train.min_clips).alphabet
    hidden, layers = size_of(setup.choice.encoder, len(glosses))
    architecture = {key: settings.pop(key) for key in ("encoder", "causal", "members")} | {"hidden": hidden, "layers": layers}
    epochs = {"epochs": settings.pop("epochs"), "patience": settings.pop("patience")}
    start = "stage 1 of its own" if one.stage_1 is not None else one.start or "none"
    ignored = ("hidden", "layers", "recipe", *NOT_COMPARED)
    others = {key: value for key, value in settings.items() if key not in ignored}
    stage_1 = {f"pretrain.{key}": value for key, value in (one.stage_1 or {}).items()}
    return {"architecture": architecture, "epochs": epochs, "settings": others | {"pre-training": start} | stage_1}


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [f"{key} {a.get(key)} → {b.get(key)}" for key in {**a, **b} if a.get(key) != b.get(key)]


def slug(designed: Design) -> str:
    """A name for the study's report, from what it compares."""
    words = "-".join(contrast.name for contrast in designed.contrasts[:4])
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")[:60]
