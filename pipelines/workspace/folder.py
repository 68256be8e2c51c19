"""The workspace: a folder with an asl.toml that records settings (by the person) and state (by asl)."""

import json
import os
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
from asl.pipelines.workspace.locks import owned
from asl.pipelines.workspace.plans import Decision, Plan, _differences, output_holds
from asl.pipelines.workspace.settings import sections as settings_module

FILE_NAME, PRIVATE = "asl.toml", ".asl"
#: The stages that make models that read, and cascades, in the order in which they need each other.
MODEL_STAGES, GRAPH_STAGES = ("train-ctc", "train-stage3"), ("build-fst", "train-stage3")
TABLES_OF_A_RECORD = ("settings", "inputs", "outputs", "metrics")
FORMAT_VERSION = 1
MAX_TOML_BYTES = 4 << 20


@dataclass
class Workspace:
    """A workspace folder. `document` is asl.toml as last read."""

    folder: Path
    document: dict = field(default_factory=dict)

    # Where things lie ------------------------------------------------------------------------------------------------
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
        """A clip's picture, by its id; as with landmarks, no folder gets too large for a file system."""
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
        """Runs of studies, each in a folder named by its fingerprint."""
        return self.folder / "experiments"

    @property
    def graphs(self) -> Path:
        """Built cascades, each in a folder of its own."""
        return self.folder / "graphs"

    @property
    def bundles(self) -> Path:
        """What `asl export` wrote, each in a folder of its own."""
        return self.folder / "bundles"

    @property
    def has_model(self) -> bool:
        return bool(self.newest(MODEL_STAGES, "model"))

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def private(self) -> Path:
        return self.folder / PRIVATE

    def relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def inside(self, name: str) -> Path:
        """A path recorded in the workspace. Raises BadInput if it leads out of it."""
        try:
            path = (self.folder / name).resolve()
            path.exists()
        except (OSError, ValueError) as error:
            raise BadInput(f"'{name[:60]!r}' is no name of a file", "records may only name files inside the workspace") from error
        if not path.is_relative_to(self.folder.resolve()):
            raise BadInput(f"'{name}' leads out of the workspace", "records may only name files inside it")
        return path

    # Settings --------------------------------------------------------------------------------------------------------
    def settings(self, section: str, flags: Mapping[str, Any] | None = None):
        return settings_module.resolve(section, self._table(section), flags or {})

    def setting_origins(self, section: str) -> dict[str, settings_module.Origin]:
        return settings_module.origins(section, self._table(section), {})

    def _table(self, section: str) -> Mapping[str, Any]:
        table = self.document.get(section, {})
        if not isinstance(table, Mapping):
            raise BadInput(f"asl.toml: [{section}] is not a table", f"write [{section}] on a line of its own")
        return table

    # State -----------------------------------------------------------------------------------------------------------
    def state(self, stage: str) -> dict[str, Any]:
        """The record of a stage's last complete run, or {}."""
        record = self.document.get("state", {}).get(stage, {})
        whole = isinstance(record, dict) and all(isinstance(record.get(part, {}), dict) for part in TABLES_OF_A_RECORD)
        return record if whole else {}

    def newest(self, stages: Sequence[str], what: str) -> str:
        """The model or graph, by name, of the stage that finished last of these; "" if none has made one."""
        records = [self.state(stage) for stage in stages]
        made = [record for record in records if record.get("metrics", {}).get(what)]
        return str(max(made, key=_order)["metrics"][what]) if made else ""

    def decide(self, plan: Plan, *, force: bool = False) -> Decision:
        """Whether the stage has to run: its fingerprint and its outputs against the record."""
        record = self.state(plan.stage)
        if force:
            return Decision(True, "forced")
        if not record:
            return Decision(True, "never run here")
        reasons = _differences(record, plan)
        if reasons:
            return Decision(True, "; ".join(reasons))
        for name, digest in record.get("outputs", {}).items():
            if not output_holds(self.inside(name), digest):
                return Decision(True, f"{name} is missing or was changed")
        return Decision(False, f"up to date since {record.get('finished', '?')}")

    def record(self, plan: Plan, started: datetime, outputs: Mapping[str, str], metrics: Mapping[str, Any]) -> None:
        """Writes a stage's record into asl.toml. The file is read again first: it may have been edited meanwhile.

        Raises BadInput where it was edited into something that is no TOML; the record waits then, and is not lost.
        """
        record = {
            "fingerprint": plan.fingerprint,
            "code": plan.code,
            "started": started.isoformat(timespec="seconds"),
            "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "settings": dict(plan.settings),
            "inputs": dict(plan.inputs),
            "outputs": dict(outputs),
            "metrics": {key: value for key, value in metrics.items() if value is not None},
        }
        numbers = [_order(one) for one in self.document.get("state", {}).values() if isinstance(one, dict)]
        waiting = _waiting(self.folder) | {plan.stage: record | {"number": max(numbers, default=0) + 1}}
        try:
            document = _read_toml(self.file, tomlkit.parse)
        except BadInput:
            write_json(_waiting_file(self.folder), waiting)
            raise
        states = document.setdefault("state", tomlkit.table(is_super_table=True))
        for stage, one in waiting.items():
            states[stage] = tomlkit.item(one)
        write_atomically(self.file, tomlkit.dumps(document))
        _waiting_file(self.folder).unlink(missing_ok=True)
        self.document = _read_toml(self.file, tomli.loads)

    @contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """One writer at a time; what one that was killed left half written is removed. Raises AslError naming who is at work."""
        with owned(self.private, command) as died:
            if died:
                remove_unfinished(self.folder)
            try:
                yield
            except KeyboardInterrupt:
                remove_unfinished(self.folder)  # of workers that were stopped
                raise


