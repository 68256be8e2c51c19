"""What every stage that makes a model does around its work: the plan, the decision, and the folder of a run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan, settings_of

#: Settings that nothing of a model follows from.
WHERE_IT_RUNS = ("device", "threads", "devices", "nodes")


def begin(folder: Path, plan: Plan, *, anew: bool = False) -> None:
    """Makes a run's folder; checkpoints of other settings or data (or all, `anew`) are deleted."""
    if anew or other_run(folder, plan):
        forget(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", {"fingerprint": plan.fingerprint})


def forget(folder: Path) -> None:
    """Deletes the checkpoints of a run and of its members."""
    for file in folder.rglob("checkpoint.safetensors"):
        file.unlink(missing_ok=True)


def plan_of(stage: str, workspace: Workspace, parts: Sequence[Any], inputs: Mapping[str, str], code: int) -> Plan:
    """The plan of a stage that makes a model of the clips and `inputs`. parts: its settings; where it computes is none."""
    settings = {key: value for key, value in settings_of(*parts).items() if key not in WHERE_IT_RUNS}
    return Plan(stage, settings, {"clips": file_hash(workspace.clips_file), **inputs}, code)


def decide(workspace: Workspace, plan: Plan, folder: Path, force: bool, what: str = "model") -> Decision:
    """Whether a stage that makes a model (or `what` its record calls it) has to run: also where it made one of another name."""
    decision = workspace.decide(plan, force=force)
    recorded = workspace.state(plan.stage).get("metrics", {}).get(what)
    if not decision.run and recorded != folder.name:
        return Decision(True, f"the record is of {recorded}")
    return decision


def other_run(folder: Path, plan: Plan) -> bool:
    """Whether a checkpoint in the folder belongs to other settings or data."""
    try:
        return json.loads((folder / "run.json").read_text())["fingerprint"] != plan.fingerprint
    except (OSError, ValueError, KeyError, TypeError):
        return True
