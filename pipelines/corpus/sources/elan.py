"""`--annotations DIR`: ELAN .eaf files for the videos, named <video name>.eaf.

The gloss tier gives the segments (level 1) and the glosses in order. All other tiers (referents, loci, …) are kept unchanged.
"""

from dataclasses import replace
from pathlib import Path

from asl.models.features.tiers import Segment
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.videos import check_folder
from asl.pipelines.workspace.errors import BadInput
from asl.transducers.glossing import normalise_gloss

MAX_EAF_BYTES = 64 << 20
GLOSS_TIER = "gloss"


def annotate(clips: list[ClipSource], folder: Path, gloss_tier: str) -> tuple[list[ClipSource], list[str], list[tuple[str, str]]]:
    """Returns the clips with the segments of their .eaf files, notes, and (file, reason) of files that cannot be read.

    Raises BadInput if the folder does not exist or none of its files belongs to a clip.
    """
    check_folder(folder, "--annotations")
    files = {path.stem: path for path in sorted(folder.rglob("*.eaf"))}
    annotated, broken, count = [], {}, 0
    for clip in clips:
        file = files.get(clip.path.stem) if clip.kind != "array" else None
        if file and file not in broken:
            try:
                clip, count = _annotated(clip, read_eaf(file), gloss_tier), count + 1
            except BadInput as error:
                broken[file] = error.message
        annotated.append(clip)
    if not count and not broken:
        raise BadInput(f"--annotations: no file in {folder} is named after a clip", "name them <video name>.eaf")
    notes = [f"annotations for {count} of {len(clips)} clips"]
    return annotated, notes, [(str(file), reason) for file, reason in broken.items()]


def read_eaf(file: Path) -> list[Segment]:
    """All annotations of a file, time-aligned and reference, ordered by start. Raises BadInput if it is not an ELAN file."""
    from pympi.Elan import Eaf

    try:
        if file.stat().st_size > MAX_EAF_BYTES:
            raise BadInput(f"{file} is larger than {MAX_EAF_BYTES >> 20} MiB", "check that it is an ELAN file")
        # ELAN writes neither document types nor entities, and expanding entities can exhaust memory.
        if b"<!DOCTYPE" in (data := file.read_bytes()) or b"<!ENTITY" in data:
            raise BadInput(f"{file} declares XML entities", "ELAN files have none")
        document = Eaf(str(file))
        segments = [
            Segment(tier, str(value[2] or ""), value[0] / 1000, value[1] / 1000)
            for tier in document.get_tier_names()
            for value in document.get_annotation_data_for_tier(tier)
        ]
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the file's permissions") from error
    except BadInput:
        raise
    except Exception as error:  # the library raises plain Exception
        raise BadInput(f"{file} is not an ELAN file", "open and save it in ELAN") from error
    return sorted(segments, key=lambda segment: (segment.start, segment.end, segment.tier))


def _annotated(clip: ClipSource, segments: list[Segment], gloss_tier: str) -> ClipSource:
    end = float("inf") if clip.end is None else clip.end
    inside = [segment for segment in segments if clip.start <= (segment.start + segment.end) / 2 < end]
    relative = tuple(_relative(segment, clip.start, gloss_tier) for segment in inside)
    glosses = tuple(segment.value for segment in relative if segment.tier == GLOSS_TIER and segment.value)
    return replace(clip, segments=relative, glosses=glosses or clip.glosses)


def _relative(segment: Segment, start: float, gloss_tier: str) -> Segment:
    """A segment with times relative to the start of the clip. The gloss tier is renamed to GLOSS_TIER."""
    is_gloss = segment.tier.lower() == gloss_tier.lower()
    tier, value = (GLOSS_TIER, normalise_gloss(segment.value)) if is_gloss else (segment.tier, segment.value)
    return Segment(tier, value, max(0.0, segment.start - start), segment.end - start)
