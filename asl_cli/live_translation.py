"""asl translate --live, --camera and --stream"""

import sys
from contextlib import closing
from pathlib import Path

from asl.cli.options import Call
from asl.pipelines.workspace.errors import BadInput


def translate_live(
    call: Call, inputs: list[Path], formats: list[str], model: str | None, graph: str | None, camera: int | None,
    stream: str | None, raw: str | None, pace: bool,
) -> None:  # fmt: skip
    """Writes each word to stdout when it is final; on a terminal, stderr shows the skeleton and the open words."""
    if [str(one) for one in formats] not in (["text"], ["json"]):
        raise BadInput("live words are written one by one", "--format text or json")
    from asl.cli.live_view import LiveView, write_word
    from asl.cli.model_choice import reader_and_landmarks, say_what_model

    reader, landmarks = reader_and_landmarks(call, model, graph)
    source = _source(inputs, camera, stream, raw, landmarks.max_side)
    from asl.models.features.holistic import FRAME_BONES
    from asl.pipelines.translation.live import translate_stream

    with call.progress() as progress:
        say_what_model(reader.model, progress)
        figures = None
        try:
            updates = translate_stream(source, reader, landmarks, paced=pace)
            with LiveView(call.quiet, FRAME_BONES) as view, closing(updates):
                for moment in updates:
                    figures = moment.figures
                    view.show(moment)
                    for word in moment.final:
                        write_word(word, formats[0] == "json")
        finally:
            if figures:
                progress.say("  ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.summary().items()))


def _source(inputs: list[Path], camera: int | None, stream: str | None, raw: str | None, max_side: int):
    from asl.pipelines.media.live_sources import CameraSource, ContainerSource, FileSource, RawSource, check_camera, raw_format

    given = len(inputs) + (camera is not None) + (stream is not None)
    if given != 1:
        raise BadInput(f"one source at a time, not {given}", "a video with --live, or --camera 0, or --stream -")
    if raw and stream is None:
        raise BadInput("--raw says what is on stdin", "add --stream -")
    if camera is not None:
        check_camera(camera)
        return CameraSource(camera, max_side)
    if stream is not None:
        if stream != "-":
            raise BadInput(f"--stream reads stdin, not '{stream}'", "--stream -, or a file with --live")
        if not raw:
            return ContainerSource(sys.stdin.buffer, max_side)
        width, height, fps = raw_format(raw)
        return RawSource(sys.stdin.buffer, width, height, max_side, fps)
    return FileSource(inputs[0], max_side)
