"""The models that a workspace offers: its own, its bundles, and the one that comes with asl."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.recogniser.bundle import CARD as BUNDLE_CARD
from asl.pipelines.recogniser.bundle import EXPORT_AGAIN, default_bundle, find_model_or_bundle
from asl.pipelines.recogniser.bundle import FORMAT_VERSION as BUNDLE_FORMAT
from asl.pipelines.recogniser.bundle import MAX_CARD_BYTES as MAX_BUNDLE_CARD_BYTES
from asl.pipelines.recogniser.model import CARD, SHIPPED, read_card
from asl.pipelines.recogniser.scores import Score, read_scores, weights_of
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.records import read_record
from asl.pipelines.workspace.settings.fields import nearest_hint

BUNDLE, DAMAGED = "bundle", "damaged"
#: The stage whose models know no glosses.
ENCODER_STAGE = "pretrain"


@dataclass(frozen=True)
class ListedModel:
    """A model as `asl models` lists it.

    kind: the stage that trained it, or BUNDLE, SHIPPED or DAMAGED. date: when it was made (ISO 8601), empty if unknown.
    accuracy: what its card says of clips that were not used in training.
    """

    name: str
    kind: str
    folder: Path
    date: str
    glosses: int
    synthetic: bool
    accuracy: tuple[str, ...]
    scores: tuple[Score, ...]
    is_default: bool


def list_models(workspace: Workspace | None) -> list[ListedModel]:
    """The models of the workspace, the newest first, then its bundles, then the one that comes with asl."""
    scores = read_scores(workspace) if workspace else []
    default = _default_folder(workspace)
    return [_listed(folder, kind, scores, default) for folder, kind in _folders(workspace)]


def use_model(workspace: Workspace, name: str) -> None:
    """Makes a model the default of the workspace. Raises BadInput if there is none of that name, or if it knows no glosses."""
    models = {model.name: model for model in list_models(workspace)}
    if name not in models:
        raise BadInput(f"no model '{name}'", nearest_hint(name, models))
    if models[name].kind == ENCODER_STAGE:
        raise BadInput(f"{name} is a pre-trained encoder, which knows no glosses", f"asl train-ctc --pretrained {name}")
    if models[name].kind == DAMAGED:
        raise BadInput(f"the model {name} is damaged", "name another one: asl models")
    with workspace.locked("asl models"):
        workspace.set_setting("model", "default", name)


def _folders(workspace: Workspace | None) -> Iterator[tuple[Path, str]]:
    """The folder of every model and its kind; that of a trained model is in its card, and empty here."""
    if workspace:
        for parent, card, kind in ((workspace.models, CARD, ""), (workspace.bundles, BUNDLE_CARD, BUNDLE)):
            cards = sorted(parent.glob(f"*/{card}"), key=lambda file: file.stat().st_mtime, reverse=True)
            yield from ((file.parent, kind) for file in cards)
    yield default_bundle(), SHIPPED


def _listed(folder: Path, kind: str, scores: list[Score], default: Path | None) -> ListedModel:
    try:
        card = _card(folder, kind)
    except AslError:
        card, kind = {}, DAMAGED
    name = SHIPPED if kind == SHIPPED else folder.name
    weights = weights_of(folder) if any(score.model == name for score in scores) else ""
    metrics = card.get("metrics") if isinstance(card.get("metrics"), dict) else {}
    return ListedModel(
        name,
        kind or str(card.get("stage", "train-ctc")),
        folder,
        "" if kind == SHIPPED else _date(folder / (BUNDLE_CARD if kind == BUNDLE else CARD)),
        len(card.get("glosses", ())),
        bool(metrics.get("synthetic_clips")) and metrics.get("synthetic_clips") == metrics.get("train_clips"),
        tuple(map(str, card.get("accuracy", ()))),
        tuple(score for score in scores if (score.model, score.weights) == (name, weights)),
        folder == default,
    )


def _card(folder: Path, kind: str) -> dict[str, Any]:
    if kind in (BUNDLE, SHIPPED):
        return read_record(folder / BUNDLE_CARD, newest=BUNDLE_FORMAT, max_bytes=MAX_BUNDLE_CARD_BYTES, hint=EXPORT_AGAIN)
    return read_card(folder)


def _default_folder(workspace: Workspace | None) -> Path | None:
    """The model that commands use unless one is named; None if the default no longer exists."""
    try:
        return find_model_or_bundle(workspace, None)
    except AslError:
        return None


def _date(file: Path) -> str:
    return datetime.fromtimestamp(file.stat().st_mtime).astimezone().isoformat(timespec="seconds")
