"""asl translate"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.model_choice import reader_and_landmarks, say_what_model
from asl.cli.options import Call, command
from asl.cli.terminal import print_table
from asl.pipelines.workspace.errors import BadInput

NOTHING_DONE, SOME_FAILED = 2, 3


class OutputFormat(StrEnum):
    """How glosses are written."""

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
        list[Path] | None, typer.Argument(help="Videos, .pose files, or folders of them.", show_default=False)
    ] = None,
    format: Annotated[
        list[OutputFormat] | None, typer.Option("--format", help="Output format; may be given several times.")
    ] = None,
    output: Annotated[str | None, typer.Option("--output", "-o", help="A file, a folder, or - for stdout.")] = None,
    overlay: Annotated[
        Path | None,
        typer.Option("--overlay", help="Write the video with skeleton and glosses: a file, or a folder for several inputs."),
    ] = None,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Each clip shows one sign: rank all glosses over the whole clip.")
    ] = False,
    phonology: Annotated[
        bool,
        typer.Option("--phonology", help="Also show handshape, location, movement… of each sign, as far as the model knows."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show the cascade's path: units, changes, fusions, references, glosses, costs.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", help="A name below models/, or a folder. Default: the workspace's newest.")
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option("--graph", help="With --decoder cascade: a name below graphs/, or a folder. Default: the newest."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Play the video at its own pace; words appear as they are known.")] = False,
    camera: Annotated[
        int | None, typer.Option("--camera", min=0, help="Translate what this camera sees; 0 is the first.")
    ] = None,
    stream: Annotated[str | None, typer.Option("--stream", help="- reads a video container, or --raw, from stdin.")] = None,
    raw: Annotated[str | None, typer.Option("--raw", help="Raw RGB pictures on stdin: WIDTHxHEIGHT or WIDTHxHEIGHT@FPS.")] = None,
    pace: Annotated[bool, typer.Option("--pace/--no-pace", help="Drop frames that come too late, or read every one.")] = True,
) -> None:
    """Translate clips to glosses, with times, confidence and the next-best glosses.

    Goes on past clips that cannot be used, and lists them with their reasons. A camera, a stream or --live needs a model with a
    causal encoder that asl export made a bundle of; the one that asl ships is such a one.
    """
    if live or camera is not None or stream is not None:
        from asl.cli.live_translation import translate_live

        return translate_live(call, inputs or [], format or [OutputFormat.text], model, graph, camera, stream, raw, pace)
    from asl.pipelines.corpus.input_files import collect

    if not inputs:
        raise BadInput("nothing to translate", "name a video: asl translate VIDEO, or watch: asl translate --camera 0")
    clips = collect(inputs)
    formats = [one.value for one in format or [OutputFormat.text]]
    target = _Target(formats, output, len(clips))
    if overlay and len(clips) > 1 and overlay.suffix:
        raise BadInput(f"--overlay {overlay} is one file, but there are {len(clips)} clips", "name a folder")
    _run(call, clips, target, overlay, model, graph, isolated=isolated, phonology=phonology, explain=explain)


class _Target:
    """Where the output goes: to stdout, into one file, or one file a clip and format into a folder.

    Raises BadInput where the formats, the number of clips and the place do not go together.
    """

    def __init__(self, formats: list[str], output: str | None, clips: int):
        joint = all(name in ("text", "json", "tsv") for name in formats)
        self.formats, self.file, self.folder = formats, None, None
        if output in (None, "-"):
            if len(formats) > 1 or not (joint or clips == 1):
                raise BadInput("several formats or caption files do not fit on stdout", "name a folder with -o DIR")
        elif Path(output).is_dir() or output.endswith("/") or not Path(output).suffix:
            self.folder = Path(output)
        elif len(formats) > 1 or not (joint or clips == 1):
            raise BadInput(f"-o {output} is one file, but several are to be written", "name a folder with -o DIR")
        else:
            self.file = Path(output)


def _run(call: Call, clips, target: _Target, overlay: Path | None, model: str | None, graph: str | None, **how: bool) -> None:
    from asl.pipelines.translation.whole_clips import translate as run

    reader, landmarks = reader_and_landmarks(call, model, graph)
    done, failed, written = [], [], []
    with call.progress() as progress:
        say_what_model(reader.model, progress)
        for clip, outcome in run(clips, reader, landmarks, progress, **how):
            if isinstance(outcome, Exception):
                failed.append((str(clip.path), outcome.reason, outcome.message))
                continue
            if not outcome.whole:
                progress.warn(f"{clip.path}: no path reached an end of the grammar; this is the best partial reading")
            done.append(outcome)
            written += _write_one(outcome, target, overlay, len(clips))
        _write_joint(done, target, written)
        for path in written:
            progress.say(f"wrote {path}")
    _leave(done, failed)


def _write_one(translation, target: _Target, overlay: Path | None, clips: int) -> list[Path]:
    from asl.pipelines.translation.writers import write_beside

    written = write_beside(target.folder, translation, target.formats) if target.folder else []
    if overlay:
        from asl.pipelines.translation.writers import write_overlay

        file = overlay if overlay.suffix and clips == 1 else overlay / f"{translation.path.stem}.mp4"
        write_overlay(file, translation)
        written.append(file)
    return written


def _write_joint(done: list, target: _Target, written: list[Path]) -> None:
    from asl.pipelines.translation.writers import render
    from asl.pipelines.workspace.files import write_atomically

    if target.folder or not done:
        return
    text = render(done, target.formats[0])
    if target.file:
        write_atomically(target.file, text)
        written.append(target.file)
    else:
        sys.stdout.write(text)


def _leave(done: list, failed: list[tuple[str, str, str]]) -> None:
    if failed:
        print_table("clips that could not be translated", ("clip", "reason", ""), failed, stderr=True)
        raise typer.Exit(SOME_FAILED if done else NOTHING_DONE)