def _order(record: Mapping[str, Any]) -> int:
    """Of records: which was made later. Clocks are set back; numbers are not."""
    number = record.get("number")
    return number if isinstance(number, int) else 0


def create(folder: Path) -> Workspace:
    """A new workspace: the folder and a commented asl.toml. Raises BadInput if there is one already."""
    file = folder / FILE_NAME
    if file.exists():
        raise BadInput(f"{file} is there already", f"look at it with: asl status -w {folder}")
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file", "name a folder")
    try:
        write_atomically(file, settings_module.example_toml())
    except OSError as error:
        raise AslError(f"cannot write {file}: {error.strerror}", "check the folder's permissions") from error
    return open_workspace(folder)


def find(given: str | None, start: Path | None = None) -> Workspace:
    """The workspace from --workspace, $ASL_WORKSPACE, else upwards from the current folder, as git does."""
    named = given or os.environ.get("ASL_WORKSPACE")
    if named:
        return open_workspace(Path(named))
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return open_workspace(folder)
    raise BadInput("no workspace here or above", "make one with: asl init")


def open_workspace(folder: Path) -> Workspace:
    """Reads asl.toml. Raises BadInput: none there, not TOML, unknown section, or from a newer asl."""
    file = folder / FILE_NAME
    if not file.is_file():
        raise BadInput(f"{folder} is not a workspace: it has no {FILE_NAME}", f"make one with: asl init {folder}")
    document = _read_toml(file, tomli.loads)
    version = document.get("version", FORMAT_VERSION)
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise BadInput(f"{file} has version {version!r}; this asl knows {FORMAT_VERSION}", "update asl")
    known = {*settings_module.SECTIONS, "state", "version"}
    for key in document:
        if key not in known:
            raise BadInput(f"{file}: unknown section [{key}]", settings_module.nearest_hint(key, known - {"state"}))
    if not isinstance(document.get("state", {}), dict):
        raise BadInput(f"{file}: state is not a table", "delete that line; asl writes it anew")
    if waiting := _waiting(folder):
        document["state"] = document.get("state", {}) | waiting
    return Workspace(folder, document)


def _waiting_file(folder: Path) -> Path:
    """Records of finished stages that could not be written into asl.toml."""
    return folder / PRIVATE / "records.json"


def _waiting(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(_waiting_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {stage: one for stage, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def _read_toml(file: Path, parse):
    try:
        if file.stat().st_size > MAX_TOML_BYTES:
            raise BadInput(f"{file} is larger than {MAX_TOML_BYTES >> 20} MiB", "is it really a workspace file?")
        return parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the file's permissions") from error
    except (ValueError, RecursionError, tomlkit.exceptions.TOMLKitError) as error:
        raise BadInput(f"{file} is not valid TOML: {error}", "mend that line, or start anew with: asl init") from error
