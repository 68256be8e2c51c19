"""Shared by all studies: runs by name and seed, their execution over processes or a cluster, and the report."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.corpus.feature_store import open_features
from asl.pipelines.jobs.processes import Workers, fan_out
from asl.pipelines.recogniser.intervals import Groups, group_name, groups_named
from asl.pipelines.recogniser.model import CARD, read_card, stage_of_card
from asl.pipelines.studies.experiment import Experiment, Variant, run_experiment, set_up, trainings
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Plan
from asl.pipelines.workspace.progress import Progress

#: (name of the condition or size, seed).
RunKey = tuple[str, int]
Outcomes = Mapping[RunKey, Mapping[str, Any]]


@dataclass
class Study:
    """Results of a study.

    results: the content of the JSON report. ran, kept: how many runs were carried out now, and how many were reused. failed:
    one message per failed run.
    """

    results: dict[str, Any]
    report: str = ""
    ran: int = 0
    kept: int = 0
    failed: list[str] = field(default_factory=list)


def common_settings(workspace: Workspace, flags: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The settings that apply to all runs, and the first seed."""
    given = {key: value for key, value in flags.items() if value is not None and key != "seed"}
    return given, workspace.settings("train", flags).seed


def study_workers(workspace: Workspace, flags: Mapping[str, Any], jobs: int) -> Workers:
    """Where a study's runs are carried out. jobs: parallel processes on this machine, 0 for one per core."""
    hours = workspace.settings("study", flags).run_limit
    return Workers(jobs, workspace.settings("cluster", flags).cluster, 3600 * hours)


class Runs:
    """The experiments of a study: every variant with every seed. `failed` collects one message per failed run."""

    def __init__(self, workspace: Workspace, variants: Mapping[str, Variant], seeds: range, split: str):
        self.workspace, self.split, self.started = workspace, split, datetime.now().astimezone()
        self.planned = {
            (name, seed): set_up(workspace, variant, seed, split) for seed in seeds for name, variant in variants.items()
        }
        self.missing = {key: experiment for key, experiment in self.planned.items() if experiment.outcome is None}
        self.failed: list[str] = []

    def dry_run(self, workers: Workers) -> Study:
        """The runs that would be carried out, and about how long they would take."""
        to_run = [f"{name}, seed {seed}" for name, seed in self.missing]
        seconds = remaining_seconds(self.workspace, list(_distinct(self.missing).values()), workers)
        return Study({"to_run": to_run, "estimated_seconds": seconds and round(seconds)}, kept=self._kept)

    def carry_out(self, workers: Workers, progress: Progress, *, fresh: bool = False) -> Outcomes:
        """Carries out the missing runs in parallel, and returns every outcome that exists afterwards.

        fresh: use a new process for each run, so that its peak memory can be measured. Raises BadInput at once if settings or
        clips are wrong; any other failure is added to `failed`.
        """
        left = _distinct(self.missing)
        seconds = remaining_seconds(self.workspace, list(left.values()), workers)
        if left:
            progress.say(f"runs to carry out: {len(left)}; {duration_note(seconds)}")
        self._make_features(workers, progress)
        progress.start("runs", len(left))
        pace = Pace(_work(self.workspace, list(left.values())), _parallel(workers, len(left)))
        for experiment, future in fan_out(run_experiment, list(left.values()), workers, fresh=fresh):
            name = self._name(experiment)
            if error := future.exception():
                self._fail(name, error, progress)
            left.pop(experiment.fingerprint)
            seconds_left = pace.finished(experiment.fingerprint)
            about = f"about {duration(seconds_left)} left" if seconds_left else ""
            progress.advance(1, f"{name}; {about}" if about else name)
            if seconds is None and about:
                progress.say(f"runs left: {len(left)}; {about}")
                seconds = seconds_left
        return {key: outcome for key, experiment in self.planned.items() if (outcome := experiment.outcome)}

    def _name(self, experiment: Experiment) -> str:
        """The condition and seed of a run: several, if conditions have the same settings."""
        same = (key for key, other in self.missing.items() if other.fingerprint == experiment.fingerprint)
        return ", ".join(f"{name}, seed {seed}" for name, seed in same)

    def _fail(self, name: str, error: BaseException, progress: Progress) -> None:
        if isinstance(error, BadInput):
            raise error
        message = error.message if isinstance(error, AslError) else f"{type(error).__name__}: {error}"
        self.failed.append(f"{name}: {message}")
        progress.warn(self.failed[-1])

    def _make_features(self, workers: Workers, progress: Progress) -> None:
        """Computes the features here once, so that the processes do not each compute them."""
        clips = read_clips(self.workspace.clips_file) if self.missing else []
        for features in dict.fromkeys(experiment.choice.features for experiment in self.missing.values()):
            open_features(self.workspace, clips, features, progress, workers)

    def report(
        self,
        stage: str,
        page: Path,
        results: dict[str, Any],
        outcomes: Outcomes,
        metrics: Mapping[str, Any],
        write_page: Callable[[Path, Mapping[str, Any]], None],
        analysis: str = "",
    ) -> Study:
        """Writes the page and its JSON, and records the stage with `metrics`. analysis: its step, if it is not the stage."""
        results |= {"split": self.split, "split_by": self.split_by, "failed": self.failed}
        results |= {"synthetic": any(outcome["results"].get("synthetic") for outcome in outcomes.values())}
        files = (page, page.with_suffix(".json"))
        write_json(files[1], {"version": 1, **results})
        write_page(page, results)
        runs = value_hash([experiment.fingerprint for experiment in self.planned.values()])
        steps = {step for experiment in self.planned.values() for step in experiment.steps}
        inputs = {"clips": file_hash(self.workspace.clips_file), "runs": runs}
        plan = Plan(stage, {"study": page.stem}, inputs, (analysis or stage, *sorted(steps)))
        outputs = {self.workspace.relative(file): file_hash(file) for file in files}
        self.workspace.record(plan, self.started, outputs, metrics)
        return Study(results, str(page), len(_distinct(self.missing)) - len(self.failed), self._kept, self.failed)

    @property
    def split_by(self) -> str:
        """How the clips were split, as recorded by `asl extract`."""
        return self.workspace.state("extract").get("metrics", {}).get("split_by", "?")

    @property
    def group_names(self) -> dict[str, str]:
        """Clip, by id → its group, "" if it has none."""
        return {clip.id: group_name(clip) for clip in read_clips(self.workspace.clips_file)}

    @property
    def _kept(self) -> int:
        return len(_distinct(self.planned)) - len(_distinct(self.missing))


