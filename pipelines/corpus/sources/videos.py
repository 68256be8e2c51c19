"""`--videos DIR`: folders named after glosses, with one video per clip."""

from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.workspace.errors import BadInput
from asl.transducers.glossing import normalise_gloss

#: Extensions of files in a folder that are treated as videos. A file that is given directly may have any extension.
VIDEO_ENDINGS = frozenset(".mp4 .mov .m4v .webm .mkv .avi .gif .mpg .mpeg .ts .mts .m2ts .wmv .flv .3gp .ogv".split())


def read(folder: Path) -> list[ClipSource]:
    """One clip per video. Videos directly in the folder have no gloss. Raises BadInput if the folder does not exist."""
    check_folder(folder, "--videos")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_ENDINGS and not hidden(path, folder))
    return [_clip(path, folder) for path in files]


def _clip(path: Path, folder: Path) -> ClipSource:
    name = path.relative_to(folder)
    glosses = (normalise_gloss(name.parts[-2]),) if len(name.parts) > 1 else ()
    return ClipSource(path, "video", name.as_posix(), glosses)


def check_folder(folder: Path, option: str) -> None:
    """Raises BadInput if the folder given for an option does not exist."""
    if not folder.exists():
        raise BadInput(f"{option}: {folder} does not exist", "check the path")
    if not folder.is_dir():
        raise BadInput(f"{option}: {folder} is a file, not a folder", "name the folder that contains the clips")


def hidden(path: Path, folder: Path) -> bool:
    """Whether a file or one of its parents below `folder` is hidden."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
