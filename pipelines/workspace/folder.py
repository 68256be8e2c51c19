"""The workspace: a folder with an asl.toml, in which the user writes settings and asl records the state of each stage."""

import json
import os
import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli
import tomlkit

from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import remove_unfinished, write_atomically, write_json
from asl.pipelines.workspace.locks import folder_lock
from asl.pipelines.workspace.plans import Decision, Plan, differences, output_unchanged
from asl.pipelines.workspace.settings import sections as settings_module

FILE_NAME, PRIVATE = "asl.toml", ".asl"
#: The stages that train recognisers and those that build cascades, in the order in which they run.
MODEL_STAGES, GRAPH_STAGES = ("train-ctc", "train-stage3"), ("build-fst", "train-stage3")
RECORD_TABLES = ("settings", "inputs", "outputs", "metrics")
FORMAT_VERSION = 1
MAX_TOML_BYTES = 4 << 20


@dataclass
class Workspace:
    """A workspace folder. `document` is asl.toml as last read."""

    folder: Path
    document: dict = field(default_factory=dict)
    _flags: set[str] = field(default_factory=set, repr=False, compare=False)

    # Paths -----------------------------------------------------------------------------------------------------------
    @property
    def file(self) -> Path:
        return self.folder / FILE_NAME

    @property
    def clips_file(self) -> Path:
        return self.folder / "clips.jsonl"

    @property
    def landmarks(self) -> Path:
        return self.folder / "landmarks"

    @property
    def thumbnails(self) -> Path:
        return self.folder / "thumbnails"

    def thumbnail(self, clip: str) -> Path:
        """The thumbnail of a clip, by its id. Subfolders keep the folders small, as for landmarks."""
        return self.thumbnails / clip[-2:] / f"{clip}.jpg"

    @property
    def synthetic(self) -> Path:
        """Videos of synthetic signers."""
        return self.folder / "synthetic"

    @property
    def features(self) -> Path:
        return self.folder / "features"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def experiments(self) -> Path:
        """Runs of studies, each in a folder named after its fingerprint."""
        return self.folder / "experiments"

    @property
    def graphs(self) -> Path:
        """Built cascades, each in a folder of its own."""
        return self.folder / "graphs"

    @property
    def bundles(self) -> Path:
        """Bundles of `asl export`, each in a folder of its own."""
        return self.folder / "bundles"

    @property
    def has_model(self) -> bool:
        """Whether a recogniser has been trained in this workspace."""
        return bool(self.newest(MODEL_STAGES, "model"))

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def private(self) -> Path:
        return self.folder / PRIVATE

    @property
    def aliases(self) -> Path:
        """The table of aliases with which the labels of the clips were read, if there was one."""
        return self.private / "aliases.csv"

    def relative(self, path: Path) -> str:
        """A path inside the workspace, relative to it."""
        return path.relative_to(self.folder).as_posix()

    def inside(self, name: str) -> Path:
        """A path from a record of the workspace. Raises BadInput if it is outside the workspace."""
        try:
            path = (self.folder / name).resolve()
            path.exists()
        except (OSError, ValueError) as error:
            raise BadInput(f"{name[:60]!r} is not a file name", "records may only name files inside the workspace") from error
        if not path.is_relative_to(self.folder.resolve()):
            raise BadInput(f"'{name}' is outside the workspace", "records may only name files inside it")
        return path

    # Settings --------------------------------------------------------------------------------------------------------
    def settings(self, section: str, flags: Mapping[str, Any] | None = None):
        """The settings of a section. flags: values from the command line, by name. Raises BadInput for a bad setting.

        The names of the flags go into the record of the stage.
        """
        self._flags |= {name for name, value in (flags or {}).items() if value is not None}
        return settings_module.resolve(section, self._table(section), flags or {})

    def setting_origins(self, section: str) -> dict[str, settings_module.Origin]:
        """Each setting of a section with its value and its origin. Raises BadInput for a bad setting."""
        return settings_module.origins(section, self._table(section), {})

    def _table(self, section: str) -> Mapping[str, Any]:
        table = self.document.get(section, {})
        if not isinstance(table, Mapping):
            raise BadInput(f"asl.toml: [{section}] is not a table", f"write [{section}] on a line of its own")
        return table

    def set_setting(self, section: str, key: str, value: Any) -> None:
        """Writes a setting to asl.toml, which is read again first because it may have been edited. Comments are kept."""
        document = _read_toml(self.file, tomlkit.parse)
        document.setdefault(section, tomlkit.table())[key] = value
        write_atomically(self.file, tomlkit.dumps(document))
        self.document = _read_toml(self.file, tomli.loads)

    # State -----------------------------------------------------------------------------------------------------------
    def state(self, stage: str) -> dict[str, Any]:
        """The record of a stage's last complete run, or {}."""
        record = self.document.get("state", {}).get(stage, {})
        is_valid = isinstance(record, dict) and all(isinstance(record.get(table, {}), dict) for table in RECORD_TABLES)
        return record if is_valid else {}

    def newest(self, stages: Sequence[str], output: str) -> str:
        """The name of the newest output of these stages, "" if there is none. output: "model" or "graph"."""
        records = [self.state(stage) for stage in stages]
        with_output = [record for record in records if record.get("metrics", {}).get(output)]
        return str(max(with_output, key=_number)["metrics"][output]) if with_output else ""

    def decide(self, plan: Plan, *, force: bool = False) -> Decision:
        """Whether a stage must run: compares its fingerprint and its outputs with the record."""
        record = self.state(plan.stage)
        if force:
            return Decision(True, "forced")
        if not record:
            return Decision(True, "it has not run yet")
        reasons = differences(record, plan)
        if reasons:
            return Decision(True, "; ".join(reasons))
        for name, digest in record.get("outputs", {}).items():
            if not output_unchanged(self.inside(name), digest):
                return Decision(True, f"{name} is missing or was changed")
        return Decision(False, f"up to date since {record.get('finished', '?')}")

    def record(self, plan: Plan, started: datetime, outputs: Mapping[str, str], metrics: Mapping[str, Any]) -> None:
        """Writes the record of a stage to asl.toml, which is read again first because it may have been edited.

        Raises BadInput if it is no longer valid TOML. The record is then stored elsewhere and written with the next one.
        """
        record = {
            "fingerprint": plan.fingerprint,
            "code": plan.versions,
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "settings": dict(plan.settings),
            "flags": sorted(self._flags & plan.settings.keys()),
            "inputs": dict(plan.inputs),
            "outputs": dict(outputs),
            "metrics": {key: value for key, value in metrics.items() if value is not None},
        }
        numbers = [_number(other) for other in self.document.get("state", {}).values() if isinstance(other, dict)]
        pending = _pending_records(self.folder) | {plan.stage: record | {"number": max(numbers, default=0) + 1}}
        try:
            document = _read_toml(self.file, tomlkit.parse)
        except BadInput:
            write_json(_pending_file(self.folder), pending)
            raise
        states = document.setdefault("state", tomlkit.table(is_super_table=True))
        for stage, pending_record in pending.items():
            states[stage] = tomlkit.item(pending_record)
        write_atomically(self.file, tomlkit.dumps(document))
        _pending_file(self.folder).unlink(missing_ok=True)
        self.document = _read_toml(self.file, tomli.loads)

    @contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """Locks the workspace for a command. Removes what a killed process left unfinished. Raises AslError if it is in use."""
        with folder_lock(self.private, command) as died:
            if died:
                remove_unfinished(self.folder)
            try:
                yield
            except KeyboardInterrupt:
                remove_unfinished(self.folder)  # files of workers that were stopped
                raise


