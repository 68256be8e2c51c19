"""`--videos DIR`: folders named by their gloss, with one video a clip."""

from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.workspace.errors import BadInput
from asl.transducers.glossing import normalise_gloss

#: File endings that are taken for videos in a folder; a file named directly may end in anything.
VIDEO_ENDINGS = frozenset(".mp4 .mov .m4v .webm .mkv .avi .gif .mpg .mpeg .ts .mts .m2ts .wmv .flv .3gp .ogv".split())


def read(folder: Path) -> list[ClipSource]:
    """gloss/clip.mp4 → one clip each; videos directly in the folder have no gloss. Raises BadInput: no such folder."""
    check_folder(folder, "--videos")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_ENDINGS and not hidden(path, folder))
    return [_clip(path, folder) for path in files]


def _clip(path: Path, folder: Path) -> ClipSource:
    name = path.relative_to(folder)
    words = (normalise_gloss(name.parts[-2]),) if len(name.parts) > 1 else ()
    return ClipSource(path, "video", name.as_posix(), words)


def check_folder(folder: Path, option: str) -> None:
    if not folder.exists():
        raise BadInput(f"{option}: {folder} does not exist", "check the path")
    if not folder.is_dir():
        raise BadInput(f"{option}: {folder} is a file, not a folder", "name the folder that holds the clips")


def hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
