"""What `asl extract --add` takes over from the run before, its clips and settings, and what is lost without."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from asl.pipelines.corpus.clips import Clip, read_clips
from asl.pipelines.corpus.landmark_summary import Summaries, read_summary
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.files import value_hash
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.settings.clips import SOURCE_KINDS, SourceSettings, SplitSettings

#: Not taken over: whoever allows copies across splits has seen those of one run only.
ALLOWED_ONCE = "allow_duplicates"
#: The input of a record that identifies the clips of earlier runs.
EARLIER_CLIPS = "earlier clips"
#: The setting of a record with the sources of earlier runs whose clips were kept: of each run, what is not default.
EARLIER_SOURCES = "earlier_sources"
_NO_CLIPS = value_hash([])


def earlier_clips(workspace: Workspace, replaced: Collection[str]) -> tuple[list[Clip], list[str]]:
    """The clips of the workspace except those that are extracted again (ids `replaced`), and warnings.

    Raises StageMissing if the list of clips is damaged.
    """
    if not workspace.clips_file.is_file():
        return [], []
    record = workspace.state("extract")
    clips = [_with_given_split(clip, record) for clip in read_clips(workspace.clips_file) if clip.id not in replaced]
    unknown = sum(clip.given_split is None for clip in clips)
    warning = f"an older asl did not store the given split of {counted(unknown, 'clip')}: assigned anew"
    return clips, [warning] if unknown and record.get("metrics", {}).get("split_by") == "given" else []


def add_earlier(summaries: Summaries, workspace: Workspace, clips: Sequence[Clip]) -> None:
    """Adds the summaries of earlier clips. Raises AslError if their landmarks are missing or damaged."""
    for clip in clips:
        try:
            summaries.add(clip.id, clip.name, read_summary(workspace.inside(clip.pose), synthetic=clip.synthetic))
        except BadClip as bad:
            message = f"the landmarks of {clip.name}, extracted earlier, are missing or damaged ({clip.pose}): {bad.message}"
            raise AslError(message, "extract all clips again, without --add") from bad


def replacement_warnings(workspace: Workspace, sources: SourceSettings, kept: Collection[str]) -> list[str]:
    """A warning if clips of other sources are about to leave the list of clips. kept: ids of the clips that will be in it."""
    record = workspace.state("extract")
    last, earlier = record.get("settings", {}), record.get("inputs", {}).get(EARLIER_CLIPS, _NO_CLIPS)
    # After --add, the sources of the record are not those of all clips.
    same_sources = earlier == _NO_CLIPS and all(getattr(sources, kind) == last.get(kind) for kind in SOURCE_KINDS if kind in last)
    if not workspace.clips_file.is_file() or same_sources:
        return []
    clips = read_clips(workspace.clips_file)
    leaving = sum(clip.id not in kept for clip in clips)
    if not leaving:
        return []
    return [
        f"{counted(leaving, 'clip is', 'clips are')} replaced, of {len(clips)} in the workspace; to keep earlier clips, use --add"
    ]


def _with_given_split(clip: Clip, record: Mapping[str, Any]) -> Clip:
    """In lists of older versions, the assigned split is the given one only if no run with --add mixed the two."""
    inputs, metrics = record.get("inputs", {}), record.get("metrics", {})
    is_given = metrics.get("split_by") == "given" and inputs.get(EARLIER_CLIPS) == _NO_CLIPS
    return replace(clip, given_split=clip.split) if clip.given_split is None and is_given else clip


def split_settings(workspace: Workspace, flags: Mapping[str, Any], *, add: bool) -> SplitSettings:
    """The settings of the split. With `add`, flags of the run before count where nothing else is set.

    Otherwise a signer who was held out would be back in training as soon as clips are added.
    """
    last = flags_of_last_run(workspace, "split") if add else {}
    kept = {name: value for name, value in last.items() if name != ALLOWED_ONCE}
    given = {name: value for name, value in flags.items() if value is not None}
    return workspace.settings("split", kept | given)


def source_settings(workspace: Workspace, flags: Mapping[str, Any], *, add: bool) -> SourceSettings:
    """The sources: those on the command line, else those in asl.toml, else those of the last run and of those it added to.

    With `add`, the aliases of the run before count where nothing else is set: otherwise the clips that are added would have
    other spellings than those that are there.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    last = flags_of_last_run(workspace, "sources")
    if any(flags.get(kind) for kind in SOURCE_KINDS):
        no_sources = {kind: False if kind == "synthetic" else [] for kind in SOURCE_KINDS}
        aliases = {name: value for name, value in last.items() if add and name == "aliases"}
        return workspace.settings("sources", no_sources | aliases | given)
    sources = workspace.settings("sources", flags)
    if any(getattr(sources, kind) for kind in SOURCE_KINDS):
        return sources
    return workspace.settings("sources", last | _added_up(workspace.state("extract").get("settings", {})) | given)


