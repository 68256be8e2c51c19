"""`asl extract`: clips with landmarks from sources (SPEC §1, §14)."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.corpus import extract_clip
from asl.pipelines.corpus.aliases import keep_aliases
from asl.pipelines.corpus.clip_ranges import cut_short_warnings, is_cut_short
from asl.pipelines.corpus.clips import SPLITS, Clip, ClipSource, is_synthetic, read_clips, write_clips
from asl.pipelines.corpus.copies_across_splits import handle_copies
from asl.pipelines.corpus.earlier_clips import (
    EARLIER_CLIPS,
    EARLIER_SOURCES,
    add_earlier,
    earlier_clips,
    earlier_sources,
    moved_warnings,
    replacement_warnings,
    source_settings,
    split_settings,
    tracker_warnings,
)
from asl.pipelines.corpus.landmark_summary import LandmarkSummary, Summaries, read_summary
from asl.pipelines.corpus.sources.gather import Gathered, gather
from asl.pipelines.corpus.sources.synthetic import is_rendered, render
from asl.pipelines.corpus.splits import assign_splits, check_groups
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.media import privacy
from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadClip, BadInput, SomeFailed
from asl.pipelines.workspace.files import HashCache, file_hash, slug, value_hash, write_atomically, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan, settings_of
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings, SourceSettings, SyntheticSettings

STAGE = "extract"
#: The settings that determine the landmarks of a video.
TRACKER_SETTINGS = ("tracker", "complexity", "detection_confidence", "tracking_confidence", "max_side", "track_fps")


@dataclass(frozen=True)
class Failure:
    """A clip that could not be used. reason: a stable short identifier. message: one line."""

    name: str
    reason: str
    message: str


@dataclass
class ExtractionResult:
    """Result of `asl extract`. metrics: flat figures for the table. failures, missing: also listed in files. notes: warnings."""

    decision: Decision
    metrics: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    report: str = ""


@dataclass(frozen=True)
class _Job:
    """A clip to extract, and the file for its landmarks. id: derived from its content, so that it is extracted only once."""

    source: ClipSource
    id: str
    pose: Path


def run_extract(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    add: bool = False,
    force: bool = False,
    dry_run: bool = False,
    fail_fast: bool = False,
) -> ExtractionResult:
    """Extracts the landmarks of every clip of the sources, and lists the clips in clips.jsonl.

    flags: settings given on the command line, by name. add: keep the clips that are already in the workspace. Clips that cannot
    be used are listed, and the others are extracted. Raises BadInput for invalid sources, and for duplicates across splits.
    """
    sources = source_settings(workspace, flags, add=add)
    landmarks, split = workspace.settings("landmarks", flags), split_settings(workspace, flags, add=add)
    synthetic, cluster = workspace.settings("synthetic", flags), workspace.settings("cluster", flags)
    workers = Workers(landmarks.workers, cluster.cluster, 60 * landmarks.time_limit)
    with workspace.locked("asl extract"):
        gathered = gather(sources, synthetic, workspace.synthetic)
        if not add:  # otherwise they may be groups of earlier clips
            check_groups({clip.group for clip in gathered.clips}, split)
        unrendered = [clip for clip in gathered.clips if is_rendered(clip) and not clip.path.is_file()]
        if unrendered and dry_run:
            metrics = {"clips": len(gathered.clips), "to_render": len(unrendered)}
            return ExtractionResult(Decision(True, "videos must be rendered first"), metrics, notes=gathered.notes)
        render(unrendered, workers, progress)
        jobs, unreadable = _jobs(workspace, gathered.clips, landmarks)
        earlier, warnings = earlier_clips(workspace, {job.id for job in jobs}) if add else ([], [])
        plan = _plan(gathered, jobs, earlier, sources, synthetic, landmarks, split)
        if added_to := earlier_sources(workspace, sources) if add else []:
            plan = replace(plan, settings=dict(plan.settings) | {EARLIER_SOURCES: added_to})
        decision = _decide(workspace, plan, force)
        if not decision.run:
            return _recorded_result(workspace, decision)
        for warning in [] if add else replacement_warnings(workspace, sources, {job.id for job in jobs}):
            progress.warn(warning)
        if dry_run:
            todo = sum(force or not job.pose.is_file() for job in jobs)
            metrics = {"clips": len(jobs), "to_extract": todo, "already_extracted": len(jobs) - todo}
            return ExtractionResult(decision, metrics, missing=gathered.missing, notes=gathered.notes)
        started, clock = datetime.now().astimezone(), time.monotonic()
        failures = unreadable + _failed_sources(gathered)
        if failures and fail_fast:
            raise SomeFailed(f"{failures[0].name}: {failures[0].message}", "leave out --fail-fast to skip bad clips")
        summaries = Summaries()
        failed, frames = _extract(workspace, jobs, landmarks, workers, progress, summaries, force=force, fail_fast=fail_fast)
        failures += failed
        seconds = time.monotonic() - clock
        add_earlier(summaries, workspace, earlier)
        clips = earlier + [_clip(workspace, job, summaries[job.id], landmarks) for job in jobs if job.id in summaries]
        if not clips:
            _list_failures(workspace, failures, gathered.missing)
            raise BadInput("none of the clips could be used", _failure_hint(failures))
        assigned = assign_splits(clips, split)
        duplicates = handle_copies(workspace, assigned, summaries, split)
        write_clips(workspace.clips_file, assigned.clips)
        keep_aliases(gathered.aliases, workspace.aliases)
        _list_failures(workspace, failures, gathered.missing)
        metrics = summary(assigned.clips, failures, gathered.missing) | {"split_by": assigned.method} | duplicates
        short = _cut_short(jobs, assigned.clips)
        metrics |= {key: count for key, count in (("contradictory", gathered.contradictory), ("cut_short", len(short))) if count}
        metrics |= {"seconds": round(seconds, 1), "frames_per_second": round(frames / seconds, 1)} if frames else {}
        notes = gathered.notes + warnings + assigned.warnings + moved_warnings(earlier, assigned.clips)
        notes += cut_short_warnings(short) + tracker_warnings(assigned.clips)
        notes += _unrestricted_files(workspace, assigned.clips, landmarks)
        result = ExtractionResult(decision, metrics, failures, gathered.missing, notes)
        result.report = _report(workspace, assigned.clips, summaries, result)
        workspace.record(plan, started, {"clips.jsonl": file_hash(workspace.clips_file)}, metrics)
        return result


def _jobs(workspace: Workspace, clips: Sequence[ClipSource], settings: LandmarkSettings) -> tuple[list[_Job], list[Failure]]:
    """One job per readable clip. The id depends on the content of the file, the range and the settings of the tracker."""
    hashes = HashCache(workspace.private / "hashes.json")
    tracker_settings = {key: getattr(settings, key) for key in TRACKER_SETTINGS}
    jobs, failures = [], []
    for clip in clips:
        try:
            if clip.path.is_dir():
                raise IsADirectoryError(21, "it is a folder, not a clip")
            content = hashes(clip.path)
        except OSError as error:
            failures.append(Failure(clip.name, "unreadable", error.strerror or str(error)))
            continue
        details = tracker_settings if clip.kind == "video" else clip.layout
        restrictions = [dict(privacy.restrictions(settings))] if privacy.restrictions(settings) else []
        version = VERSIONS["tracker" if clip.kind == "video" else "landmarks"]
        digest = value_hash([version, content, clip.start, clip.end, clip.range_if_reached, clip.row, details, *restrictions])
        id = f"{slug(Path(clip.name).stem)}-{value_hash([clip.name, digest])[:10]}"
        jobs.append(_Job(clip, id, workspace.landmarks / id[-2:] / f"{id}.pose"))
    hashes.save()
    return jobs, failures


def _failed_sources(gathered: Gathered) -> list[Failure]:
    """Annotation files that cannot be read, and clips of manifests that do not exist."""
    broken = [Failure(name, "bad-annotation", reason) for name, reason in gathered.broken]
    return broken + [Failure(name, "missing", "the file does not exist") for name in gathered.lost]


def _cut_short(jobs: Sequence[_Job], clips: Sequence[Clip]) -> list[tuple[Clip, ClipSource]]:
    """The clips whose file ends before their range does."""
    sources = {job.id: job.source for job in jobs}
    ranges = [(clip, sources[clip.id]) for clip in clips if clip.id in sources]
    return [(clip, source) for clip, source in ranges if is_cut_short(source, clip.frames / clip.fps)]


def _plan(gathered: Gathered, jobs, earlier, sources: SourceSettings, synthetic: SyntheticSettings, landmarks, split) -> Plan:
    clips = [[job.id, job.source.glosses, job.source.group, job.source.signer, job.source.split] for job in jobs]
    segments = [[asdict(segment) for segment in job.source.segments] for job in jobs]
    inputs = {
        "clips": value_hash(clips),
        "annotations": value_hash(segments),
        "missing": value_hash(gathered.missing),
        EARLIER_CLIPS: value_hash([clip.id for clip in earlier]),
    }
    if gathered.aliases.glosses:  # also those that no clip has: evaluations read the table that is kept
        inputs["aliases"] = gathered.aliases.digest
    settings = settings_of(sources, synthetic, landmarks, split) if sources.synthetic else settings_of(sources, landmarks, split)
    return Plan(STAGE, {key: value for key, value in settings.items() if key not in ("workers", "time_limit")}, inputs)


def _decide(workspace: Workspace, plan: Plan, force: bool) -> Decision:
    decision = workspace.decide(plan, force=force)
    if decision.run:
        return decision
    missing = sum(not (workspace.folder / clip.pose).is_file() for clip in read_clips(workspace.clips_file))
    return Decision(True, f"{counted(missing, 'landmark file is', 'landmark files are')} missing") if missing else decision


def _recorded_result(workspace: Workspace, decision: Decision) -> ExtractionResult:
    """The result of the last run."""
    metrics = dict(workspace.state(STAGE).get("metrics", {}))
    failures = [Failure(**json.loads(line)) for line in _lines(workspace.folder / "failures.jsonl")]
    report = workspace.reports / "extract.html"
    missing = _lines(workspace.folder / "missing.txt")
    return ExtractionResult(decision, metrics, failures, missing, report=str(report) if report.is_file() else "")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _extract(
    workspace, jobs, settings: LandmarkSettings, workers: Workers, progress: Progress, summaries: Summaries, *, force: bool,
    fail_fast: bool,
) -> tuple[list[Failure], int]:  # fmt: skip
    """Extracts the clips, and adds the summary of each. Returns failures, and the number of frames that were extracted."""
    for folder in (workspace.landmarks, workspace.thumbnails):
        folder.mkdir(exist_ok=True)
    todo = [job for job in jobs if force or not job.pose.is_file()]
    if len(todo) < len(jobs) and todo:
        progress.say(f"already extracted: {len(jobs) - len(todo)} of {counted(len(jobs), 'clip')}")
    progress.start("extract", len(todo))
    # Large files first, so that no worker is left with a long clip at the end.
    todo.sort(key=lambda job: (-job.source.path.stat().st_size, job.id))
    tasks = {extract_clip.Task(job.source, job.pose, workspace.thumbnail(job.id)): job for job in todo}
    failures, frames, clock = _stored(set(jobs).difference(todo), summaries), 0, time.monotonic()
    for task, outcome in extract_clip.run(list(tasks), settings, workers):
        if isinstance(outcome, BadClip):
            failures.append(Failure(task.source.name, outcome.reason, outcome.message))
            if fail_fast:
                raise SomeFailed(f"{task.source.name}: {outcome.message}", "leave out --fail-fast to skip bad clips")
        else:
            frames += outcome.frames
            summaries.add(tasks[task].id, task.source.name, outcome)
        progress.advance(1, f"{frames / max(time.monotonic() - clock, 1e-3):.0f} frames/s")
    return sorted(failures, key=lambda failure: failure.name), frames


def _stored(jobs: Iterable[_Job], summaries: Summaries) -> list[Failure]:
    """Adds the summaries of clips that were extracted before. Returns those whose files are damaged."""
    failures = []
    for job in jobs:
        try:
            summaries.add(job.id, job.source.name, read_summary(job.pose, synthetic=is_synthetic(job.source)))
        except BadClip as bad:
            message = f"its landmarks are damaged: delete {job.pose} ({bad.message})"
            failures.append(Failure(job.source.name, bad.reason, message))
    return failures


def _clip(workspace: Workspace, job: _Job, summary: LandmarkSummary, settings: LandmarkSettings) -> Clip:
    source = job.source
    return Clip(
        id=job.id, pose=workspace.relative(job.pose), digest=summary.digest, name=source.name, kind=source.kind,
        glosses=source.glosses, group=source.group, signer=source.signer, split="", given_split=source.split,
        fps=round(summary.fps, 4), frames=summary.frames, seen=summary.seen, segments=source.segments,
        tracker=settings.tracker_name if source.kind == "video" else "",
    )  # fmt: skip


def _unrestricted_files(workspace: Workspace, clips: Sequence[Clip], settings: LandmarkSettings) -> list[str]:
    """If the stored points are restricted: a warning about files of earlier runs, which may contain more points."""
    if not privacy.restrictions(settings):
        return []
    ids = {clip.id for clip in clips}
    files = (path for folder in (workspace.landmarks, workspace.thumbnails) for path in folder.rglob("*.*"))
    count = sum(path.stem not in ids for path in files)
    files_are = counted(
        count, "file of an earlier run, which may contain more, is", "files of earlier runs, which may contain more, are"
    )
    return [f"{files_are} still in landmarks/ and thumbnails/"] if count else []


def summary(clips: Sequence[Clip], failures: Sequence[Failure], missing: Sequence[str]) -> dict[str, Any]:
    """Metrics of the clips. Shares are relative to all frames."""
    frames = np.array([clip.frames for clip in clips])
    seen = frames @ np.array([clip.seen for clip in clips]) / frames.sum()
    any_hand = float(frames @ np.array([clip.hands_seen for clip in clips]) / frames.sum())
    splits = Counter(clip.split for clip in clips)
    synthetic = sum(clip.synthetic for clip in clips)
    return {
        "clips": len(clips),
        **({"synthetic": synthetic} if synthetic else {}),
        "glosses": len({word for clip in clips for word in clip.glosses}),
        **({"without_gloss": without} if (without := sum(not clip.glosses for clip in clips)) else {}),
        "groups": len({clip.group for clip in clips if clip.group}),
        "frames": int(frames.sum()),
        "minutes": round(sum(clip.frames / clip.fps for clip in clips) / 60, 2),
        **{name: splits[name] for name in SPLITS},
        "pose_seen": round(float(seen[0]), 4),
        "face_seen": round(float(seen[1]), 4),
        "left_hand_seen": round(float(seen[2]), 4),
        "right_hand_seen": round(float(seen[3]), 4),
        "a_hand_seen": round(any_hand, 4),
        "failed": len(failures),
        "failed_by_reason": dict(Counter(failure.reason for failure in failures).most_common()),
        "missing": len(missing),
    }


def _list_failures(workspace: Workspace, failures: Sequence[Failure], missing: Sequence[str]) -> None:
    lines = "".join(json.dumps(asdict(failure), ensure_ascii=False) + "\n" for failure in failures)
    for name, text in (("failures.jsonl", lines), ("missing.txt", "".join(f"{name}\n" for name in missing))):
        if text:
            write_atomically(workspace.folder / name, text)
        else:
            (workspace.folder / name).unlink(missing_ok=True)


def _failure_hint(failures: Sequence[Failure]) -> str:
    reasons = Counter(failure.reason for failure in failures).most_common(3)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons)
    return f"{listed}; e.g. {failures[0].name}: {failures[0].message}" if failures else "check the sources"


def _report(workspace: Workspace, clips: Sequence[Clip], summaries: Summaries, result: ExtractionResult) -> str:
    from asl.pipelines.corpus.report import write_report

    path = workspace.reports / "extract.html"
    write_report(path, workspace, clips, summaries, result)
    write_json(
        path.with_suffix(".json"), {"version": 1, "metrics": result.metrics, "failures": [asdict(f) for f in result.failures]}
    )
    return str(path)
