"""Checks of the files and folders given to a command, before heavy libraries are imported."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.videos import VIDEO_ENDINGS, hidden
from asl.pipelines.synthetic.lexicon import BUILT_IN_LEXICONS
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.output_files import written_by_asl

DOWNLOAD = "download it first, for example with yt-dlp or ffmpeg, and name the file"


def collect(paths: Sequence[Path], overlays: Path | None = None) -> list[ClipSource]:
    """The clips to translate: the given files, and the videos and .pose files in the given folders, each once.

    overlays: folder for annotated videos. Those that asl wrote there before are no clips, even if it lies in a given folder.
    Raises BadInput if paths do not exist, or a folder has no clips.
    """
    missing = [str(path) for path in paths if not path.exists()]
    if len(missing) > 1:
        raise BadInput(f"{', '.join(missing)} do not exist", "check the paths")
    for path in missing:
        check_exists(path)
    clips: list[ClipSource] = []
    for path in paths:
        clips += _in_folder(path, overlays) if path.is_dir() else [_clip(path)]
    return list({os.path.abspath(clip.path): clip for clip in clips}.values())


def check_exists(path: str | Path, option: str = "") -> None:
    """Raises BadInput if there is no such file or folder. option: for the message, such as "--videos: "."""
    if Path(path).exists():
        return
    if address := re.match(r"([a-z][a-z0-9+.-]+):/+(.*)", str(path), re.IGNORECASE):  # a Path has lost one of its slashes
        raise BadInput(f"{option}{address[1]}://{address[2]} is an address, not a file", DOWNLOAD)
    raise BadInput(f"{option}{path} does not exist", "check the path")


def _in_folder(folder: Path, overlays: Path | None) -> list[ClipSource]:
    endings = VIDEO_ENDINGS | {".pose"}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings and not hidden(path, folder))
    if overlays and overlays.is_dir():
        own = written_by_asl([path for path in files if path.resolve().is_relative_to(overlays.resolve())])
        files = [path for path in files if path not in own]
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
            check_exists(name, f"--{option.replace('_', '-')}: ")
    lexicon = flags.get("lexicon") or BUILT_IN_LEXICONS[0]
    if lexicon not in BUILT_IN_LEXICONS and not Path(lexicon).exists():
        raise BadInput(f"--lexicon: {lexicon} does not exist", f"name a CSV file of signs, or {' or '.join(BUILT_IN_LEXICONS)}")
