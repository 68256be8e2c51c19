"""All sources named in the settings, gathered into one list of clips."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources import arrays, elan, manifest, poses, videos, wlasl
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SourceSettings, SyntheticSettings


@dataclass
class Gathered:
    """What the sources hold.

    missing: clips that a source names but whose file is not there. notes: for a person.
    broken: (file, reason) of annotations that cannot be read; their clips go on without them.
    """

    clips: list[ClipSource] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)


def gather(settings: SourceSettings, synthetic: SyntheticSettings, rendered: Path) -> Gathered:
    """Every clip of every source, annotations added. rendered: where videos of synthetic signers are.

    Raises BadInput: no source, a wrong path, an empty result.
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
            "no source of clips", "asl extract --videos DIR (or --manifest, --wlasl, --poses, --landmarks, --synthetic)"
        )
    found = Gathered()
    for paths, read in kinds:
        for name in paths:
            part = read(Path(name))
            found.clips += part.clips
            found.missing += part.missing
            found.notes += part.notes
    if settings.synthetic:
        found.clips += _synthetic(synthetic, rendered)
    if settings.annotations:
        _annotate(found, settings)
    if not found.clips:
        raise BadInput("the sources hold no clips", _why_empty(found))
    found.clips = _unique(found.clips)
    return found


def _synthetic(settings: SyntheticSettings, rendered: Path) -> list[ClipSource]:
    from asl.pipelines.corpus.sources.synthetic import clips

    return list(clips(settings, rendered))


def _annotate(found: Gathered, settings: SourceSettings) -> None:
    found.clips, notes, found.broken = elan.annotate(found.clips, Path(settings.annotations), settings.gloss_tier)
    found.notes += notes


def _why_empty(found: Gathered) -> str:
    if found.missing:
        return f"{len(found.missing)} are named but their files are missing, e.g. {found.missing[0]}"
    return "look into the folder; videos go into gloss/clip.mp4 folders"


def _unique(clips: list[ClipSource]) -> list[ClipSource]:
    """Names made unique in order of appearance (two sources may both hold words/book.mp4)."""
    counts: dict[str, int] = {}
    out = []
    for clip in clips:
        seen = counts[clip.name] = counts.get(clip.name, 0) + 1
        out.append(clip if seen == 1 else replace(clip, name=f"{clip.name}#{seen}"))
    return out
