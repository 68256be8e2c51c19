"""Clips of synthetic signers, and rendering of their videos."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.jobs.processes import WorkerDied, Workers, fan_out
from asl.pipelines.synthetic import performances
from asl.pipelines.synthetic.performances import Recipe, lexicon_file, perform, vocabulary
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.files import file_hash, slug, value_hash
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import SyntheticSettings


def clips(settings: SyntheticSettings, videos: Path) -> Iterator[ClipSource]:
    """All clips of the synthetic corpus, with exact labels. videos: folder of rendered clips.

    The signers take turns. Raises BadInput for an unknown lexicon, or for more signs than it has.
    """
    file = lexicon_file(settings.lexicon)
    signs = vocabulary(settings.lexicon, settings.signs, settings.synthetic_seed)
    common = {"lexicon": settings.lexicon, "vocabulary": settings.signs, "seed": settings.synthetic_seed}
    folder = videos if settings.video else None
    common |= {"fps": settings.synthetic_fps, "noise": settings.noise}
    for number, sign in enumerate(signs):
        for take in range(settings.clips):
            signer = settings.first_signer + (number + take) % settings.signers
            yield source(Recipe(gloss=sign.gloss, take=take, signer=signer, **common), file, folder)
    for take in range(settings.sentences):
        signer = settings.first_signer + take % settings.signers
        yield source(Recipe(gloss="", take=take, signer=signer, **common), file, folder)


def source(recipe: Recipe, file: Path, videos: Path | None) -> ClipSource:
    """The clip of a recipe, with exact labels: a video in the folder `videos`, or landmarks if it is None.

    file: of the lexicon; the name of the video depends on its content.
    """
    performance = perform(recipe)
    text = json.dumps(asdict(recipe), sort_keys=True)
    signer = performance.signer.name
    if videos:
        digest = value_hash([text, file_hash(file)])[:10]
        file, kind = videos / signer / f"{slug(recipe.gloss or 'sentence')}-{recipe.take}-{digest}.mp4", "video"
    else:
        kind = "synthetic"
    return ClipSource(file, kind, recipe.name, performance.glosses, signer, signer, layout=text, segments=performance.segments)


def is_rendered(clip: ClipSource) -> bool:
    """Whether a clip is a rendered video of a synthetic signer, so that its layout is a recipe."""
    return clip.kind == "video" and bool(clip.layout)


def render(clips: Sequence[ClipSource], workers: Workers, progress: Progress) -> None:
    """Renders clips to their paths. If interrupted, complete videos are kept.

    Raises AslError if a clip twice kills the process that renders it.
    """
    if not clips:
        return
    progress.start("render", len(clips))
    for clip, future in fan_out(_render, clips, workers):
        try:
            future.result()
        except WorkerDied as error:
            hint = "completed videos are kept; run the same command again"
            raise AslError(f"{clip.name} could not be rendered: {error}", hint) from error
        progress.advance()


def _render(clip: ClipSource) -> None:
    performances.render(performances.parse_recipe(clip.layout), clip.path)
