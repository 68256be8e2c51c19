"""asl translate --live, --camera and --stream"""

import sys
from contextlib import closing
from pathlib import Path

from asl.cli.options import Call
from asl.pipelines.corpus.input_files import check_exists
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.metric_labels import metric_label

#: From this share of dropped frames on, the end of a stream says that its result may be poor.
MAX_DROPPED_SHARE = 0.5


def translate_live(
    call: Call, inputs: list[Path], formats: list[str], model: str | None, graph: str | None, camera: int | None,
    stream: str | None, raw: str | None, pace: bool,
) -> None:  # fmt: skip
    """Prints each word on stdout when it is final. On a terminal, stderr shows the skeleton and the words that may still change.

    Raises BadInput for another output format, or more or less than one source.
    """
    if [str(name) for name in formats] not in (["text"], ["json"], ["jsonl"]):
        raise BadInput("live words are written one by one, which only text and json allow", "use --format text or --format json")
    if Path("-") in inputs:
        inputs, stream = [path for path in inputs if path != Path("-")], stream or "-"
    for path in inputs:
        check_exists(path)
    from asl.cli.live_view import LiveView, write_word
    from asl.cli.model_choice import describe_model, reader_and_landmarks

    reader, landmarks = reader_and_landmarks(call, model, graph)
    source = _source(inputs, camera, stream, raw, landmarks.max_side)
    from asl.models.features.holistic import FRAME_BONES
    from asl.pipelines.translation.live import translate_stream

    with call.progress() as progress:
        describe_model(reader.model, progress)
        figures, words, ended = None, 0, False
        try:
            updates = translate_stream(source, reader, landmarks, paced=pace)
            with LiveView(call.quiet, FRAME_BONES) as view, closing(updates):
                for update in updates:
                    figures = update.figures
                    view.show(update)
                    words += len(update.final)
                    for word in update.final:
                        write_word(word, None if formats[0] == "text" else reader.provenance())
            ended = True
        finally:
            if figures and (ended or figures.frames):  # a source without a frame has an error to show instead
                progress.say("  ".join(f"{metric_label(name)} {value}" for name, value in figures.summary().items()))
                for shortcoming in shortcomings(figures, words):
                    progress.warn(shortcoming)


def shortcomings(figures, words: int) -> list[str]:
    """What a person at the terminal should know of a stream that ended with `words` final words."""
    lines, frames = [], figures.frames + figures.dropped
    if not frames:
        return ["the stream had no frames"]
    if not words:
        lines.append(f"no sign was recognised in {counted(frames, 'frame')}; --overlay shows which hands are seen in a file")
    if figures.dropped >= MAX_DROPPED_SHARE * frames:
        lines.append(
            f"{figures.dropped} of {counted(frames, 'frame was', 'frames were')} dropped, because this machine is too slow for "
            "them: signs may be missing or misread (a smaller picture, a lower frame rate, or for a file --no-pace)"
        )
    return lines


def _source(inputs: list[Path], camera: int | None, stream: str | None, raw: str | None, max_side: int):
    from asl.pipelines.media.live_sources import CameraSource, ContainerSource, FileSource, RawSource, check_camera, raw_format

    count = len(inputs) + (camera is not None) + (stream is not None)
    if count != 1:
        raise BadInput(f"one source at a time, not {count}", "give a video with --live, or --camera 0, or --stream -")
    if raw and stream is None:
        raise BadInput("--raw describes the frames on stdin", "add --stream -")
    if camera is not None:
        check_camera(camera)
        return CameraSource(camera, max_side)
    if stream is not None:
        if stream != "-":
            raise BadInput(f"--stream reads stdin, not '{stream}'", "use --stream -, or a file with --live")
        if sys.stdin.isatty():
            raise BadInput("stdin is a terminal, not a video", "pipe a video into it: asl translate - < video.mp4")
        if not raw:
            return ContainerSource(sys.stdin.buffer, max_side)
        width, height, fps = raw_format(raw)
        return RawSource(sys.stdin.buffer, width, height, max_side, fps)
    return FileSource(inputs[0], max_side)
