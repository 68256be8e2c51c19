"""A trained model made smaller: units cut out, then a short training to recover (SPEC §15)."""

import tempfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from asl.models.networks.pruning import prune_recogniser
from asl.pipelines.cascade.units.alignments import usable_clips
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import LabelTable, table_of
from asl.pipelines.recogniser.torch_model import TrainedModel, load_model, save_model
from asl.pipelines.training.clip_selection import ClipSelection
from asl.pipelines.training.ctc_loop import CtcRun
from asl.pipelines.training.examples import examples_of
from asl.pipelines.training.initialisation import choose_device
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import TrainSettings

#: Of the learning rate that the model was trained with.
RECOVERY_RATE = 0.25


def smaller(
    model: TrainedModel, share: float, epochs: int, store: FeatureStore | None, folder: Path, progress: Progress
) -> TrainedModel:
    """The model without `share` of its units, trained for `epochs` more on the workspace's clips, written to `folder`.

    Raises BadInput: nothing to recover on, or nothing would be left.
    """
    train = usable_clips(store.clips, model, "train") if store else []
    if not train:
        raise BadInput("no training clips here to recover on after pruning", "export in the workspace that it was trained in")
    settings = recovery_settings(model, epochs)
    validation = usable_clips(store.clips, model, "validation")
    lexicon = table_of([store.clips[i] for i in train], str(model.card.get("training", {}).get("asl_lex", ""))).lexicon
    corpus = ClipSelection(train, validation, model.alphabet, 0)
    data = examples_of(store, corpus, LabelTable(model.tiers, lexicon), (model.mean, model.deviation))
    members: Sequence = []
    for number, old in enumerate(model.recognisers):
        try:
            small = prune_recogniser(old, share)
        except ValueError as error:
            raise BadInput(str(error), "prune less") from error
        with tempfile.TemporaryDirectory() as place:
            own = replace(settings, seed=settings.seed + number)
            members = [
                *members,
                CtcRun(small.train(), data, own, Path(place), choose_device(own.device)).run(progress).model.cpu(),
            ]
    card = {key: model.card[key] for key in ("training", "metrics", "stage") if key in model.card}
    card |= {"from": model.folder.name, "pruned": {"share": share, "epochs": epochs}}
    save_model(folder, members, model.alphabet, model.features, model.mean, model.deviation, card)
    return load_model(folder)


def recovery_settings(model: TrainedModel, epochs: int) -> TrainSettings:
    """Those that it was trained with, but for few epochs at a lower rate, and all of them kept."""
    known = {spec.name for spec in fields(TrainSettings)}
    settings = TrainSettings(**{key: value for key, value in model.card.get("training", {}).items() if key in known})
    rate = RECOVERY_RATE * settings.learning_rate
    return replace(settings, epochs=epochs, learning_rate=rate, patience=0, average=0.0, adversarial=0.0, members=1)
