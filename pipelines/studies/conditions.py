"""The design of an ablation: its conditions, its contrasts, and the check that they are matched (SPEC §14).

A condition is a named set of setting overrides. Two factors are not settings: `pretrained` says whether a run begins with
stage 1, or names the model that it starts from; `quantiser` says whether stage 1 trains with the codebook loss.
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

#: Sections whose settings a condition overrides by their plain name. Settings of [pretrain] are written pretrain.NAME.
OVERRIDABLE = ("train", "encoder", "features", "phonology", "decode", "graph")
PRETRAINED, QUANTISER, PRETRAIN_PREFIX = "pretrained", "quantiser", "pretrain."
NO, YES = ("no", "off", "false"), ("yes", "on", "true")
#: Settings of the run, which cannot be factors.
RUN_SETTINGS = ("seed", "device", "threads")


@dataclass(frozen=True)
class Condition:
    """A named condition. overrides: factor or setting → its value, as text from the command line."""

    name: str
    overrides: Mapping[str, str]


@dataclass(frozen=True)
class Contrast:
    """A comparison of conditions with baselines, pair by pair. There is one pair, except in grids."""

    name: str
    against: str
    conditions: tuple[str, ...]
    baselines: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """All conditions of a study, the baseline first, and its contrasts."""

    conditions: tuple[Condition, ...]
    contrasts: tuple[Contrast, ...]


DEFAULT_FACTOR = f"{PRETRAINED}=no,yes"


def design(factors: Sequence[str], named: Sequence[str], *, grid: bool) -> Design:
    """The design given by factors "NAME=a,b,…" and conditions "NAME: setting=value …".

    The first value of each factor belongs to the baseline, and every other value is compared with it, one factor at a time.
    grid: run every combination, and compare the values of each factor over all combinations of the others. Raises BadInput if
    a text has another form, if a name is given twice, or if there is only one condition.
    """
    levels = dict(map(_factor, factors or ([] if named else [DEFAULT_FACTOR])))
    if len(levels) < len(factors):
        raise BadInput("a factor is named twice", "give all its values at once: --factor NAME=a,b,c")
    if grid and (named or len(levels) < 2):
        raise BadInput("a grid needs at least two factors, and takes no --condition", "use --grid --factor A=… --factor B=…")
    result = _grid(levels) if grid else _one_factor_at_a_time(levels, [_named_condition(text) for text in named])
    names = [condition.name for condition in result.conditions]
    duplicates = {name for name in names if names.count(name) > 1}
    if duplicates:
        raise BadInput(f"two conditions are named '{min(duplicates)}'", "give each its own name")
    if not result.contrasts:
        raise BadInput("there is only one condition", "give a factor two values: --factor encoder=bilstm,tcn")
    return result


def _one_factor_at_a_time(levels: Mapping[str, list[str]], named: list[Condition]) -> Design:
    baseline = Condition(_baseline_name(levels), {key: values[0] for key, values in levels.items()})
    if named and not levels:
        baseline, named = (named[0], named[1:]) if named[0].name == "baseline" else (Condition("baseline", {}), named)
    varied = [
        Condition(_condition_name(key, value), baseline.overrides | {key: value})
        for key, values in levels.items()
        for value in values[1:]
    ]
    compared = (*varied, *(Condition(condition.name, {**baseline.overrides, **condition.overrides}) for condition in named))
    contrasts = tuple(Contrast(condition.name, baseline.name, (condition.name,), (baseline.name,)) for condition in compared)
    return Design((baseline, *compared), contrasts)


def _baseline_name(levels: Mapping[str, list[str]]) -> str:
    """The first value of a single factor, else "baseline"."""
    if len(levels) == 1:
        [(key, values)] = levels.items()
        return "baseline" if key == PRETRAINED and values[0] in NO else _condition_name(key, values[0])
    return "baseline"


def _condition_name(key: str, value: str) -> str:
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
            treated = [cell for cell in cells if cell[key] == value]
            baselines = [cell | {key: values[0]} for cell in treated]
            contrasts.append(
                Contrast(f"{key}={value}", f"{key}={values[0]}", tuple(map(name, treated)), tuple(map(name, baselines)))
            )
    return Design(tuple(Condition(name(cell), cell) for cell in cells), tuple(contrasts))


def _factor(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    levels = [value.strip() for value in values.split(",")]
    if not equals or len(levels) < 2 or not all(levels):
        raise BadInput(f"--factor {text} does not have the form NAME=a,b", "for example: --factor encoder=bilstm,tcn")
    if len(set(levels)) < len(levels):
        raise BadInput(f"--factor {text} lists a value twice", "give each value once; --seeds sets the number of runs")
    return key.strip(), levels


def _named_condition(text: str) -> Condition:
    name, colon, overrides = text.partition(":")
    pairs = [pair.partition("=") for pair in overrides.split()]
    if not colon or not name.strip() or not all(equals and key and value for key, equals, value in pairs):
        raise BadInput(
            f"--condition '{text}' does not have the form 'NAME: setting=value …'",
            "for example: --condition 'wide: hidden=128'",
        )
    return Condition(name.strip(), {key: value for key, _, value in pairs})


# Conditions → runs ---------------------------------------------------------------------------------------------------
def variant(condition: Condition, common: Mapping[str, Any]) -> Variant:
    """The variant that a condition runs. common: settings of all conditions.

    Raises BadInput if a setting is unknown or its value is not allowed.
    """
    settings, stage_1 = dict(common), {}
    with_stage_1, start = False, ""
    for key, value in condition.overrides.items():
        if key == PRETRAINED:
            with_stage_1, start = (value in YES, "") if value in (*YES, *NO) else (False, value)
        elif key == QUANTISER:
            if value not in (*YES, *NO):
                raise BadInput(f"quantiser={value} is not a valid value", "use quantiser=on or quantiser=off")
            with_stage_1, stage_1["phonology"] = True, None if value in YES else 0.0
        elif key.startswith(PRETRAIN_PREFIX):
            setting = key.removeprefix(PRETRAIN_PREFIX)
            with_stage_1, stage_1[setting] = True, _value("pretrain", setting, value)
        else:
            settings[key] = _value(_section(key), key, value)
    return Variant(settings, stage_1 if with_stage_1 else None, start)


def _section(key: str) -> str:
    section_of = {spec.name: section for section in OVERRIDABLE for spec in section_fields(SECTIONS[section])}
    if key not in section_of or key in RUN_SETTINGS:
        names = {*section_of, PRETRAINED, QUANTISER} - set(RUN_SETTINGS)
        hint = nearest_hint(key, names) if key not in RUN_SETTINGS else "it is a setting of the run; see also --seeds"
        raise BadInput(f"'{key}' cannot be a factor", hint)
    return section_of[key]


def _value(section: str, key: str, text: str) -> Any:
    specs = {spec.name: spec for spec in section_fields(SECTIONS[section])}
    if key not in specs or key in RUN_SETTINGS:
        raise BadInput(f"[{section}] has no setting '{key}' to compare", nearest_hint(key, specs))
    value = parsed(specs[key], text, key)
    return getattr(resolve(section, {}, {key: value}, {}), key)


# Matched conditions --------------------------------------------------------------------------------------------------
def check_matched(workspace: Workspace, study_design: Design, variants: Mapping[str, Variant], split: str) -> None:
    """Raises BadInput if a contrast varies architecture or epochs together with anything else, or varies nothing.

    The effect of such a contrast could not be attributed to one cause.
    """
    settings = {name: _settings_by_kind(workspace, variant, split) for name, variant in variants.items()}
    for contrast in study_design.contrasts:
        for name, baseline in zip(contrast.conditions, contrast.baselines, strict=True):
            differences = {kind: _differences(settings[baseline][kind], settings[name][kind]) for kind in settings[name]}
            differences = {kind: texts for kind, texts in differences.items() if texts}
            if not differences:
                raise BadInput(f"{name} and {baseline} are the same condition", "give them different settings")
            if len(differences) > 1 and differences.keys() & {"architecture", "epochs"}:
                listed = "; ".join(f"{kind}: {', '.join(texts[:3])}" for kind, texts in differences.items())
                raise BadInput(
                    f"{name} vs {baseline} is not a matched comparison, because they differ in {listed}",
                    "give all conditions the same architecture and epochs (--hidden, --layers, --encoder, --epochs, --members), "
                    "or vary those alone",
                )


def _settings_by_kind(workspace: Workspace, variant: Variant, split: str) -> dict[str, dict[str, Any]]:
    """A variant's settings by kind: architecture, epochs, and all others."""
    experiment = set_up(workspace, variant, 0, split)
    settings = experiment.settings
    glosses = select_clips(read_clips(workspace.clips_file), experiment.choice.train.min_clips).alphabet
    hidden, layers = size_of(experiment.choice.encoder, len(glosses))
    architecture = {key: settings.pop(key) for key in ("encoder", "causal", "members")} | {"hidden": hidden, "layers": layers}
    epochs = {"epochs": settings.pop("epochs"), "patience": settings.pop("patience")}
    start = "its own stage 1" if variant.stage_1 is not None else variant.start or "none"
    ignored = ("hidden", "layers", "recipe", *RUN_SETTINGS)
    remaining = {key: value for key, value in settings.items() if key not in ignored}
    stage_1 = {f"pretrain.{key}": value for key, value in (variant.stage_1 or {}).items()}
    return {"architecture": architecture, "epochs": epochs, "settings": remaining | {"pre-training": start} | stage_1}


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [f"{key} {a.get(key)} → {b.get(key)}" for key in {**a, **b} if a.get(key) != b.get(key)]


def slug(study_design: Design) -> str:
    """A file name for the study's report, from the names of its contrasts."""
    words = "-".join(contrast.name for contrast in study_design.contrasts[:4])
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")[:60]
