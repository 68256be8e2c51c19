"""asl translate"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.completion import graphs, models
from asl.cli.model_choice import describe_model, reader_and_landmarks
from asl.cli.options import Call, command
from asl.cli.terminal import print_table
from asl.pipelines.workspace.errors import BadInput

NOTHING_DONE, SOME_FAILED = 2, 3


#: Formats that hold several clips in one file; the others hold one clip per file.
JOINT_FORMATS = ("text", "json", "tsv")


class OutputFormat(StrEnum):
    """Output format of translations."""

    text = "text"
    json = "json"
    tsv = "tsv"
    srt = "srt"
    vtt = "vtt"
    eaf = "eaf"


@command("decode", "landmarks", format=False)
def translate(
    call: Call,
    inputs: Annotated[
        list[Path] | None, typer.Argument(help="Videos, .pose files, or folders of these.", show_default=False)
    ] = None,
    format: Annotated[
        list[OutputFormat] | None,
        typer.Option("--format", help="Output format: text, json, tsv, srt, vtt or eaf; may be repeated. Default: text."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Output file or folder, or - for stdout. Default: stdout.")
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            help="Also write the video with skeleton and glosses: a file (.mp4, .mov, .mkv, .webm), or a folder for several.",
        ),
    ] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Treat each clip as a single sign, and rank all glosses.")] = False,
    phonology: Annotated[
        bool,
        typer.Option(
            "--phonology", help="Also show the handshape, location, movement, … of each sign, as far as the model predicts them."
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also show the path through the cascade: units, changes, fusions, references, glosses, costs."
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            autocompletion=models,
            help="Model: a name in models/ or bundles/, a folder, or shipped. Default: the one that asl models marks.",
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            autocompletion=graphs,
            help="With --decoder cascade: the graph, a name in graphs/ or a folder. Default: the newest.",
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Process the video in real time; words appear as they become final.")
    ] = False,
    camera: Annotated[
        int | None, typer.Option("--camera", min=0, help="Translate the video of this camera; 0 is the first.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option("--stream", help="Use - to read a video container from stdin, or raw frames with --raw.")
    ] = None,
    raw: Annotated[
        str | None, typer.Option("--raw", help="Format of raw RGB frames on stdin: WIDTHxHEIGHT or WIDTHxHEIGHT@FPS.")
    ] = None,
    pace: Annotated[
        bool,
        typer.Option("--pace/--no-pace", help="In live translation, drop frames that come too late, or process every frame."),
    ] = True,
) -> None:
    """Translate clips to glosses, with times, confidences and the next-best glosses.

        $ asl translate clip.mp4
        $ asl translate clips --format srt --output captions

    Clips that cannot be used are skipped and listed with the reason. --camera, --stream and --live need a bundle (asl export) of
    a model with a causal encoder, such as the model that comes with asl.
    """
    if live or camera is not None or stream is not None:
        from asl.cli.live_translation import translate_live

        return translate_live(call, inputs or [], format or [OutputFormat.text], model, graph, camera, stream, raw, pace)
    from asl.pipelines.corpus.input_files import collect

    if not inputs:
        raise BadInput("nothing to translate", "name a video: asl translate VIDEO, or use a camera: asl translate --camera 0")
    clips = collect(inputs)
    formats = [choice.value for choice in format or [OutputFormat.text]]
    target = _Target(formats, output, len(clips))
    if overlay:
        _check_overlays(overlay, [clip.path for clip in clips])
    _run(call, clips, target, overlay, model, graph, isolated=isolated, phonology=phonology, explain=explain)


class _Target:
    """Where the output goes: to stdout, to one file, or to one file per clip and format in a folder.

    Raises BadInput if the output cannot hold these formats and this number of clips.
    """

    def __init__(self, formats: list[str], output: str | None, clips: int):
        joint = all(name in JOINT_FORMATS for name in formats)
        self.formats, self.file, self.folder = formats, None, None
        if output in (None, "-"):
            if len(formats) > 1 or not (joint or clips == 1):
                raise BadInput("several formats, or captions of several clips, cannot go to stdout", "name a folder with -o DIR")
        elif Path(output).is_dir() or output.endswith("/") or not Path(output).suffix:
            self.folder = Path(output)
        elif len(formats) > 1 or not (joint or clips == 1):
            raise BadInput(f"-o {output} is one file, but several must be written", "name a folder with -o DIR")
        else:
            self.file = Path(output)


def _check_overlays(overlay: Path, clips: list[Path]) -> None:
    """Raises BadInput if the annotated videos cannot be written as asked, or would overwrite a clip."""
    from asl.pipelines.media.video_writer import video_format

    if _is_file(overlay):
        video_format(overlay)
        if len(clips) > 1:
            raise BadInput(f"--overlay {overlay} is one file, but there are {len(clips)} clips", "name a folder instead")
    originals = {clip.resolve() for clip in clips}
    for clip in clips:
        if (file := _overlay_file(overlay, clip)).resolve() in originals:
            raise BadInput(f"--overlay {overlay} would overwrite the clip {file}", "name another file or folder")


def _is_file(overlay: Path) -> bool:
    return bool(overlay.suffix) and not overlay.is_dir()


def _overlay_file(overlay: Path, clip: Path) -> Path:
    return overlay if _is_file(overlay) else overlay / f"{clip.stem}.mp4"


def _run(call: Call, clips, target: _Target, overlay: Path | None, model: str | None, graph: str | None, **options: bool) -> None:
    from asl.pipelines.translation.whole_clips import translate as run

    reader, landmarks = reader_and_landmarks(call, model, graph)
    done, failed, written = [], [], []
    with call.progress() as progress:
        describe_model(reader.model, progress)
        for clip, outcome in run(clips, reader, landmarks, progress, **options):
            if isinstance(outcome, Exception):
                failed.append((str(clip.path), outcome.reason, outcome.message))
                continue
            if not outcome.whole:
                progress.warn(f"{clip.path}: no path reached a final state of the grammar; the result is the best partial path")
            done.append(outcome)
            written += _write_clip(outcome, target)
            if overlay:
                written.append(_write_overlay(outcome, overlay, progress))
        _write_together(done, target, written)
        for path in written:
            progress.say(f"wrote {path}")
    _list_failures(done, failed)


def _write_clip(translation, target: _Target) -> list[Path]:
    from asl.pipelines.translation.writers import write_beside

    return write_beside(target.folder, translation, target.formats) if target.folder else []


def _write_overlay(translation, overlay: Path, progress) -> Path:
    from asl.pipelines.translation.writers import write_overlay

    file = _overlay_file(overlay, translation.path)
    for note in write_overlay(file, translation):
        progress.warn(f"{file}: {note}")
    return file


def _write_together(done: list, target: _Target, written: list[Path]) -> None:
    from asl.pipelines.translation.writers import render, write_eaf
    from asl.pipelines.workspace.files import write_atomically

    if target.folder or not done:
        return
    if target.file and target.formats == ["eaf"]:
        write_eaf(target.file, done[0])
        written.append(target.file)
        return
    text = render(done, target.formats[0])
    if target.file:
        write_atomically(target.file, text)
        written.append(target.file)
    else:
        sys.stdout.write(text)


def _list_failures(done: list, failed: list[tuple[str, str, str]]) -> None:
    if failed:
        print_table("clips that could not be translated", ("clip", "reason", "detail"), failed, stderr=True)
        raise typer.Exit(SOME_FAILED if done else NOTHING_DONE)
