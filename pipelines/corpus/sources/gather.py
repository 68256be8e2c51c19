"""Gathering the clips of all sources in the settings."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl.models.features.tiers import GLOSS_TIER
from asl.pipelines.corpus.aliases import NO_ALIASES, Aliases, read_aliases
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources import arrays, elan, manifest, poses, videos, wlasl
from asl.pipelines.corpus.sources.elan_signs import TierNames
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SourceSettings, SyntheticSettings


@dataclass
class Gathered:
    """The clips of the sources.

    missing: clips that a source lists but whose files do not exist. lost: those of them that a manifest lists; of WLASL, many
    videos can no longer be had. notes: warnings for the user. contradictory: number of files that have several glosses.
    broken: (file, reason) of annotation files that cannot be read; their clips are used without them.
    """

    clips: list[ClipSource] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    contradictory: int = 0
    aliases: Aliases = NO_ALIASES


def gather(settings: SourceSettings, synthetic: SyntheticSettings, rendered: Path) -> Gathered:
    """All clips of all sources, with their annotations. rendered: folder of the videos of synthetic signers.

    Raises BadInput if there is no source, a path is wrong, or there are no clips.
    """
    kinds: list[tuple[list[str], Callable[[Path], Gathered]]] = [
        (settings.videos, lambda path: Gathered(videos.read(path))),
        (settings.manifest, _manifest),
        (settings.wlasl, lambda path: Gathered(*wlasl.read(path, settings))),
        (settings.poses, lambda path: Gathered(poses.read(path, settings.pattern))),
        (settings.landmarks, lambda path: Gathered(arrays.read(path, settings.layout))),
    ]
    if not settings.synthetic and not any(paths for paths, _ in kinds):
        raise BadInput(
            "there is no source of clips",
            "asl extract --videos DIR (or --manifest, --wlasl, --poses, --landmarks, --synthetic)",
        )
    gathered = Gathered()
    for paths, read in kinds:
        for name in paths:
            source = read(Path(name))
            gathered.clips += source.clips
            gathered.missing += source.missing
            gathered.notes += source.notes
            gathered.lost += source.lost
    if settings.synthetic:
        gathered.clips += _synthetic(synthetic, rendered)
    aliases = gathered.aliases = read_aliases(settings.aliases)
    if settings.annotations:
        _annotate(gathered, settings, aliases)
    if not gathered.clips:
        raise BadInput("the sources contain no clips", _hint_if_empty(gathered))
    gathered.clips = [_without_aliases(clip, aliases) for clip in gathered.clips]
    gathered.contradictory, notes = _contradictions(gathered.clips)
    gathered.notes += notes
    gathered.clips = _unique(gathered.clips)
    return gathered


def _manifest(path: Path) -> Gathered:
    clips, missing = manifest.read(path)
    total = len(clips) + len(missing)
    notes = (
        [f"{counted(len(missing), 'clip has', 'clips have')} no file, of {total} in {path}, such as {missing[0]}"]
        if missing
        else []
    )
    return Gathered(clips, missing, notes, lost=list(missing))


def _contradictions(clips: list[ClipSource]) -> tuple[int, list[str]]:
    """The number of files or ranges of files that are listed with different glosses, and a warning about them."""
    labels: dict[tuple, dict[tuple[str, ...], None]] = {}
    for clip in clips:
        key = (os.path.abspath(clip.path), clip.start, clip.end, clip.row, clip.layout)
        labels.setdefault(key, {})[clip.glosses] = None
    several = [(key[0], list(glosses)) for key, glosses in labels.items() if len(glosses) > 1]
    if not several:
        return 0, []
    path, glosses = several[0]
    listed = " and as ".join(f"'{' '.join(label)}'" if label else "without gloss" for label in glosses[:3])
    return len(several), [
        f"{counted(len(several), 'file is', 'files are')} listed with different glosses, such as {path} as {listed}; all are used"
    ]


def _synthetic(settings: SyntheticSettings, rendered: Path) -> list[ClipSource]:
    from asl.pipelines.corpus.sources.synthetic import clips

    return list(clips(settings, rendered))


def _annotate(gathered: Gathered, settings: SourceSettings, aliases: Aliases) -> None:
    names = TierNames(settings.gloss_tier, settings.utterance_tier, aliases.spelled)
    annotated = elan.annotate(gathered.clips, Path(settings.annotations), names)
    gathered.clips = annotated.clips
    gathered.broken = [(str(file), reason) for file, reason in annotated.broken.items()]
    gathered.notes += annotated.notes


def _without_aliases(clip: ClipSource, aliases: Aliases) -> ClipSource:
    glosses = aliases.all(clip.glosses)
    if glosses == clip.glosses:
        return clip
    segments = [replace(s, value=aliases.gloss(s.value)) if s.tier == GLOSS_TIER else s for s in clip.segments]
    return replace(clip, glosses=glosses, segments=tuple(segments))


def _hint_if_empty(gathered: Gathered) -> str:
    if gathered.missing:
        return f"{counted(len(gathered.missing), 'clip is', 'clips are')} listed without a file, e.g. {gathered.missing[0]}"
    return "check the folder; videos must be laid out as gloss/clip.mp4"


def _unique(clips: list[ClipSource]) -> list[ClipSource]:
    """Makes names unique in order of appearance, since two sources may both contain words/book.mp4."""
    counts: dict[str, int] = {}
    unique = []
    for clip in clips:
        count = counts[clip.name] = counts.get(clip.name, 0) + 1
        unique.append(clip if count == 1 else replace(clip, name=f"{clip.name}#{count}"))
    return unique
