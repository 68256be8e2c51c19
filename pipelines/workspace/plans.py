"""What a stage would run on, and whether it has to: fingerprints decide, never time stamps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.files import value_hash


@dataclass(frozen=True)
class Plan:
    """What a stage would run on. Its fingerprint decides whether the stage has to run (never a time stamp).

    settings: flat values; inputs: name → hash; code: version of what computes the stage.
    """

    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    code: int = 1

    @property
    def fingerprint(self) -> str:
        return value_hash([self.stage, self.settings, self.inputs, self.code])


@dataclass(frozen=True)
class Decision:
    """Whether a stage has to run, and why (one line)."""

    run: bool
    reason: str


def output_holds(path: Path, digest: str) -> bool:
    """Whether an output still is what was recorded."""
    from asl.pipelines.workspace.files import file_hash

    return path.is_file() and file_hash(path) == digest


def _differences(record: Mapping[str, Any], plan: Plan) -> list[str]:
    if record.get("fingerprint") == plan.fingerprint:
        return []
    reasons = []
    if record.get("code") != plan.code:
        reasons.append("asl computes this stage differently now")
    old_settings, old_inputs = record.get("settings", {}), record.get("inputs", {})
    for key, value in plan.settings.items():
        if old_settings.get(key) != value:
            reasons.append(f"{key}: {old_settings.get(key)!r} → {value!r}")
    either = plan.inputs.keys() | old_inputs.keys()
    reasons += [f"{key} changed" for key in either if old_inputs.get(key) != plan.inputs.get(key)]
    return sorted(reasons)[:4] or ["its record is damaged"]


def settings_of(*parts) -> dict[str, Any]:
    """Settings dataclasses flattened into one dict for a Plan."""
    return {key: value for part in parts for key, value in asdict(part).items()}