def _distinct(runs: Mapping[RunKey, Experiment]) -> dict[str, Experiment]:
    """Fingerprint → run. Conditions with the same settings share their runs, each of which is carried out once."""
    return {experiment.fingerprint: experiment for experiment in runs.values()}


# Durations -----------------------------------------------------------------------------------------------------------
#: What a run takes apart from its training: a process, the libraries, a test.
SECONDS_PER_RUN = 10.0


def remaining_seconds(workspace: Workspace, experiments: Sequence[Experiment], workers: Workers) -> float | None:
    """About how long these runs take together, or None if none of their kind was measured.

    Each is estimated by its epochs and clips, and by the time that earlier trainings took for a clip in an epoch.
    """
    clips = read_clips(workspace.clips_file) if experiments else []
    needed = {folder: work for experiment in experiments for folder, work in trainings(experiment, clips).items()}
    rates = _seconds_per_clip(workspace)
    if any(stage not in rates for stage, _ in needed.values()):
        return None
    seconds = [passes * rates[stage] for stage, passes in needed.values()] + [SECONDS_PER_RUN] * len(experiments)
    return max([sum(seconds) / _parallel(workers, len(experiments)), *seconds])


def _parallel(workers: Workers, runs: int) -> int:
    """How many of these runs are carried out at once; 1 on a cluster, whose size is not known."""
    return 1 if workers.cluster else max(1, min(workers.processes or os.cpu_count() or 1, runs))


class Pace:
    """How long the runs that are left take, by those of the same study that have finished, whatever else the machine does.

    work: run → its amount of work, in any unit. parallel: runs at once.
    """

    def __init__(self, work: Mapping[str, float], parallel: int):
        self._left, self._total, self._started = dict(work), sum(work.values()), time.monotonic()
        self._unknown = parallel - 1

    def finished(self, run: str) -> float | None:
        """About how many seconds the others take, now that this run has finished; None until as many as run at once have."""
        self._left.pop(run)
        if self._unknown > 0:
            self._unknown -= 1
            return None
        left = sum(self._left.values())
        return (time.monotonic() - self._started) * left / (self._total - left)


