"""Gathering the clips of all sources in the settings."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources import arrays, elan, manifest, poses, videos, wlasl
from asl.pipelines.corpus.sources.elan_signs import TierNames
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SourceSettings, SyntheticSettings
from asl.transducers.glossing import normalise_gloss


@dataclass
class Gathered:
    """The clips of the sources.

    missing: clips that a source lists but whose files do not exist. notes: messages for the user.
    broken: (file, reason) of annotation files that cannot be read; their clips are used without them.
    """

    clips: list[ClipSource] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)


def gather(settings: SourceSettings, synthetic: SyntheticSettings, rendered: Path) -> Gathered:
    """All clips of all sources, with their annotations. rendered: folder of the videos of synthetic signers.

    Raises BadInput if there is no source, a path is wrong, or there are no clips.
    """
    kinds: list[tuple[list[str], Callable[[Path], Gathered]]] = [
        (settings.videos, lambda path: Gathered(videos.read(path))),
        (settings.manifest, lambda path: Gathered(*manifest.read(path))),
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
    if settings.synthetic:
        gathered.clips += _synthetic(synthetic, rendered)
    if settings.annotations:
        _annotate(gathered, settings)
    if not gathered.clips:
        raise BadInput("the sources contain no clips", _hint_if_empty(gathered))
    gathered.clips = _unique(gathered.clips)
    return gathered


def _synthetic(settings: SyntheticSettings, rendered: Path) -> list[ClipSource]:
    from asl.pipelines.corpus.sources.synthetic import clips

    return list(clips(settings, rendered))


def _annotate(gathered: Gathered, settings: SourceSettings) -> None:
    names = TierNames(settings.gloss_tier, settings.utterance_tier, normalise_gloss)
    annotated = elan.annotate(gathered.clips, Path(settings.annotations), names)
    gathered.clips = annotated.clips
    gathered.broken = [(str(file), reason) for file, reason in annotated.broken.items()]
    gathered.notes += annotated.notes


def _hint_if_empty(gathered: Gathered) -> str:
    if gathered.missing:
        return f"{len(gathered.missing)} clips are listed but their files are missing, e.g. {gathered.missing[0]}"
    return "check the folder; videos must be laid out as gloss/clip.mp4"


def _unique(clips: list[ClipSource]) -> list[ClipSource]:
    """Makes names unique in order of appearance, since two sources may both contain words/book.mp4."""
    counts: dict[str, int] = {}
    unique = []
    for clip in clips:
        count = counts[clip.name] = counts.get(clip.name, 0) + 1
        unique.append(clip if count == 1 else replace(clip, name=f"{clip.name}#{count}"))
    return unique