def earlier_sources(workspace: Workspace, sources: SourceSettings) -> list[dict[str, Any]]:
    """For the record of a run with `--add`: the sources of the runs before, whose clips it keeps, without its own."""
    settings, own = workspace.state("extract").get("settings", {}), _sources_in(asdict(sources))
    runs = [*settings.get(EARLIER_SOURCES, []), _sources_in(settings)]
    return [run for number, run in enumerate(runs) if run and run != own and run not in runs[:number]]


def _added_up(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The sources of a recorded run together with those that it was added to; {} if they cannot be read by one run.

    They cannot if they were read in different ways, for example by another --pattern.
    """
    runs = [*settings.get(EARLIER_SOURCES, []), _sources_in(settings)]
    ways = [{name: value for name, value in run.items() if name not in SOURCE_KINDS} for run in runs]
    if len(runs) < 2 or any(way != ways[0] for way in ways):
        return {}
    paths = {kind: [path for run in runs for path in run.get(kind, [])] for kind in SOURCE_KINDS if kind != "synthetic"}
    synthetic = any(run.get("synthetic") for run in runs)
    return {kind: list(dict.fromkeys(listed)) for kind, listed in paths.items()} | {"synthetic": synthetic}


def _sources_in(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the sources that are not default."""
    default = asdict(SourceSettings())
    return {name: settings[name] for name, value in default.items() if settings.get(name, value) != value}


def flags_of_last_run(workspace: Workspace, section: str) -> dict[str, Any]:
    """The settings of a section that were flags of the last `asl extract` and that neither asl.toml nor the environment sets.

    Those of an older version, which did not record which settings were flags, all count as flags.
    """
    record = workspace.state("extract")
    settings, flags = record.get("settings", {}), record.get("flags")
    unset = [name for name, setting in workspace.setting_origins(section).items() if setting.origin == "default"]
    return {name: settings[name] for name in unset if name in settings and (not isinstance(flags, list) or name in flags)}


def moved_warnings(earlier: Sequence[Clip], clips: Sequence[Clip]) -> list[str]:
    """A warning if clips are in another split than before: a model may have been trained on clips that are now for testing."""
    before = {clip.id: clip.split for clip in earlier}
    moved = sum(before.get(clip.id, clip.split) != clip.split for clip in clips)
    return (
        [f"{counted(moved, 'earlier clip is', 'earlier clips are')} in another split now: train again before you evaluate"]
        if moved
        else []
    )


def tracker_warnings(clips: Sequence[Clip]) -> list[str]:
    """A warning if the videos were tracked in different ways: a model may learn to tell these apart."""
    unknown = "an older asl"
    counts = Counter(clip.tracker or unknown for clip in clips if clip.kind == "video")
    if len(counts) < 2:
        return []
    listed = "; ".join(f"{tracker}: {count}" for tracker, count in counts.most_common())
    return [f"the videos were tracked in different ways ({listed}): extract all with one tracker before you compare"]
