"""The state of each stage of a workspace, and what to run next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asl.pipelines.workspace.code_versions import changes_since
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import MODEL_STAGES, Workspace
from asl.pipelines.workspace.metric_labels import metric_label
from asl.pipelines.workspace.plans import output_unchanged
from asl.pipelines.workspace.settings.sections import SECTIONS

#: Stages in the order in which they run.
STAGES = ("extract", "pretrain", "train-ctc", "build-fst", "train-stage3", "evaluate", "ablate", "scale", "export")
#: Stages that no later stage requires.
OPTIONAL = ("pretrain", "build-fst", "train-stage3", "ablate", "scale", "export")
#: Sections of settings that each stage uses.
SECTIONS_OF = {
    "extract": ("sources", "synthetic", "landmarks", "split"),
    "pretrain": ("pretrain", "encoder", "features", "phonology"),
    "train-ctc": ("train", "encoder", "features", "phonology"),
    "build-fst": ("graph",),
    "train-stage3": ("stage3",),
    "evaluate": ("decode",),
    "ablate": (),
    "scale": (),
    "export": ("export",),
}


@dataclass(frozen=True)
class StageStatus:
    """State of a stage. state: done, stale or missing. detail: the reason if stale, the main metrics if done."""

    name: str
    state: str
    finished: str
    detail: str


def stages(workspace: Workspace) -> list[StageStatus]:
    """The status of every stage, from its record, its files and the current settings. Raises BadInput for a bad setting."""
    for section in SECTIONS:
        workspace.setting_origins(section)  # reports a wrong setting now instead of when its stage runs
    return [_status(workspace, name) for name in STAGES]


def next_command(workspace: Workspace, statuses: list[StageStatus]) -> str:
    """The command of the first required stage that is missing or stale, else translation."""
    hints = {"extract": "asl extract --videos DIR   (or --poses, --landmarks, --manifest, --wlasl, --synthetic)"}
    evaluate = evaluate_command(workspace)
    hints |= {"evaluate": evaluate} if evaluate else {}
    for stage in statuses:
        if stage.name == "evaluate" and not evaluate:
            continue
        if stage.state != "done" and not (stage.state == "missing" and stage.name in OPTIONAL):
            return hints.get(stage.name, f"asl {stage.name}") if stage.state == "missing" else f"asl {stage.name}"
    return "asl translate VIDEO"


def evaluate_command(workspace: Workspace, options: str = "") -> str:
    """asl evaluate on the test split or, if that is empty, on the validation split; "" if both are empty."""
    counts = workspace.state("extract").get("metrics", {})
    if counts.get("test", 1):
        return f"asl evaluate{options}"
    return f"asl evaluate{options} --split validation" if counts.get("validation", 0) else ""


def _status(workspace: Workspace, name: str) -> StageStatus:
    record = workspace.state(name)
    if not record:
        return StageStatus(name, "missing", "", "")
    # The input "clips" of extract is its sources, which may be large and remote, so they are checked only when it runs.
    inputs = [] if name == "extract" else _changed_inputs(workspace, record)
    reasons = [
        *changes_since(record, name),
        *_changed_outputs(workspace, record),
        *inputs,
        *_changed_settings(workspace, name, record),
    ]
    if reasons:
        return StageStatus(name, "stale", str(record.get("finished", "?")), "; ".join(reasons[:3]))
    return StageStatus(name, "done", str(record.get("finished", "?")), _headline(name, record.get("metrics", {})))


def _changed_outputs(workspace: Workspace, record: Mapping[str, Any]) -> list[str]:
    outputs = record.get("outputs", {})
    return [
        f"{name} is missing or was changed"
        for name, digest in outputs.items()
        if not output_unchanged(workspace.inside(name), digest)
    ]


def _changed_inputs(workspace: Workspace, record: Mapping[str, Any]) -> list[str]:
    """Changed inputs among the files of the workspace. Files outside are checked when the stage runs."""
    files = {"clips": [workspace.clips_file]}
    models = [workspace.newest(stages, "model") for stages in (MODEL_STAGES, MODEL_STAGES[:1])]
    # A cascade may be built for a model of stage 2 or of stage 3.
    files["model"] = files["stage 2"] = [workspace.inside(f"models/{model}/model.safetensors") for model in models if model]
    inputs = record.get("inputs", {})
    return [
        f"{name} changed"
        for name, candidates in files.items()
        if name in inputs
        and (hashes := {file_hash(file) for file in candidates if file.is_file()})
        and inputs[name] not in hashes
    ]


def _changed_settings(workspace: Workspace, name: str, record: Mapping[str, Any]) -> list[str]:
    """Settings whose value in the file, the environment or by default differs from the one that the stage ran with.

    A default counts unless the value was a flag of that run. Older records do not say which values were flags.
    """
    ran_with, flags = record.get("settings", {}), record.get("flags")
    return [
        f"{key}: {ran_with[key]!r} → {setting.value!r}"
        for section in SECTIONS_OF[name]
        for key, setting in workspace.setting_origins(section).items()
        if key in ran_with and ran_with[key] != setting.value
        if setting.origin != "default" or (isinstance(flags, list) and key not in flags)
    ]


def _headline(name: str, metrics: Mapping[str, Any]) -> str:
    keys = {
        "extract": ("clips", "glosses", "failed"),
        "pretrain": ("model", "train_clips", "epochs", "probe_top_1"),
        "train-ctc": ("model", "glosses", "epochs", "validation_score"),
        "train-stage3": ("model", "validation_wer_before", "validation_wer"),
        "build-fst": ("graph", "glosses", "states", "perplexity", "validation_wer"),
        "evaluate": ("model", "split", "split_by", "signs", "top_1", "sentences", "wer_ctc_beam", "wer_cascade"),
        "ablate": ("study", "seeds", "verdict"),
        "scale": ("size", "recommendation"),
        "export": ("bundle", "megabytes", "same_top_1", "top_1", "checked_on"),
    }[name]
    return ", ".join(f"{metric_label(key)} {metrics[key]}" for key in keys if key in metrics)
