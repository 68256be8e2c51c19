"""Plans of stages, and the decision whether a stage must run. Fingerprints decide, never timestamps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.code_versions import recorded_versions, version_changes, versions_of
from asl.pipelines.workspace.files import value_hash


@dataclass(frozen=True)
class Plan:
    """What a stage would run on. Its fingerprint decides whether the stage must run.

    settings: flat values. inputs: name → hash. steps: the steps whose code makes the output, () for the stage's own alone.
    """

    stage: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    steps: tuple[str, ...] = ()

    @property
    def versions(self) -> dict[str, int]:
        """The code version of each step that the stage is computed with."""
        return versions_of(*(self.steps or (self.stage,)))

    @property
    def fingerprint(self) -> str:
        return value_hash([self.stage, self.settings, self.inputs, self.versions])


@dataclass(frozen=True)
class Decision:
    """Whether a stage must run, and why (one line)."""

    run: bool
    reason: str


def output_unchanged(path: Path, digest: str) -> bool:
    """Whether a file exists and has the recorded hash."""
    from asl.pipelines.workspace.files import file_hash

    return path.is_file() and file_hash(path) == digest


def differences(record: Mapping[str, Any], plan: Plan) -> list[str]:
    """Why a recorded run does not match a plan, at most four reasons; empty if it does."""
    if record.get("fingerprint") == plan.fingerprint:
        return []
    changes = version_changes(recorded_versions(record, plan.stage), plan.versions)
    reasons = []
    old_settings, old_inputs = record.get("settings", {}), record.get("inputs", {})
    for key, value in plan.settings.items():
        if old_settings.get(key) != value:
            reasons.append(f"{key}: {old_settings.get(key)!r} → {value!r}")
    names = plan.inputs.keys() | old_inputs.keys()
    reasons += [f"{name} changed" for name in names if old_inputs.get(name) != plan.inputs.get(name)]
    return [*changes, *sorted(reasons)][:4] or ["its record is damaged"]


def settings_of(*parts) -> dict[str, Any]:
    """Settings dataclasses as one flat dict, for a Plan."""
    return {key: value for part in parts for key, value in asdict(part).items()}
