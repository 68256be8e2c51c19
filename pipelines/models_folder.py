"""A trained model's folder: model.safetensors with weights and standardisation, model.json with everything else."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.encoders import EncoderSpec
from models.feature_sets import FEATURE_SETS, FeatureSet
from models.recogniser import Recogniser
from pipelines.checkpoints import load_tensors, part, save_tensors
from pipelines.errors import AslError, BadInput, StageMissing
from pipelines.files import write_json
from pipelines.settings import FeatureSettings, nearest_hint
from pipelines.workspace import MODEL_STAGES, Workspace
from transducers.alphabet import Alphabet

WEIGHTS, CARD = "model.safetensors", "model.json"
FORMAT_VERSION = 1
MAX_CARD_BYTES = 64 << 20
MAX_GLOSSES, MAX_MEMBERS = 200_000, 32


@dataclass(frozen=True)
class TrainedModel:
    """Recognisers of one shape, whose readings are averaged, and all that their input and output need.

    card: the rest of model.json, for reports.
    """

    recognisers: tuple[Recogniser, ...]
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
        return self.recognisers[0].phonology.tiers

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


def save_model(
    folder: Path,
    recognisers: Sequence[Recogniser],
    alphabet: Alphabet,
    features: FeatureSettings,
    mean: np.ndarray,
    deviation: np.ndarray,
    card: dict[str, Any],
) -> None:
    """Writes models/<name>. recognisers: one or several of one shape; the first is the one that other stages start from."""
    tensors = {
        f"{prefix(number)}{name}": tensor for number, one in enumerate(recognisers) for name, tensor in one.state_dict().items()
    }
    recogniser = recognisers[0]
    tensors |= {"mean": torch.from_numpy(mean), "deviation": torch.from_numpy(deviation)}
    save_tensors(folder / WEIGHTS, tensors, {})
    record = {"version": FORMAT_VERSION, "encoder": asdict(recogniser.encoder.spec), "prior_weight": recogniser.prior_weight}
    record |= {"tiers": recogniser.phonology.tiers, "members": len(recognisers)}
    record |= {"features": asdict(features), "glosses": list(alphabet.glosses), **card}
    write_json(folder / CARD, record)


def load_model(folder: Path) -> TrainedModel:
    """A model from its folder. Raises BadInput: not a model folder, from a newer asl, or parts that do not fit."""
    card = read_card(folder)
    if card.get("stage") == "pretrain":
        raise BadInput(f"{folder} is a pre-trained encoder, without glosses", f"asl train-ctc --pretrained {folder.name}")
    try:
        features, spec = FeatureSettings(**card["features"]), EncoderSpec(**card["encoder"])
        if spec.inputs != FEATURE_SETS[features.features].inputs:
            raise ValueError(f"an encoder of {spec.inputs} inputs for '{features.features}'")
        if len(card["glosses"]) > MAX_GLOSSES:
            raise ValueError(f"{len(card['glosses'])} glosses")
        alphabet = Alphabet(tuple(map(str, card["glosses"])))
        if not 1 <= card["members"] <= MAX_MEMBERS:
            raise ValueError(f"{card['members']} members")
        tensors, _ = load_tensors(folder / WEIGHTS)
        recognisers = []
        for number in range(card["members"]):
            recogniser = Recogniser(spec, len(alphabet), card["prior_weight"], card["tiers"])
            recogniser.load_state_dict(part(tensors, prefix(number)))
            recognisers.append(recogniser.eval())
        mean, deviation = tensors["mean"].numpy(), tensors["deviation"].numpy()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"the model in {folder} is damaged: {error}", "train it again: asl train-ctc --force") from error
    except AslError as error:
        raise BadInput(error.message, "train it again: asl train-ctc --force") from error
    return TrainedModel(tuple(recognisers), alphabet, features, mean, deviation, folder, card)


def prefix(member: int) -> str:
    """Of the names of a member's tensors."""
    return "recogniser." if member == 0 else f"member{member}."


def read_card(folder: Path) -> dict[str, Any]:
    """model.json. Raises BadInput if the folder holds no model of a version known here."""
    file = folder / CARD
    if not file.is_file():
        raise BadInput(f"{folder} holds no model (no {CARD})", "name a folder below models/, or train one: asl train-ctc")
    try:
        if file.stat().st_size > MAX_CARD_BYTES:
            raise ValueError("it is too large")
        card = json.loads(file.read_text(encoding="utf-8"))
        version = card["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{file} is damaged: {error}", "train it again: asl train-ctc --force") from error
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise BadInput(f"{file} has version {version!r}; this asl knows {FORMAT_VERSION}", "update asl")
    return card


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
