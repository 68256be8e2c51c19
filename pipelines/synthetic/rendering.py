"""Videos of a corpus, rendered by worker processes."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from pipelines.clips import ClipSource
from pipelines.files import remove_unfinished
from pipelines.progress import Progress
from pipelines.synthetic import corpus


def is_rendered(clip: ClipSource) -> bool:
    """Whether a clip is a video of a synthetic signer: its description says how to make it."""
    return clip.kind == "video" and bool(clip.layout)


def render(clips: Sequence[ClipSource], folder: Path, workers: int, progress: Progress) -> None:
    """Renders clips into the folder. Interrupted, only whole videos stay there."""
    if not clips:
        return
    if folder.is_dir():
        remove_unfinished(folder)
    progress.start("render", len(clips))
    count = min(workers or os.cpu_count() or 1, len(clips))
    if count == 1:
        for clip in clips:
            _render(clip.layout, clip.path)
            progress.advance()
        return
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _ignore_interrupt)
    try:
        for future in as_completed([pool.submit(_render, clip.layout, clip.path) for clip in clips]):
            future.result()
            progress.advance()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle


def _render(recipe: str, path: Path) -> None:
    corpus.render(corpus.parse_recipe(recipe), path)
