"""`asl translate`: clips that no one has seen before, to glosses."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.holistic import Landmarks
from models.phonology import BOUNDARY
from pipelines import workers
from pipelines.clips import ClipSource
from pipelines.errors import BadClip, BadInput
from pipelines.models_folder import TrainedModel
from pipelines.posefile import read_pose
from pipelines.progress import Progress
from pipelines.recognition import Token, isolated_token, read_landmarks, tokens_of
from pipelines.settings import DecodeSettings, LandmarkSettings


@dataclass(frozen=True)
class Translation:
    """A clip's glosses in signing order. landmarks: as extracted, for the overlay."""

    path: Path
    tokens: tuple[Token, ...]
    landmarks: Landmarks

    @property
    def seconds(self) -> float:
        return self.landmarks.seconds


def translate(
    clips: Sequence[ClipSource],
    model: TrainedModel,
    landmarks: LandmarkSettings,
    decode: DecodeSettings,
    progress: Progress,
    *,
    isolated: bool = False,
    phonology: bool = False,
) -> Iterator[tuple[ClipSource, Translation | BadClip]]:
    """Each clip with its translation or with what is wrong with it, in the order given.

    isolated: each clip shows one sign, so that all its frames speak for one gloss. phonology: with the phonological
    classes of each sign. Raises BadInput: the model was taught none.
    """
    if phonology and not set(model.tiers) - {BOUNDARY}:
        raise BadInput(
            "this model was taught no phonology",
            "train one on clips with phonological tiers, or with: asl train-ctc --asl-lex FILE",
        )
    progress.start("translate", len(clips))
    done: dict[ClipSource, Translation | BadClip] = {}
    waiting = list(clips)
    with tempfile.TemporaryDirectory(prefix="asl-") as folder:
        tasks = [workers.Task(clip, Path(folder) / f"{i}.pose") for i, clip in enumerate(clips)]
        for task, outcome in workers.run(tasks, landmarks):
            bad = isinstance(outcome, BadClip)
            done[task.source] = outcome if bad else _translation(task, model, decode, isolated, phonology)
            progress.advance()
            while waiting and waiting[0] in done:
                clip = waiting.pop(0)
                yield clip, done.pop(clip)


def _translation(task: workers.Task, model: TrainedModel, decode: DecodeSettings, isolated: bool, phonology: bool) -> Translation:
    found = read_pose(task.pose)
    task.pose.unlink()
    reading = read_landmarks(model, found, mirror=decode.mirror_average)
    tokens = [isolated_token(model, reading, decode.runners_up)] if isolated else tokens_of(model, reading, decode)
    if not phonology:
        tokens = [replace(token, phonology=()) for token in tokens]
    return Translation(task.source.path, tuple(tokens), found)
