"""Checks of the files and folders given to a command, before heavy libraries are imported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.videos import VIDEO_ENDINGS, hidden
from asl.pipelines.synthetic.lexicon import BUILT_IN_LEXICONS
from asl.pipelines.workspace.errors import BadInput


def collect(paths: list[Path]) -> list[ClipSource]:
    """The clips to translate: the given files, and the videos and .pose files in the given folders.

    Raises BadInput if a path does not exist or a folder has no clips.
    """
    clips: list[ClipSource] = []
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} does not exist", "check the path")
        clips += _in_folder(path) if path.is_dir() else [_clip(path)]
    return list({clip.path: clip for clip in clips}.values())


def _in_folder(folder: Path) -> list[ClipSource]:
    endings = VIDEO_ENDINGS | {".pose"}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and not hidden(path, folder))
    if not files:
        raise BadInput(f"no videos or .pose files in {folder}", f"supported file extensions: {' '.join(sorted(endings))}")
    return [_clip(path) for path in files]


def _clip(path: Path) -> ClipSource:
    return ClipSource(path, "pose" if path.suffix.lower() == ".pose" else "video", str(path))


def check_sources(flags: Mapping[str, Any]) -> None:
    """Raises BadInput if a source given on the command line does not exist."""
    for option in ("videos", "manifest", "wlasl", "video_root", "poses", "landmarks", "annotations", "aliases"):
        value = flags.get(option) or []
        for name in [value] if isinstance(value, str) else value:
            if not Path(name).exists():
                raise BadInput(f"--{option.replace('_', '-')}: {name} does not exist", "check the path")
    lexicon = flags.get("lexicon") or BUILT_IN_LEXICONS[0]
    if lexicon not in BUILT_IN_LEXICONS and not Path(lexicon).exists():
        raise BadInput(f"--lexicon: {lexicon} does not exist", f"name a CSV file of signs, or {' or '.join(BUILT_IN_LEXICONS)}")
