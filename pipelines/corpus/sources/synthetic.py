"""Clips of synthetic signers: which there are, and where their videos lie."""

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
    """Every clip of the corpus, with its truth; videos: the folder in which rendered clips lie.

    Isolated signs are taken in turn by the signers. Raises BadInput: unknown lexicon, more signs than it has.
    """
    file = lexicon_file(settings.lexicon)
    signs = vocabulary(settings.lexicon, settings.signs, settings.synthetic_seed)
    common = {"lexicon": settings.lexicon, "vocabulary": settings.signs, "seed": settings.synthetic_seed}
    folder = videos if settings.video else None
    common |= {"fps": settings.synthetic_fps, "noise": settings.noise}
    for number, sign in enumerate(signs):
        for take in range(settings.clips):
            who = settings.first_signer + (number + take) % settings.signers
            yield source(Recipe(gloss=sign.gloss, take=take, signer=who, **common), file, folder)
    for take in range(settings.sentences):
        who = settings.first_signer + take % settings.signers
        yield source(Recipe(gloss="", take=take, signer=who, **common), file, folder)


def source(recipe: Recipe, file: Path, videos: Path | None) -> ClipSource:
    """The clip of a recipe, with its truth: a video in the folder `videos`, or landmarks where there is none.

    file: the lexicon's; the video's name changes with its content.
    """
    done = perform(recipe)
    text = json.dumps(asdict(recipe), sort_keys=True)
    who = done.signer.name
    if videos:
        digest = value_hash([text, file_hash(file)])[:10]
        file, kind = videos / who / f"{slug(recipe.gloss or 'sentence')}-{recipe.take}-{digest}.mp4", "video"
    else:
        kind = "synthetic"
    return ClipSource(file, kind, recipe.name, done.glosses, who, who, layout=text, segments=done.segments)


def is_rendered(clip: ClipSource) -> bool:
    """Whether a clip is a video of a synthetic signer: its description says how to make it."""
    return clip.kind == "video" and bool(clip.layout)


def render(clips: Sequence[ClipSource], where: Workers, progress: Progress) -> None:
    """Renders clips to where they say. Interrupted, whole videos stay.

    Raises AslError: a process died of one, twice.
    """
    if not clips:
        return
    progress.start("render", len(clips))
    for clip, future in fan_out(_render, clips, where):
        try:
            future.result()
        except WorkerDied as error:
            raise AslError(f"{clip.name} could not be rendered: {error}", "what was rendered is kept; try it again") from error
        progress.advance()


def _render(clip: ClipSource) -> None:
    performances.render(performances.parse_recipe(clip.layout), clip.path)