def _number(record: Mapping[str, Any]) -> int:
    """Sequence number of a record, which unlike the clock never goes back."""
    number = record.get("number")
    return number if isinstance(number, int) else 0


def create_workspace(folder: Path) -> Workspace:
    """Creates a workspace: a folder with a commented asl.toml. Raises BadInput if it already exists."""
    file = folder / FILE_NAME
    if file.exists():
        raise BadInput(f"{file} already exists", f"show the workspace with: asl status -w {shlex.quote(str(folder))}")
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file, not a folder", "name a folder")
    try:
        write_atomically(file, settings_module.example_toml())
    except OSError as error:
        raise AslError(f"cannot write {file}: {error.strerror}", "check the folder's permissions") from error
    return open_workspace(folder)


def find_workspace(given: str | None, start: Path | None = None) -> Workspace:
    """The workspace given, else $ASL_WORKSPACE, else the nearest one at or above `start` (default: the current folder).

    Raises BadInput if there is none.
    """
    return open_workspace(find_workspace_folder(given, start))


def find_workspace_folder(given: str | None, start: Path | None = None) -> Path:
    """The folder that `find_workspace` opens. One that is given may be no workspace."""
    if name := given or os.environ.get("ASL_WORKSPACE"):
        return Path(name)
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise BadInput("no workspace in this folder or its parents", "create one with: asl init")


def open_workspace(folder: Path) -> Workspace:
    """Opens a workspace. Raises BadInput if asl.toml is missing, not valid TOML, has an unknown section, or is of a newer asl."""
    file = folder / FILE_NAME
    if not file.is_file():
        raise BadInput(
            f"{folder} is not a workspace: it has no {FILE_NAME}", f"create one with: asl init {shlex.quote(str(folder))}"
        )
    document = _read_toml(file, tomli.loads)
    version = document.get("version", FORMAT_VERSION)
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise BadInput(f"{file} has version {version!r}; this asl reads up to {FORMAT_VERSION}", "update asl")
    sections = {*settings_module.SECTIONS, "state", "version"}
    for key in document:
        if key not in sections:
            raise BadInput(f"{file}: unknown section [{key}]", settings_module.nearest_hint(key, sections - {"state"}))
    if not isinstance(document.get("state", {}), dict):
        raise BadInput(f"{file}: state is not a table", "delete that line; asl writes it again")
    if pending := _pending_records(folder):
        document["state"] = document.get("state", {}) | pending
    return Workspace(folder, document)


def _pending_file(folder: Path) -> Path:
    """File for records of finished stages that could not be written to asl.toml."""
    return folder / PRIVATE / "records.json"


def _pending_records(folder: Path) -> dict[str, Any]:
    try:
        records = json.loads(_pending_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(records, dict):
        return {}
    return {stage: record for stage, record in records.items() if isinstance(record, dict)}


def _read_toml(file: Path, parse):
    try:
        if file.stat().st_size > MAX_TOML_BYTES:
            raise BadInput(f"{file} is larger than {MAX_TOML_BYTES >> 20} MiB", "check that it is a workspace file")
        return parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the file's permissions") from error
    except (ValueError, RecursionError, tomlkit.exceptions.TOMLKitError) as error:
        raise BadInput(
            f"{file} is not valid TOML: {error}", "correct that line, or create a new workspace with: asl init"
        ) from error
