"""Where the output of `asl translate` goes: planned and checked before anything heavy is loaded."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.input_files import VIDEO_ENDINGS
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.output_files import check_outputs

#: Each format with the ending of its files.
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "jsonl": ".jsonl",
    "tsv": ".tsv",
    "srt": ".srt",
    "vtt": ".vtt",
    "eaf": ".eaf",
}
#: Formats that hold several clips in one file; the others hold one clip per file.
JOINT_FORMATS = ("text", "json", "jsonl", "tsv")
#: Annotated videos in a folder.
OVERLAY_ENDING = ".mp4"


@dataclass(frozen=True)
class Outputs:
    """The files that a translation writes: one for all clips, or one per clip and format in a folder; else stdout.

    names: each clip's path below `folder` and below a folder of overlays, without an ending. overlay: a file or a folder.
    """

    formats: tuple[str, ...]
    names: Mapping[Path, Path]
    file: Path | None = None
    folder: Path | None = None
    overlay: Path | None = None

    def of_clip(self, clip: Path) -> dict[str, Path]:
        """The files of a clip by format, if each has its own."""
        if self.folder is None:
            return {}
        return {name: _with_ending(self.folder / self.names[clip], ENDINGS[name]) for name in self.formats}

    def overlay_of(self, clip: Path) -> Path | None:
        """The annotated video of a clip."""
        if self.overlay is None or _is_video_file(self.overlay):
            return self.overlay
        return _with_ending(self.overlay / self.names[clip], OVERLAY_ENDING)

    def elan_files(self) -> set[Path]:
        """The files that are written as ELAN files, whatever their endings, into which the tiers are merged."""
        if self.file:
            return {self.file} if self.formats == ("eaf",) else set()
        return {files["eaf"] for clip in self.names if "eaf" in (files := self.of_clip(clip))}

    def files(self) -> list[Path]:
        """Every file that is written if all clips can be translated."""
        per_clip = [file for clip in self.names for file in (*self.of_clip(clip).values(), self.overlay_of(clip)) if file]
        return [*([self.file] if self.file else []), *per_clip]


def plan_outputs(
    inputs: Sequence[Path], clips: Sequence[ClipSource], formats: Sequence[str], output: str | None, overlay: Path | None
) -> Outputs:
    """Plans the outputs of these clips. inputs: the files and folders that were named on the command line.

    formats: empty for that of the output's ending, else text. output: a file, a folder, or None or "-" for stdout.
    Raises BadInput if the output cannot hold these formats and clips, or if two clips would share a file.
    """
    formats = tuple(dict.fromkeys(formats)) or (_implied_format(output),)
    names = output_names(inputs, [clip.path for clip in clips])
    file = folder = None
    if output not in (None, "-"):
        file, folder = (None, Path(output)) if _is_folder(output) else (Path(output), None)
    joint = len(formats) == 1 and (formats[0] in JOINT_FORMATS or len(clips) == 1)
    if not (folder or joint):
        if file is None:
            raise BadInput("several formats, or captions of several clips, cannot go to stdout", "name a folder with -o DIR")
        raise BadInput(f"-o {output} is one file, but several must be written", "name a folder with -o DIR")
    if file and file.suffix.lower() in VIDEO_ENDINGS | {".pose"}:
        raise BadInput(f"-o {output} is the name of a video or a .pose file", "for the annotated video: --overlay FILE")
    _check_overlay(overlay, len(clips))
    outputs = Outputs(formats, names, file, folder, overlay)
    _check_distinct(outputs.files())
    return outputs


def check_outputs_of(clips: Sequence[ClipSource], outputs: Outputs, *, overwrite: bool) -> None:
    """Raises BadInput if an output is one of the clips, or exists and is not as asl wrote it.

    An ELAN file may be a person's: only the tiers of asl in it must be as asl wrote them.
    """
    sources, elan_files = [clip.path for clip in clips], outputs.elan_files()
    merged = [file for file in outputs.files() if file in elan_files]
    check_outputs(merged, sources, overwrite=True)
    check_outputs([file for file in outputs.files() if file not in elan_files], sources, overwrite=overwrite)
    existing = [] if overwrite else [file for file in merged if file.exists()]
    if existing:
        from asl.pipelines.translation.elan_files import check_unchanged

        for file in existing:
            check_unchanged(file)


def output_names(inputs: Sequence[Path], clips: Sequence[Path]) -> dict[Path, Path]:
    """Each clip's path relative to the deepest folder that holds all inputs, without its ending.

    Clips that differ only in their ending keep it, so that they do not share an output.
    """
    bases = [os.path.abspath(path if path.is_dir() else path.parent) for path in inputs]
    base = os.path.commonpath(bases)
    paths = {clip: Path(os.path.relpath(os.path.abspath(clip), base)) for clip in clips}
    count = Counter(path.with_suffix("") for path in paths.values())
    return {clip: path if count[path.with_suffix("")] > 1 else path.with_suffix("") for clip, path in paths.items()}


def _with_ending(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _is_folder(output: str) -> bool:
    return Path(output).is_dir() or output.endswith(("/", os.sep)) or not Path(output).suffix


def _implied_format(output: str | None) -> str:
    """The format that the ending of an output file stands for; text for stdout and folders. Raises BadInput if there is none."""
    if output in (None, "-") or _is_folder(output):
        return "text"
    ending = Path(output).suffix.lower()
    for name, known in ENDINGS.items():
        if ending == known:
            return name
    endings = " ".join(ENDINGS.values())
    raise BadInput(f"-o {output}: no format has this ending", f"use one of {endings}, or name the format with --format")


def _check_overlay(overlay: Path | None, clips: int) -> None:
    if overlay and _is_video_file(overlay):
        from asl.pipelines.media.video_writer import video_format

        video_format(overlay)
        if clips > 1:
            raise BadInput(f"--overlay {overlay} is one file, but there are {clips} clips", "name a folder instead")


def _is_video_file(overlay: Path) -> bool:
    return bool(overlay.suffix) and not overlay.is_dir()


def _check_distinct(files: Sequence[Path]) -> None:
    count = Counter(os.path.abspath(file) for file in files)
    shared = next((file for file in files if count[os.path.abspath(file)] > 1), None)
    if shared:
        raise BadInput(f"two outputs would be written to {shared}", "name another place, or translate the clips one by one")
