"""Shared by all stages that make a model: the plan, the decision to run, and the folder of a run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import clips_hash
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan, settings_of

#: Settings that do not affect the resulting model.
HARDWARE_SETTINGS = ("device", "threads", "devices", "nodes")


def begin(folder: Path, plan: Plan, *, anew: bool = False) -> None:
    """Creates a run's folder. Deletes checkpoints of other settings or data, or all checkpoints if `anew`."""
    if anew or other_run(folder, plan):
        forget(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", {"fingerprint": plan.fingerprint})


def forget(folder: Path) -> None:
    """Deletes the checkpoints of a run and of its members."""
    for file in folder.rglob("checkpoint.safetensors"):
        file.unlink(missing_ok=True)


def plan_of(
    stage: str, workspace: Workspace, parts: Sequence[Any], inputs: Mapping[str, str], steps: tuple[str, ...] = ()
) -> Plan:
    """The plan of a stage that makes a model from the clips and `inputs`. parts: its settings, without HARDWARE_SETTINGS."""
    settings = {key: value for key, value in settings_of(*parts).items() if key not in HARDWARE_SETTINGS}
    return Plan(stage, settings, {"clips": clips_hash(workspace.clips_file), **inputs}, steps)


def decide(workspace: Workspace, plan: Plan, folder: Path, force: bool, output: str = "model") -> Decision:
    """Whether a stage has to run, which is also the case if its last output has another name.

    output: the key in the stage's recorded metrics that names its output.
    """
    decision = workspace.decide(plan, force=force)
    recorded = workspace.state(plan.stage).get("metrics", {}).get(output)
    if not decision.run and recorded != folder.name:
        return Decision(True, f"the last run made {recorded}")
    return decision


def other_run(folder: Path, plan: Plan) -> bool:
    """Whether a checkpoint in the folder belongs to other settings or data."""
    try:
        return json.loads((folder / "run.json").read_text())["fingerprint"] != plan.fingerprint
    except (OSError, ValueError, KeyError, TypeError):
        return True
