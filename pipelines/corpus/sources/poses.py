"""`--poses DIR`: .pose files, read by a name pattern or from gloss/clip.pose folders."""

import re
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.videos import check_folder, hidden
from asl.pipelines.workspace.errors import BadInput
from asl.transducers.glossing import normalise_gloss

FIELDS = ("gloss", "group", "signer", "clip")


def read(folder: Path, pattern: str) -> list[ClipSource]:
    """One clip a .pose file. A name that the pattern does not fit is read as gloss/clip.pose.

    Raises BadInput: no such folder, or a pattern with unknown fields.
    """
    check_folder(folder, "--poses")
    names = compile_pattern(pattern)
    files = sorted(path for path in folder.rglob("*.pose") if not hidden(path, folder))
    return [_clip(path, folder, names) for path in files]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """'{group}__{gloss}__{clip}' as a regular expression. Raises BadInput: unknown or repeated field, or no {gloss}."""
    used = re.findall(r"\{(.*?)\}", pattern)
    wrong = [name for name in used if name not in FIELDS]
    if wrong or len(set(used)) != len(used) or "gloss" not in used:
        raise BadInput(
            f"--pattern '{pattern}' cannot be read",
            f"use {{gloss}} and any of {', '.join(FIELDS)} once, e.g. {{group}}__{{gloss}}__{{clip}}",
        )
    parts = re.split(r"\{(.*?)\}", pattern)
    text = "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.compile(text)


def _clip(path: Path, folder: Path, names: re.Pattern[str]) -> ClipSource:
    name = path.relative_to(folder)
    match = names.fullmatch(path.stem)
    if match:
        found = match.groupdict()
        word, group, signer = found["gloss"], found.get("group", ""), found.get("signer", "")
    else:
        word, group, signer = (name.parts[-2] if len(name.parts) > 1 else ""), "", ""
    words = (normalise_gloss(word),) if word else ()
    return ClipSource(path, "pose", name.as_posix(), words, group=group or signer, signer=signer)