def _work(workspace: Workspace, experiments: Sequence[Experiment]) -> dict[str, float]:
    """Run, by its fingerprint → passes over a training clip that it still needs, and one more for what each run needs.

    A stage 1 that several runs share counts for the first.
    """
    clips, counted_folders, work = read_clips(workspace.clips_file) if experiments else [], set(), {}
    for experiment in experiments:
        needed = {folder: passes for folder, (_, passes) in trainings(experiment, clips).items() if folder not in counted_folders}
        counted_folders |= needed.keys()
        work[experiment.fingerprint] = 1.0 + sum(needed.values())
    return work


def _seconds_per_clip(workspace: Workspace) -> dict[str, float]:
    """Stage → median seconds for a clip in an epoch. Runs of studies count before models, which use more threads."""
    rates: dict[str, list[float]] = {}
    for stage, rate in _measured(workspace.experiments):
        rates.setdefault(stage, []).append(rate)
    of_models: dict[str, list[float]] = {}
    for stage, rate in _measured(workspace.models):
        of_models.setdefault(stage, []).append(rate)
    return {stage: float(np.median(values)) for stage, values in (of_models | rates).items()}


def _measured(folder: Path) -> Iterator[tuple[str, float]]:
    """Stage and seconds for a clip in an epoch, of each finished training in a folder. Damaged models are passed over."""
    for file in folder.glob(f"*/{CARD}"):
        try:
            card = read_card(file.parent)
        except BadInput:
            continue
        figures = card.get("metrics", {})
        if all(figures.get(key) for key in ("seconds", "epochs", "train_clips")):
            passes = figures["epochs"] * figures["train_clips"] * (figures.get("members") or 1)
            yield stage_of_card(card), figures["seconds"] / passes


def duration_note(seconds: float | None) -> str:
    """What to tell before a study begins."""
    if seconds is None:
        return "how long they take is said after the first ones; this workspace has no finished training of the kind to go by"
    return (
        f"about {duration(seconds)}, if the machine is as idle as in earlier trainings of this workspace; "
        "computing features comes on top"
    )


def duration(seconds: float) -> str:
    """A duration as people say it: 40 s, 12 min, 3 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


# Metrics -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Metric:
    """A score over clips, in percent unless it was imported.

    better: "higher" or "lower". digits: decimals of scores, difference_digits: of their differences. unit: of a difference.
    """

    name: str
    title: str
    better: str = "higher"
    digits: int = 2
    difference_digits: int = 1
    unit: str = " points"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("top_1", "top-1 accuracy"),
        Metric("top_5", "top-5 accuracy"),
        Metric("read_exactly", "clips read as exactly their gloss"),
        Metric("wer", "word error rate", better="lower"),
    )
}


def common_seeds(outcomes: Outcomes, names: Sequence[str]) -> list[int]:
    """The seeds that ran under every name. Raises AslError if there are fewer than two."""
    seeds = sorted(seed for seed in {seed for _, seed in outcomes} if all((name, seed) in outcomes for name in names))
    if len(seeds) < 2:
        raise AslError(
            f"{counted(len(seeds), 'seed')} finished in all conditions, but two are needed",
            "see the failures above; finished runs are kept",
        )
    return seeds


def common_clips(outcomes: Outcomes, metric: Metric) -> tuple[list[str], dict[RunKey, np.ndarray]]:
    """The ids of the clips that every run was tested on, and each run's values for them.

    The values are (clips,), or for wer (clips, 2) errors and words.

    Raises BadInput if the runs have no such clip in common.
    """
    tested = [
        {clip for clip, values in outcome["clips"].items() if _value(values, metric) is not None} for outcome in outcomes.values()
    ]
    clips = sorted(set.intersection(*tested))
    if not clips:
        raise BadInput(
            f"the runs have no test clip with a {metric.title} in common",
            "test them on the same split with the same vocabulary, or use another --metric",
        )
    return clips, {
        key: np.array([_value(outcome["clips"][clip], metric) for clip in clips], dtype=float)
        for key, outcome in outcomes.items()
    }


def groups_of_clips(clips: Sequence[str], group_names: Mapping[str, str]) -> Groups | None:
    """The groups of clips by name; None if they are not known."""
    return groups_named([group_names.get(name, "") for name in clips])


def _value(values: Mapping[str, float], metric: Metric):
    if metric.name == "wer":
        return (values["errors"], values["words"]) if "errors" in values else None
    return values.get(metric.name)
