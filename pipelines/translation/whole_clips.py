"""`asl translate`: translates clips to glosses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from asl.models.features.holistic import Landmarks
from asl.models.features.tiers import BOUNDARY
from asl.pipelines.cascade.explanation import explain_path
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.recogniser.reading import read_landmarks
from asl.pipelines.translation.clip_landmarks import LandmarkCache, landmarks_in_order
from asl.pipelines.translation.reader import Reader
from asl.pipelines.translation.writers import Translation
from asl.pipelines.workspace.errors import BadClip, BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings


def translate(
    clips: Sequence[ClipSource],
    reader: Reader,
    landmarks: LandmarkSettings,
    progress: Progress,
    cache: LandmarkCache | None = None,
    *,
    isolated: bool = False,
    phonology: bool = False,
    explain: bool = False,
) -> Iterator[tuple[ClipSource, Translation | BadClip]]:
    """Yields each clip with its translation, or with what is wrong with it, in the given order.

    cache: landmarks of videos of earlier runs, which are not tracked again.
    isolated: each clip shows one sign, so that all its frames count for one gloss. phonology: add the phonological classes of
    each sign. explain: add the cascade's path. Raises BadInput if the model has no phonology, or there is no cascade.
    """
    if explain and (isolated or reader.graph is None):
        raise BadInput("--explain shows the path of the cascade", "add --decoder cascade, and leave --isolated out")
    if phonology and not set(reader.model.tiers) - {BOUNDARY}:
        raise BadInput(
            "this model was trained without phonology",
            "train one on clips with phonological tiers, or with: asl train-ctc --asl-lex FILE",
        )
    progress.start("translate", len(clips))
    options = {"isolated": isolated, "phonology": phonology, "explain": explain}
    for clip, outcome in landmarks_in_order(clips, landmarks, cache):
        yield clip, outcome if isinstance(outcome, BadClip) else translate_landmarks(clip.path, outcome, reader, **options)
        progress.advance()
    if cache and cache.is_full:
        progress.warn(
            f"the cache of landmarks is full ({cache.max_bytes >> 30} GiB); some videos will be tracked again next time"
        )


def translate_landmarks(
    path: Path, landmarks: Landmarks, reader: Reader, *, isolated: bool = False, phonology: bool = False, explain: bool = False
) -> Translation:
    """Translates a clip from its landmarks. path: its name in the result. The options are those of `translate`."""
    reading = read_landmarks(reader.model, landmarks, mirror=reader.settings.mirror_average)
    cascade_path = reader.graph.best_path(reading, reader.settings) if reader.graph and not isolated else None
    tokens = reader.isolated(reading) if isolated else reader.tokens(reading, cascade_path)
    if not phonology:
        tokens = [replace(token, phonology=()) for token in tokens]
    explanation = tuple(explain_path(reader.graph, cascade_path)) if explain and cascade_path.words else ()
    whole = cascade_path is None or cascade_path.complete
    return Translation(path, tuple(tokens), landmarks, explanation, whole, reader.provenance(isolated=isolated))
