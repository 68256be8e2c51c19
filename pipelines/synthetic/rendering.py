"""Videos of a corpus, rendered by worker processes."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.clips import ClipSource
from pipelines.fan_out import fan_out
from pipelines.files import remove_unfinished
from pipelines.progress import Progress
from pipelines.synthetic import corpus


def is_rendered(clip: ClipSource) -> bool:
    """Whether a clip is a video of a synthetic signer: its description says how to make it."""
    return clip.kind == "video" and bool(clip.layout)


def render(clips: Sequence[ClipSource], folder: Path, workers: int, progress: Progress) -> None:
    """Renders clips into the folder. Interrupted, whole videos stay; the next call removes what was being written."""
    if not clips:
        return
    if folder.is_dir():
        remove_unfinished(folder)
    progress.start("render", len(clips))
    for _, future in fan_out(_render, clips, workers):
        future.result()
        progress.advance()


def _render(clip: ClipSource) -> None:
    corpus.render(corpus.parse_recipe(clip.layout), clip.path)
