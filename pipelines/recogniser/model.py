"""The interface of every model, and where models are stored. Nothing here needs torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS, FeatureSet
from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.errors import BadInput, StageMissing
from asl.pipelines.workspace.folder import MODEL_STAGES, Workspace
from asl.pipelines.workspace.names import is_path
from asl.pipelines.workspace.records import read_record
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.transducers.alphabet import Alphabet

#: Name of the model that comes with asl, wherever a model is named.
SHIPPED = "shipped"
WEIGHTS, CARD = "model.safetensors", "model.json"
FORMAT_VERSION = 1
MAX_CARD_BYTES = 64 << 20
#: Names that an error lists at most.
MAX_LISTED = 12
#: Hint for models that cannot process streams.
STREAMING_HINT = "train one with --causal-features and --encoder tcn, or --encoder conv-attention --causal"


@dataclass(frozen=True)
class Output:
    """The output of a model.

    views: (T, V + 1) log-probabilities for each view and recogniser. phonology: tier → (T, classes) mean posteriors.
    """

    views: tuple[np.ndarray, ...]
    phonology: dict[str, np.ndarray] = field(default_factory=dict)


class EncoderStream(Protocol):
    """An encoder applied to frames as they arrive, with its state."""

    def read(self, inputs: np.ndarray) -> Output:
        """Output for the next t frames, from (N, t, D) encoder inputs of N views."""


@dataclass(frozen=True)
class Model:
    """A recogniser with its vocabulary, feature settings and standardisation. card: its full record."""

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
        """The phonology and boundary tiers that it was trained on, with their classes."""
        raise NotImplementedError

    @property
    def weights_hash(self) -> str:
        """The hash by which a cascade refers to the model that it was built for."""
        raise NotImplementedError

    @property
    def graph(self) -> Path | None:
        """The folder of the cascade that belongs to the model, None if it has none."""
        return None

    def read(self, inputs: np.ndarray) -> Output:
        """Output for one clip, from (N, T, D) encoder inputs of N views."""
        raise NotImplementedError

    @property
    def streams(self) -> bool:
        """Whether the model can process streams: a causal encoder on causal features."""
        raise NotImplementedError

    def stream(self, count: int) -> "EncoderStream":
        """A new stream of `count` views. Raises BadInput if the encoder needs whole clips."""
        if not self.streams:
            raise BadInput(f"the encoder of {self.folder.name} needs whole clips and cannot process streams", STREAMING_HINT)
        return self._stream(count)

    def _stream(self, count: int) -> "EncoderStream":
        raise NotImplementedError

    @property
    def trained_on_frames(self) -> bool:
        """Whether the gloss of every frame was a training target, and not only the gloss sequence."""
        training = self.card.get("training")
        return bool(training.get("frames")) if isinstance(training, dict) else False

    @property
    def features_note(self) -> str:
        """One line if other code computed the features that it was trained on; "" if not, or if an older asl did not say."""
        code = self.card.get("code")
        trained_on = code.get("features") if isinstance(code, dict) else None
        if trained_on in (None, VERSIONS["features"]):
            return ""
        return (
            f"the model {self.folder.name} was trained on features of version {trained_on}, and this asl computes version "
            f"{VERSIONS['features']}: it may recognise less"
        )

    @property
    def only_synthetic(self) -> bool:
        """Whether all training clips were made by synthetic signers."""
        metrics = self.card.get("metrics")
        synthetic = metrics.get("synthetic_clips") if isinstance(metrics, dict) else None
        return bool(synthetic) and synthetic == metrics.get("train_clips")


def is_model(folder: Path) -> bool:
    return (folder / CARD).is_file() and (folder / WEIGHTS).is_file()


def read_card(folder: Path) -> dict[str, Any]:
    """The content of model.json. Raises BadInput if the folder holds no model, or one written by a newer asl."""
    file = folder / CARD
    if not file.is_file():
        raise BadInput(f"{folder} holds no model (no {CARD})", "name a folder below models/, or train one: asl train-ctc")
    again = "train it again: asl train-ctc --force"
    return read_record(file, newest=FORMAT_VERSION, max_bytes=MAX_CARD_BYTES, hint=again)


def stage_of(folder: Path) -> str:
    """The stage that made a model, by its card: its code version is part of what is computed with the model."""
    return stage_of_card(read_card(folder))


def stage_of_card(card: Mapping[str, Any]) -> str:
    """The stage that made the model or bundle with this card."""
    stage = card.get("stage")
    return stage if stage in VERSIONS else "train-ctc"


def find_model(workspace: Workspace | None, given: str | None, stages: Sequence[str] = MODEL_STAGES) -> Path:
    """Folder of a model: given by path or by name below models/, else the newest one that one of the stages made.

    Raises BadInput if the given model does not exist, StageMissing if there is none yet.
    """
    if given:
        return find_made_folder(
            workspace.models if workspace else None, given, CARD, "model", "this workspace has none yet; train one: asl train-ctc"
        )
    if workspace is None:
        raise StageMissing(
            "there is no workspace to take a model from", "name a model with --model FOLDER, or create a workspace with asl init"
        )
    newest = workspace.newest(stages, "model")
    if not newest:
        raise StageMissing("no model has been trained in this workspace yet", "asl train-ctc")
    return workspace.inside(f"models/{newest}")


def chosen_model(workspace: Workspace | None, given: str | None) -> str:
    """The model given, else the default of the workspace; empty if the newest one is to be used."""
    return given or (workspace.settings("model").default if workspace else "")


def find_made_folder(parent: Path | None, given: str, card: str, kind: str, hint: str) -> Path:
    """A folder with the file `card`, given by name below `parent` or by path.

    kind: for messages, such as "model". hint: if there is nothing to choose from. Raises BadInput if there is no such folder.
    """
    for folder in (*([parent / given] if parent and not is_path(given) else []), Path(given)):
        if (folder / card).is_file():
            return folder
    names = [path.parent.name for path in parent.glob(f"*/{card}")] if parent else []
    raise nothing_made(given, names, kind, hint)


def nothing_made(given: str, names: Sequence[str], kind: str, hint: str) -> BadInput:
    """The error of a name or path that holds no model or graph. names: those that there are; without any, hint is its hint."""
    reason = f"that folder holds no {kind}" if Path(given).exists() else "there is no such name or path"
    listed = ", ".join(sorted(names)[:MAX_LISTED]) + (", …" if len(names) > MAX_LISTED else "")
    return BadInput(f"no {kind} '{given}': {reason}", f"there {'are' if len(names) > 1 else 'is'}: {listed}" if names else hint)
