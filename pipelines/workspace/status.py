"""What is done in a workspace, what is stale and why, and what to run next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.folder import MODEL_STAGES, Workspace
from asl.pipelines.workspace.plans import output_holds
from asl.pipelines.workspace.settings.sections import SECTIONS

#: Stages in the order in which they need each other.
STAGES = ("extract", "pretrain", "train-ctc", "build-fst", "train-stage3", "evaluate", "ablate", "scale", "export")
#: Stages that nothing later needs.
OPTIONAL = ("pretrain", "build-fst", "train-stage3", "ablate", "scale", "export")
#: Whose settings a stage runs with.
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
    """state: done, stale or missing. detail: the reason if stale, the headline if done."""

    name: str
    state: str
    finished: str
    detail: str


def stages(workspace: Workspace) -> list[StageStatus]:
    """Every stage from its record: its outputs and inputs looked at on disk, its settings against today's."""
    for section in SECTIONS:
        workspace.setting_origins(section)  # a wrong setting is said at once, not when its stage comes
    return [_status(workspace, name) for name in STAGES]


def next_command(found: list[StageStatus]) -> str:
    """The first stage that is missing or stale; translation when all is done."""
    hints = {"extract": "asl extract --videos DIR   (or --poses, --landmarks, --manifest, --wlasl, --synthetic)"}
    for one in found:
        if one.state != "done" and not (one.state == "missing" and one.name in OPTIONAL):
            return hints.get(one.name, f"asl {one.name}") if one.state == "missing" else f"asl {one.name}"
    return "asl translate VIDEO"


def _status(workspace: Workspace, name: str) -> StageStatus:
    record = workspace.state(name)
    if not record:
        return StageStatus(name, "missing", "", "")
    # extract's "clips" are its sources, which may be large and far away: they are looked at when it runs.
    inputs = [] if name == "extract" else _changed_inputs(workspace, record)
    reasons = [*_changed_outputs(workspace, record), *inputs, *_changed_settings(workspace, name, record)]
    if reasons:
        return StageStatus(name, "stale", str(record.get("finished", "?")), "; ".join(reasons[:3]))
    return StageStatus(name, "done", str(record.get("finished", "?")), _headline(name, record.get("metrics", {})))


def _changed_outputs(workspace: Workspace, record: Mapping[str, Any]) -> list[str]:
    outputs = record.get("outputs", {})
    return [
        f"{name} is missing or was changed"
        for name, digest in outputs.items()
        if not output_holds(workspace.inside(name), digest)
    ]


def _changed_inputs(workspace: Workspace, record: Mapping[str, Any]) -> list[str]:
    """Inputs that are files of the workspace; what lies outside is looked at when the stage runs."""
    files = {"clips": [workspace.clips_file]}
    models = [workspace.newest(stages, "model") for stages in (MODEL_STAGES, MODEL_STAGES[:1])]
    # A cascade belongs to stage 2 or 3, whichever it was built for.
    files["model"] = files["stage 2"] = [workspace.inside(f"models/{one}/model.safetensors") for one in models if one]
    inputs = record.get("inputs", {})
    return [
        f"{name} changed"
        for name, found in files.items()
        if name in inputs and (hashes := {file_hash(file) for file in found if file.is_file()}) and inputs[name] not in hashes
    ]


def _changed_settings(workspace: Workspace, name: str, record: Mapping[str, Any]) -> list[str]:
    """Settings that stand in the file or the environment today with another value than the stage ran with."""
    ran_with = record.get("settings", {})
    return [
        f"{key}: {ran_with[key]!r} → {got.value!r}"
        for section in SECTIONS_OF[name]
        for key, got in workspace.setting_origins(section).items()
        if got.origin != "default" and key in ran_with and ran_with[key] != got.value
    ]


def _headline(name: str, metrics: Mapping[str, Any]) -> str:
    shown = {
        "extract": ("clips", "glosses", "failed"),
        "pretrain": ("model", "train_clips", "epochs", "probe_top_1"),
        "train-ctc": ("model", "glosses", "epochs", "validation_score"),
        "train-stage3": ("model", "validation_wer_before", "validation_wer"),
        "build-fst": ("graph", "glosses", "states", "perplexity", "validation_wer"),
        "evaluate": ("model", "split", "top_1", "wer_ctc_beam", "wer_cascade"),
        "ablate": ("study", "seeds", "verdict"),
        "scale": ("size", "recommendation"),
        "export": ("bundle", "megabytes", "same_top_1", "top_1"),
    }[name]
    return ", ".join(f"{key.replace('_', ' ')} {metrics[key]}" for key in shown if key in metrics)
