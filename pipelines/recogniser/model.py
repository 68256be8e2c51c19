"""What every model is, whoever runs it, and where models lie: readable without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS, FeatureSet
from asl.pipelines.workspace.errors import BadInput, StageMissing
from asl.pipelines.workspace.folder import MODEL_STAGES, Workspace
from asl.pipelines.workspace.records import read_record
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.settings.fields import nearest_hint
from asl.transducers.alphabet import Alphabet

WEIGHTS, CARD = "model.safetensors", "model.json"
FORMAT_VERSION = 1
MAX_CARD_BYTES = 64 << 20
#: What to do where a model cannot read streams.
STREAMING_HINT = "train one with --causal-features and --encoder tcn, or --encoder conv-attention --causal"


@dataclass(frozen=True)
class Output:
    """views: (T, V + 1) log-probabilities of each view by each recogniser. phonology: tier → (T, classes) mean posteriors."""

    views: tuple[np.ndarray, ...]
    phonology: dict[str, np.ndarray] = field(default_factory=dict)


class Stream(Protocol):
    """An encoder on frames as they come."""

    def read(self, inputs: np.ndarray) -> Output:
        """(N, t, D) the next frames of N views → what the model says of them."""


@dataclass(frozen=True)
class Model:
    """A recogniser with all that its input and output need. card: the rest of its record, for reports."""

    alphabet: Alphabet
    features: FeatureSettings
    mean: np.ndarray
    deviation: np.ndarray
    folder: Path
    card: dict[str, Any]

    @property
    def feature_set(self) -> FeatureSet:
        return FEATURE_SETS[self.features.features]

    @property
    def tiers(self) -> dict[str, tuple[str, ...]]:
        """The tiers of phonology (and boundaries) that it was taught, with their classes."""
        raise NotImplementedError

    @property
    def weights_hash(self) -> str:
        """What a cascade names the model by that it was built for."""
        raise NotImplementedError

    @property
    def graph(self) -> Path | None:
        """The folder of a cascade that it carries with it."""
        return None

    def read(self, inputs: np.ndarray) -> Output:
        """(N, T, D) encoder inputs of N views of one clip → what it says of each frame."""
        raise NotImplementedError

    @property
    def streams(self) -> bool:
        """Whether frames can be read as they come: a causal encoder on causal features."""
        raise NotImplementedError

    def stream(self, count: int) -> "Stream":
        """What reads `count` views of a stream, with its memory. Raises BadInput: the encoder reads whole clips."""
        if not self.streams:
            raise BadInput(f"the encoder of {self.folder.name} reads whole clips, not streams", STREAMING_HINT)
        return self._stream(count)

    def _stream(self, count: int) -> "Stream":
        raise NotImplementedError

    @property
    def names_every_frame(self) -> bool:
        """Whether it was taught the gloss of each frame, and not only to name it once."""
        training = self.card.get("training")
        return bool(training.get("frames")) if isinstance(training, dict) else False

    @property
    def only_synthetic(self) -> bool:
        """Whether all training clips were made by synthetic signers."""
        metrics = self.card.get("metrics")
        made = metrics.get("synthetic_clips") if isinstance(metrics, dict) else None
        return bool(made) and made == metrics.get("train_clips")


def is_model(folder: Path) -> bool:
    return (folder / CARD).is_file() and (folder / WEIGHTS).is_file()


def read_card(folder: Path) -> dict[str, Any]:
    """model.json. Raises BadInput if the folder holds no model of a version known here."""
    file = folder / CARD
    if not file.is_file():
        raise BadInput(f"{folder} holds no model (no {CARD})", "name a folder below models/, or train one: asl train-ctc")
    again = "train it again: asl train-ctc --force"
    return read_record(file, newest=FORMAT_VERSION, most_bytes=MAX_CARD_BYTES, again=again)


def find_model(workspace: Workspace | None, given: str | None, stages: Sequence[str] = MODEL_STAGES) -> Path:
    """The folder of the model: given by path or by name below models/, else the newest that one of these stages made."""
    if given:
        return made_folder(workspace.models if workspace else None, given, CARD, "model", "train one: asl train-ctc")
    if workspace is None:
        raise StageMissing("no workspace, so no model", "name one with --model FOLDER, or work in a workspace (asl init)")
    newest = workspace.newest(stages, "model")
    if not newest:
        raise StageMissing("no model has been trained in this workspace yet", "asl train-ctc")
    return workspace.inside(f"models/{newest}")


def made_folder(parent: Path | None, given: str, card: str, what: str, make: str) -> Path:
    """A folder with a card: given by name below `parent`, or by path. Raises BadInput: none; make: what to type for one."""
    for folder in (*([parent / given] if parent else []), Path(given)):
        if (folder / card).is_file():
            return folder
    known = [path.parent.name for path in parent.glob(f"*/{card}")] if parent else []
    raise BadInput(f"no {what} '{given}'", nearest_hint(Path(given).name, known) if known else make)
