"""`asl translate`: translates clips to glosses."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from asl.models.features.holistic import Landmarks
from asl.models.features.tiers import BOUNDARY
from asl.pipelines.cascade.explanation import explain_path
from asl.pipelines.corpus import extract_clip
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.recogniser.reading import read_landmarks
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
    *,
    isolated: bool = False,
    phonology: bool = False,
    explain: bool = False,
) -> Iterator[tuple[ClipSource, Translation | BadClip]]:
    """Yields each clip with its translation, or with what is wrong with it, in the given order.

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
    done: dict[ClipSource, Translation | BadClip] = {}
    waiting = list(clips)
    # A single clip is read faster in this process.
    workers = Workers(landmarks.workers, seconds=60 * landmarks.time_limit) if len(clips) > 1 else None
    with tempfile.TemporaryDirectory(prefix="asl-") as folder:
        tasks = [extract_clip.Task(clip, Path(folder) / f"{i}.pose") for i, clip in enumerate(clips)]
        for task, outcome in extract_clip.run(tasks, landmarks, workers):
            failed = isinstance(outcome, BadClip)
            done[task.source] = outcome if failed else _translation(task, reader, isolated, phonology, explain)
            progress.advance()
            while waiting and waiting[0] in done:
                clip = waiting.pop(0)
                yield clip, done.pop(clip)


def _translation(task: extract_clip.Task, reader: Reader, isolated: bool, phonology: bool, explain: bool) -> Translation:
    landmarks = read_pose(task.pose)
    task.pose.unlink()
    return translate_landmarks(task.source.path, landmarks, reader, isolated=isolated, phonology=phonology, explain=explain)


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
    return Translation(path, tuple(tokens), landmarks, explanation, cascade_path is None or cascade_path.complete)
