"""Prunes a trained model: removes units, then trains it briefly to recover (SPEC §15)."""

import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from asl.models.networks.pruning import prune_recogniser
from asl.pipelines.cascade.units.alignments import usable_clips
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import LabelTable, label_table
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model, save_model
from asl.pipelines.training.clip_selection import ClipSelection
from asl.pipelines.training.ctc_loop import CtcRun
from asl.pipelines.training.examples import examples_of
from asl.pipelines.training.initialisation import choose_device
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import TrainSettings

#: Learning rate of the recovery, as a share of that of the training.
RECOVERY_RATE = 0.25


def prune_model(
    model: TrainedModel, share: float, epochs: int, store: FeatureStore | None, folder: Path, progress: Progress
) -> TrainedModel:
    """Removes `share` of the model's units, trains it for `epochs` on the workspace's clips, and writes it to `folder`.

    Raises BadInput if there are no training clips, or no units would be left.
    """
    train = usable_clips(store.clips, model, "train") if store else []
    if not train:
        raise BadInput(
            "pruning needs training clips to recover on, but there are none here",
            "export in the workspace that the model was trained in",
        )
    settings = recovery_settings(model, epochs)
    validation = usable_clips(store.clips, model, "validation")
    lexicon = label_table([store.clips[i] for i in train], str(model.card.get("training", {}).get("asl_lex", ""))).lexicon
    selection = ClipSelection(train, validation, model.alphabet, 0)
    data = examples_of(store, selection, LabelTable(model.tiers, lexicon), (model.mean, model.deviation))
    members: Sequence = []
    for number, recogniser in enumerate(model.recognisers):
        try:
            pruned = prune_recogniser(recogniser, share)
        except ValueError as error:
            raise BadInput(str(error), "prune less") from error
        with tempfile.TemporaryDirectory() as name:
            member_settings = replace(settings, seed=settings.seed + number)
            run = CtcRun(pruned.train(), data, member_settings, Path(name), choose_device(member_settings.device))
            members = [*members, run.run(progress).model.cpu()]
    card = {key: model.card[key] for key in ("training", "metrics", "stage") if key in model.card}
    card |= {"from": model.folder.name, "pruned": {"share": share, "epochs": epochs}}
    save_model(folder, members, model.alphabet, model.features, model.mean, model.deviation, card)
    return load_model(folder)


def recovery_settings(model: TrainedModel, epochs: int) -> TrainSettings:
    """The settings of the model's training, with few epochs, a lower learning rate, and without early stopping."""
    names = {spec.name for spec in fields(TrainSettings)}
    settings = TrainSettings(**{key: value for key, value in model.card.get("training", {}).items() if key in names})
    rate = RECOVERY_RATE * settings.learning_rate
    return replace(settings, epochs=epochs, learning_rate=rate, patience=0, average=0.0, adversarial=0.0, members=1)
