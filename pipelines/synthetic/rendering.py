"""Videos of a corpus, rendered by worker processes."""

from collections.abc import Sequence

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.jobs.processes import Died, Where, fan_out
from asl.pipelines.synthetic import performances
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.progress import Progress


def is_rendered(clip: ClipSource) -> bool:
    """Whether a clip is a video of a synthetic signer: its description says how to make it."""
    return clip.kind == "video" and bool(clip.layout)


def render(clips: Sequence[ClipSource], where: Where, progress: Progress) -> None:
    """Renders clips to where they say. Interrupted, whole videos stay.

    Raises AslError: a process died of one, twice.
    """
    if not clips:
        return
    progress.start("render", len(clips))
    for clip, future in fan_out(_render, clips, where):
        try:
            future.result()
        except Died as error:
            raise AslError(f"{clip.name} could not be rendered: {error}", "what was rendered is kept; try it again") from error
        progress.advance()


def _render(clip: ClipSource) -> None:
    performances.render(performances.parse_recipe(clip.layout), clip.path)
