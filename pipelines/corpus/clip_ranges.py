"""The range of a clip within its file, and files that are shorter than the range."""

from collections.abc import Sequence

from asl.pipelines.corpus.clips import Clip, ClipSource
from asl.pipelines.workspace.counts import counted

RANGE_TOLERANCE_SECONDS = 0.25


def effective_range(source: ClipSource, seconds: float) -> tuple[float, float | None]:
    """Start and end within a file of this duration; the whole file if it has already been cut to the range."""
    reached = source.end is None or source.end <= seconds + RANGE_TOLERANCE_SECONDS
    return (0.0, None) if source.range_if_reached and not reached else (source.start, source.end)


def is_cut_short(source: ClipSource, seconds: float) -> bool:
    """Whether a clip of this length is shorter than its range, because its file ends before the range does."""
    expected = None if source.end is None or source.range_if_reached else source.end - source.start
    return expected is not None and seconds < expected - RANGE_TOLERANCE_SECONDS


def cut_short_warnings(short: Sequence[tuple[Clip, ClipSource]]) -> list[str]:
    """A warning about clips that are shorter than their ranges."""
    if not short:
        return []
    clip, source = short[0]
    lengths = f"{clip.name} has {clip.frames / clip.fps:.1f} s of {(source.end or 0.0) - source.start:.1f} s"
    return [
        f"{counted(len(short), 'clip ends before its range does', 'clips end before their range does')}, "
        f"because the file is shorter: {lengths}"
    ]
