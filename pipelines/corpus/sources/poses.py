"""`--poses DIR`: .pose files, whose glosses come from their names by a pattern, or from gloss/clip.pose folders."""

import re
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.videos import check_folder, hidden
from asl.pipelines.workspace.errors import BadInput
from asl.transducers.glossing import normalise_gloss

FIELDS = ("gloss", "group", "signer", "clip")


def read(folder: Path, pattern: str) -> list[ClipSource]:
    """One clip per .pose file. Names that do not match the pattern are treated as gloss/clip.pose.

    Raises BadInput if the folder does not exist or the pattern is invalid.
    """
    check_folder(folder, "--poses")
    names = compile_pattern(pattern)
    files = sorted(path for path in folder.rglob("*.pose") if not hidden(path, folder))
    return [_clip(path, folder, names) for path in files]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """'{group}__{gloss}__{clip}' as a regular expression. Raises BadInput for unknown or repeated fields, or without {gloss}."""
    names = re.findall(r"\{(.*?)\}", pattern)
    unknown = [name for name in names if name not in FIELDS]
    if unknown or len(set(names)) != len(names) or "gloss" not in names:
        raise BadInput(
            f"--pattern '{pattern}' is invalid",
            f"use {{gloss}} and any of the fields {', '.join(FIELDS)}, each once, e.g. {{group}}__{{gloss}}__{{clip}}",
        )
    parts = re.split(r"\{(.*?)\}", pattern)
    text = "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.compile(text)


def _clip(path: Path, folder: Path, names: re.Pattern[str]) -> ClipSource:
    name = path.relative_to(folder)
    match = names.fullmatch(path.stem)
    if match:
        fields = match.groupdict()
        gloss, group, signer = fields["gloss"], fields.get("group", ""), fields.get("signer", "")
    else:
        gloss, group, signer = (name.parts[-2] if len(name.parts) > 1 else ""), "", ""
    glosses = (normalise_gloss(gloss),) if gloss else ()
    return ClipSource(path, "pose", name.as_posix(), glosses, group=group or signer, signer=signer)
