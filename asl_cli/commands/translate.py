"""asl translate"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.completion import graphs, models
from asl.cli.model_choice import describe_model, optional_workspace, reader_and_landmarks
from asl.cli.options import Call, Overwrite, command, refuse_options
from asl.cli.terminal import print_table
from asl.pipelines.workspace.errors import BadInput, Interrupted

SOME_FAILED = 3


class OutputFormat(StrEnum):
    """Output format of translations."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    tsv = "tsv"
    srt = "srt"
    vtt = "vtt"
    eaf = "eaf"


@command("decode", "landmarks", format=False)
def translate(
    call: Call,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Videos, .pose files, or folders of these; - is a video on stdin, as --stream -.", show_default=False
        ),
    ] = None,
    format: Annotated[
        list[OutputFormat] | None,
        typer.Option(
            "--format",
            help="Output format: text, json, jsonl, tsv, srt, vtt or eaf; may be repeated. Default: by the ending of --output, "
            "else text.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Output file or folder, or - for stdout. A folder gets the subfolders of the inputs. Default: stdout.",
        ),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            help="Also write the video with skeleton and glosses: a file (.mp4, .mov, .mkv, .webm), or a folder for several.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Keep the landmarks of videos, so that translating them again is fast."),
    ] = True,
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

    Clips that cannot be used are skipped and listed with the reason. Results are written as they come. If you stop a batch, the
    same command goes on with the videos that are left.

    --camera, --stream and --live need a bundle (asl export) of a model with a causal encoder, such as the model that comes with
    asl.
    """
    if live or camera is not None or stream is not None or Path("-") in (inputs or []):
        from asl.cli.live_translation import translate_live

        refuse_options(
            {"--output": output, "--overlay": overlay, "--overwrite": overwrite, "--no-cache": not cache, "--isolated": isolated}
            | {"--phonology": phonology, "--explain": explain},
            "does not apply to live translation",
            "leave it out, or write the video to a file and translate that without --live",
        )
        return translate_live(call, inputs or [], format or [OutputFormat.text], model, graph, camera, stream, raw, pace)
    refuse_options(
        {"--raw": raw, "--no-pace": not pace}, "applies to live translation only", "add --live, --camera or --stream -"
    )
    from asl.pipelines.corpus.input_files import collect
    from asl.pipelines.translation.outputs import check_outputs_of, plan_outputs

    if not inputs:
        raise BadInput("nothing to translate", "name a video: asl translate VIDEO, or use a camera: asl translate --camera 0")
    clips = collect(inputs, overlay)
    outputs = plan_outputs(inputs, clips, [choice.value for choice in format or []], output, overlay)
    check_outputs_of(clips, outputs, overwrite=overwrite)
    files = {"overwrite": overwrite, "use_cache": cache}
    _run(call, clips, outputs, model, graph, **files, isolated=isolated, phonology=phonology, explain=explain)


def _run(
    call: Call, clips, outputs, model: str | None, graph: str | None, *, overwrite: bool, use_cache: bool, **options: bool
) -> None:
    from asl.pipelines.translation.clip_landmarks import landmark_cache
    from asl.pipelines.translation.result_writer import ResultWriter
    from asl.pipelines.translation.whole_clips import translate as run

    reader, landmarks = reader_and_landmarks(call, model, graph)
    cache = landmark_cache(optional_workspace(call), landmarks) if use_cache else None
    failed = []
    with call.progress() as progress:
        describe_model(reader.model, progress)
        writer = ResultWriter(outputs, reader.provenance(isolated=options["isolated"]), progress, overwrite=overwrite)
        with _said_what_is_kept(writer.files, use_cache), writer:
            for clip, outcome in run(clips, reader, landmarks, progress, cache, **options):
                if isinstance(outcome, Exception):
                    failed.append((str(clip.path), outcome.reason, outcome.message))
                elif not outcome.whole:
                    progress.warn(
                        f"{clip.path}: no path reached a final state of the grammar; the result is the best partial path"
                    )
                writer.add(clip.path, outcome)
        for path in writer.files:
            progress.say(f"wrote {path}")
    _report_failures(len(clips), failed)


@contextmanager
def _said_what_is_kept(files: Sequence[Path], use_cache: bool) -> Iterator[None]:
    """Says of an interrupted batch without cache what is left of it. files: those written so far."""
    try:
        yield
    except KeyboardInterrupt:
        if use_cache:
            raise
        kept = "what was written so far is kept" if files else "no file was written"
        again = "the same command begins with the first clip again; without --no-cache, it would go on where it stopped"
        raise Interrupted(f"interrupted; {kept}", again) from None


def _report_failures(clips: int, failed: list[tuple[str, str, str]]) -> None:
    from asl.pipelines.translation.failure_hints import failure_hint

    if not failed:
        return
    path, reason, message = failed[0]
    if clips == 1:
        raise BadInput(f"{path}: {message}", failure_hint(reason))
    print_table("clips that could not be translated", ("clip", "reason", "detail"), failed, stderr=True)
    if len(failed) == clips:
        raise BadInput(f"none of the {clips} clips could be translated", failure_hint(reason))
    raise typer.Exit(SOME_FAILED)
