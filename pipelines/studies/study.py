"""What all studies share: runs by name and seed, carried out over processes, and one report of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.jobs.processes import Where, fan_out
from asl.pipelines.studies.experiment import Variant, run_experiment, set_up
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Plan
from asl.pipelines.workspace.progress import Progress

CODE = 1
#: (name of the condition or size, seed).
Key = tuple[str, int]
Outcomes = Mapping[Key, Mapping[str, Any]]


@dataclass
class Study:
    """What a study found. results: the content of the JSON report; ran, kept: runs made and found there; failed: in words."""

    results: dict[str, Any]
    report: str = ""
    ran: int = 0
    kept: int = 0
    failed: list[str] = field(default_factory=list)


def common_settings(workspace: Workspace, flags: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The settings given for all runs, and the first of their seeds."""
    given = {key: value for key, value in flags.items() if value is not None and key != "seed"}
    return given, workspace.settings("train", flags).seed


def where_of(workspace: Workspace, flags: Mapping[str, Any], jobs: int) -> Where:
    """Where the runs of a study are carried out. jobs: side by side here, 0 one a core."""
    hours = workspace.settings("study", flags).run_limit
    return Where(jobs, workspace.settings("cluster", flags).cluster, 3600 * hours)


class Runs:
    """The experiments of a study: every variant, by its name, from every seed."""

    def __init__(self, workspace: Workspace, variants: Mapping[str, Variant], seeds: range, split: str):
        self.workspace, self.split, self.started = workspace, split, datetime.now().astimezone()
        self.planned = {(name, seed): set_up(workspace, one, seed, split) for seed in seeds for name, one in variants.items()}
        self.missing = {key: one for key, one in self.planned.items() if one.outcome is None}
        self.failed: list[str] = []

    def dry(self) -> Study:
        """What would run."""
        return Study({"to_run": [f"{name}, seed {seed}" for name, seed in self.missing]}, kept=self._kept)

    def carry_out(self, where: Where, progress: Progress, *, fresh: bool = False) -> Outcomes:
        """Runs what is missing, several at a time; the outcomes that are there then. Wrong settings or clips end it at once.

        A run that fails otherwise is named in `failed`. fresh: each in a process of its own, as its peak memory is wanted.
        """
        self._make_features(where, progress)
        progress.start("runs", len(self.missing))
        names = {one.fingerprint: f"{name}, seed {seed}" for (name, seed), one in self.missing.items()}
        for one, future in fan_out(run_experiment, list(self.missing.values()), where, fresh=fresh):
            error, name = future.exception(), names[one.fingerprint]
            if isinstance(error, BadInput):
                raise error
            if error is not None:
                words = error.message if isinstance(error, AslError) else f"{type(error).__name__}: {error}"
                self.failed.append(f"{name}: {words}")
                progress.warn(self.failed[-1])
            progress.advance(1, name)
        return {key: outcome for key, one in self.planned.items() if (outcome := one.outcome)}

    def _make_features(self, where: Where, progress: Progress) -> None:
        """Once here, lest every process makes them."""
        clips = read_clips(self.workspace.clips_file) if self.missing else []
        for features in dict.fromkeys(one.choice.features for one in self.missing.values()):
            open_features(self.workspace, clips, features, progress, where)

    def report(
        self,
        stage: str,
        page: Path,
        results: dict[str, Any],
        found: Outcomes,
        metrics: Mapping[str, Any],
        write_page: Callable[[Path, Mapping[str, Any]], None],
    ) -> Study:
        """Writes the page and its JSON, and records the stage with `metrics`."""
        results |= {"split": self.split, "split_by": self.split_by, "failed": self.failed}
        results |= {"synthetic": any(one["results"].get("synthetic") for one in found.values())}
        files = (page, page.with_suffix(".json"))
        write_json(files[1], {"version": 1, **results})
        write_page(page, results)
        runs = value_hash([one.fingerprint for one in self.planned.values()])
        plan = Plan(stage, {"study": page.stem}, {"clips": file_hash(self.workspace.clips_file), "runs": runs}, CODE)
        outputs = {self.workspace.relative(file): file_hash(file) for file in files}
        self.workspace.record(plan, self.started, outputs, metrics)
        return Study(results, str(page), len(self.missing) - len(self.failed), self._kept, self.failed)

    @property
    def split_by(self) -> str:
        """How the clips were split, as `asl extract` recorded it."""
        return self.workspace.state("extract").get("metrics", {}).get("split_by", "?")

    @property
    def _kept(self) -> int:
        return len(self.planned) - len(self.missing)


# What outcomes are compared by ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Metric:
    """A score of clips, in percent; better: whether higher or lower is."""

    name: str
    title: str
    better: str = "higher"


METRICS = {
    one.name: one
    for one in (
        Metric("top_1", "top-1 accuracy"),
        Metric("top_5", "top-5 accuracy"),
        Metric("read_exactly", "clips read as exactly their gloss"),
        Metric("wer", "word error rate", better="lower"),
    )
}


def common_seeds(found: Outcomes, names: Sequence[str]) -> list[int]:
    """The seeds that ran under every name. Raises AslError if there are fewer than two."""
    seeds = sorted(seed for seed in {seed for _, seed in found} if all((name, seed) in found for name in names))
    if len(seeds) < 2:
        raise AslError(
            f"{len(seeds)} seeds ran in all conditions; two are needed", "see the failures above; finished runs are kept"
        )
    return seeds


def common_clips(found: Outcomes, metric: Metric) -> tuple[list[str], dict[Key, np.ndarray]]:
    """The clips that every run was tested on, and each run's values of them: (clips,), or for wer (clips, 2) errors and words."""
    own = [{name for name, values in one["clips"].items() if _value(values, metric) is not None} for one in found.values()]
    clips = sorted(set.intersection(*own))
    if not clips:
        raise BadInput(
            f"the runs have no test clip with a {metric.title} in common",
            "test them on the same split with the same vocabulary, or take another --metric",
        )
    return clips, {
        key: np.array([_value(one["clips"][name], metric) for name in clips], dtype=float) for key, one in found.items()
    }


def _value(values: Mapping[str, float], metric: Metric):
    if metric.name == "wer":
        return (values["errors"], values["words"]) if "errors" in values else None
    return values.get(metric.name)
