"""A translation as an ELAN document: one tier of glosses, and what belongs to each gloss on tiers that depend on it.

The names of all tiers and types begin with PREFIX, by which they are recognised in a file that also holds those of people.
"""

import os
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from asl.pipelines.recogniser.reading import Token

if TYPE_CHECKING:
    from pympi.Elan import Eaf

PREFIX = "asl:"
GLOSS, CONFIDENCE, RUNNERS_UP = PREFIX + "gloss", PREFIX + "confidence", PREFIX + "runners-up"
#: Types of tiers: glosses have times; values belong to a gloss.
GLOSS_TYPE, VALUE_TYPE = PREFIX + "gloss", PREFIX + "value"
ASSOCIATION = "Symbolic_Association"
#: MIME types by ending. The tables of operating systems differ, and some take .ts for a translation source.
MIME_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo", ".gif": "image/gif", ".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".ts": "video/mp2t",
    ".mts": "video/mp2t", ".m2ts": "video/mp2t", ".wmv": "video/x-ms-wmv", ".flv": "video/x-flv", ".3gp": "video/3gpp",
    ".ogv": "video/ogg",
}  # fmt: skip
#: ELAN's own type for videos of any other kind.
ANY_VIDEO = "video/*"


def new_document(clip: Path, tokens: Sequence[Token], folder: Path | None) -> "Eaf":
    """The ELAN document of a clip, of the format 2.8.

    folder: where the document will lie, to which the link to the video is relative; None: beside the video.
    """
    from pympi.Elan import Eaf

    document = Eaf(author="asl")
    document.adocument["DATE"] = datetime.now().astimezone().isoformat(timespec="seconds")
    document.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    document.remove_tier("default")
    document.remove_linguistic_type("default-lt")
    document.add_linguistic_type(GLOSS_TYPE)
    document.add_linguistic_type(VALUE_TYPE, ASSOCIATION, timealignable=False)
    document.constraints = {ASSOCIATION: document.constraints[ASSOCIATION]}
    if video := linked_video(clip):
        _link(document, video, folder)
    _add_tiers(document, tokens)
    document.properties[:] = [("lastUsedAnnotationId", document.maxaid)]
    return document


def linked_video(clip: Path) -> Path | None:
    """The video that a clip's document links to: the clip itself, or of a .pose file the video of that name beside it."""
    if clip.suffix.lower() in MIME_TYPES:
        return clip
    if clip.suffix.lower() != ".pose":
        return clip if clip.is_file() else None
    files = sorted(clip.parent.iterdir()) if clip.parent.is_dir() else []
    return next((file for file in files if file.stem == clip.stem and file.suffix.lower() in MIME_TYPES), None)


def _link(document: "Eaf", video: Path, folder: Path | None) -> None:
    relative = _relative(video, video.parent if folder is None else folder)
    mime_type = MIME_TYPES.get(video.suffix.lower(), ANY_VIDEO)
    document.add_linked_file(video.resolve().as_uri(), relpath=relative, mimetype=mime_type)


def _relative(video: Path, folder: Path) -> str | None:
    """The path of a video from a folder as ELAN writes it, with slashes; None if it is on another drive."""
    try:
        path = os.path.relpath(video.resolve(), folder.resolve()).replace(os.sep, "/")
    except ValueError:
        return None
    return path if path.startswith("../") else f"./{path}"


def _add_tiers(document: "Eaf", tokens: Sequence[Token]) -> None:
    document.add_tier(GLOSS, GLOSS_TYPE)
    for tier in (CONFIDENCE, RUNNERS_UP, *phonology_tiers(tokens)):
        document.add_tier(tier, VALUE_TYPE, GLOSS)
    for token, start, end in tier_spans(tokens):
        document.add_annotation(GLOSS, start, end, token.gloss)
        annotation = list(document.tiers[GLOSS][0])[-1]
        for tier, value in _values(token).items():
            document.tiers[tier][1][document.generate_annotation_id()] = (annotation, value, None, None)


def phonology_tiers(tokens: Sequence[Token]) -> list[str]:
    """The names of the tiers of phonological classes, which are the same for every token of a model."""
    return list(dict.fromkeys(PREFIX + tier for token in tokens for tier, _, _ in token.phonology))


def _values(token: Token) -> dict[str, str]:
    """Tier → value of what belongs to a gloss."""
    values = {CONFIDENCE: f"{token.confidence:.2f}"}
    if token.runners_up:
        values[RUNNERS_UP] = ", ".join(f"{gloss} {share:.2f}" for gloss, share in token.runners_up)
    return values | {PREFIX + tier: value for tier, value, _ in token.phonology}


def tier_spans(tokens: Sequence[Token]) -> list[tuple[Token, int, int]]:
    """Each token with its start and end in milliseconds, in order and without overlap, since ELAN's tiers have none.

    Tokens that start together, such as the two of a fused sign, share the time evenly. A token that reaches into the next one
    ends where the next one starts. None is shorter than a millisecond.
    """
    groups = [list(group) for _, group in groupby(sorted(tokens, key=_start), key=_start)]
    starts = [_start(group[0]) for group in groups]
    spans, free = [], 0
    for group, start, following in zip(groups, starts, [*starts, None][1:], strict=True):
        first, last = max(start, free), max(round(1000 * token.end) for token in group)
        end = last if following is None else min(last, following)
        free = max(end, first + len(group))
        edges = [first + (free - first) * k // len(group) for k in range(len(group) + 1)]
        spans += list(zip(group, edges[:-1], edges[1:], strict=True))
    return spans


def _start(token: Token) -> int:
    return max(0, round(1000 * token.start))
