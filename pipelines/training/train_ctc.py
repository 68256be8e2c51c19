"""`asl train-ctc`: a recogniser from the workspace's clips (SPEC §5, §7)."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asl.models.encoders import EncoderSpec, size_for
from asl.models.feature_sets import FeatureSet, standardisation
from asl.models.recogniser import Recogniser
from asl.pipelines.corpus.clips import Clip, read_clips
from asl.pipelines.corpus.feature_store import FeatureStore, open_features
from asl.pipelines.corpus.labels import Labels, LabelTable, lexicon_input, table_of
from asl.pipelines.recogniser.model import CARD, WEIGHTS, find_model, read_card
from asl.pipelines.recogniser.torch_model import save_model
from asl.pipelines.training.ctc_loop import Data, Example, Outcome, Run
from asl.pipelines.training.distributed import ALONE, Ranks, join, shards_of
from asl.pipelines.workspace.arrays import part
from asl.pipelines.workspace.checkpoints import load_tensors
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.folder import Decision, Plan, Workspace, settings_of
from asl.pipelines.workspace.progress import Progress, Silent
from asl.pipelines.workspace.settings import EncoderSettings, FeatureSettings, PhonologySettings, TrainSettings
from asl.transducers.alphabet import Alphabet

STAGE = "train-ctc"
CODE = 5
MOST_PARAMETERS_PER_CLIP = 1000
#: Settings that nothing of a model follows from.
WHERE_IT_RUNS = ("device", "threads", "devices", "nodes")
#: How far the seeds of two members of a model lie apart: farther than anybody's series of seeds.
MEMBER_SEEDS = 100_003


@dataclass
class TrainingResult:
    """What `asl train-ctc` did. folder: the model's; metrics: flat figures; warnings: for a person.

    leads: whether this process is the one that writes and speaks, among those that train together.
    """

    decision: Decision
    folder: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    leads: bool = True


@dataclass(frozen=True)
class Choice:
    """The settings that a recogniser follows from."""

    train: TrainSettings
    features: FeatureSettings
    encoder: EncoderSettings
    phonology: PhonologySettings

    @classmethod
    def of(cls, workspace: Workspace, flags: Mapping[str, Any]) -> "Choice":
        return cls(*(workspace.settings(section, flags) for section in ("train", "features", "encoder", "phonology")))

    @property
    def parts(self) -> tuple[Any, ...]:
        return (self.train, self.features, self.encoder, self.phonology)


@dataclass(frozen=True)
class Corpus:
    """The labelled clips by split, and the glosses that are learned."""

    train: list[int]
    validation: list[int]
    alphabet: Alphabet
    left_out: int


def run_train_ctc(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    pretrained: str | None = None,
    name: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> TrainingResult:
    """Trains on the train split, validates on the validation split if there is one, and writes models/<name>.

    pretrained: a model folder whose encoder weights are the start. A killed run goes on from its last epoch. Of several
    processes that train together only the first writes; what the others return is of no use.
    """
    choice = Choice.of(workspace, flags)
    device = choose_device(choice.train.device)
    ranks = ALONE if dry_run else join(device, choice.train.devices, choice.train.nodes, choice.train.threads)
    choice = replace(choice, train=replace(choice.train, accumulate=shards_of(choice.train.accumulate, ranks)))
    if ranks.rank:
        return _follow(workspace, choice, pretrained, ranks)
    with ExitStack() as held:
        ready = None
        try:
            held.enter_context(workspace.locked("asl train-ctc"))
            ready = _prepare(workspace, choice, pretrained, name, progress, force=force, dry_run=dry_run)
        finally:  # the others wait for it, whatever comes
            ranks.tell(ready.folder if isinstance(ready, _Ready) else None)
        if isinstance(ready, TrainingResult):
            return ready
        folder, plan = ready.folder, ready.plan
        metrics, warnings = train_model(folder, choice, ready.store, ready.corpus, ready.start, plan.fingerprint, progress, ranks)
        outputs = {workspace.relative(folder / part_): file_hash(folder / part_) for part_ in (WEIGHTS, CARD)}
        workspace.record(plan, ready.started, outputs, metrics)
        return TrainingResult(ready.decision, str(folder), metrics, warnings)


@dataclass(frozen=True)
class _Ready:
    """All that a training needs."""

    decision: Decision
    plan: Plan
    folder: Path
    store: FeatureStore
    corpus: Corpus
    start: Path | None
    started: datetime


def _prepare(
    workspace: Workspace, choice: Choice, pretrained: str | None, name: str | None, progress: Progress, *, force: bool,
    dry_run: bool,
) -> _Ready | TrainingResult:  # fmt: skip
    """Decides, and makes what the training needs; where nothing is to be trained, what there is to say."""
    clips = read_clips(workspace.clips_file)
    corpus = select(clips, choice.train.min_clips)
    start = find_model(workspace, pretrained) if pretrained else None
    inputs = lexicon_input(choice.phonology.asl_lex) | ({"pretrained": file_hash(start / WEIGHTS)} if start else {})
    plan = plan_of(STAGE, workspace, choice.parts, inputs, CODE)
    folder = workspace.models / (name or f"ctc-{plan.fingerprint[:8]}")
    decision = decide(workspace, plan, folder, force)
    if dry_run or not decision.run:
        metrics = workspace.state(STAGE).get("metrics", {}) if not decision.run else {}
        return TrainingResult(decision, str(folder), dict(metrics))
    begin(folder, plan, anew=force)
    started = datetime.now().astimezone()
    store = open_features(workspace, clips, choice.features, progress)
    return _Ready(decision, plan, folder, store, corpus, start, started)


def _follow(workspace: Workspace, choice: Choice, pretrained: str | None, ranks: Ranks) -> TrainingResult:
    """Trains with the others what the first has prepared, and writes nothing."""
    folder = ranks.tell(None)
    if folder is not None:
        clips = read_clips(workspace.clips_file)
        start = find_model(workspace, pretrained) if pretrained else None
        store = open_features(workspace, clips, choice.features, Silent())
        train_model(folder, choice, store, select(clips, choice.train.min_clips), start, "", Silent(), ranks)
    return TrainingResult(Decision(False, "the first process has the word"), leads=False)


def begin(folder: Path, plan: Plan, *, anew: bool = False) -> None:
    """Makes a run's folder; checkpoints of other settings or data (or all, `anew`) are deleted."""
    if anew or other_run(folder, plan):
        forget(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", {"fingerprint": plan.fingerprint})


def train_model(
    folder: Path,
    choice: Choice,
    store: FeatureStore,
    corpus: Corpus,
    start: Path | None,
    fingerprint: str,
    progress: Progress,
    ranks: Ranks = ALONE,
) -> tuple[dict[str, Any], list[str]]:
    """Trains the recognisers of a model, resuming what the folder holds, and writes it there; its figures and warnings.

    start: the folder of the model whose encoder they start from.
    """
    train, clips = choice.train, store.clips
    if train.threads and ranks.size == 1:
        torch.set_num_threads(train.threads)
    table = table_of([clips[i] for i in corpus.train], choice.phonology.asl_lex)
    data = prepare(store, corpus, table, standardisation_of(start))
    outcomes = []
    for number in range(train.members):
        own = replace(train, seed=train.seed + MEMBER_SEEDS * number)
        recogniser = build(data.feature_set, len(corpus.alphabet), choice.encoder, own, table.tiers)
        if start:
            load_encoder(recogniser, start)
        place = folder / f"member{number}" if number else folder
        place.mkdir(exist_ok=True)
        outcomes.append(Run(recogniser, data, own, place, ranks.device(choose_device(train.device)), ranks).run(progress))
    if ranks.rank:
        return {}, []
    metrics = _metrics(corpus, clips, outcomes, folder)
    card = {"stage": STAGE, "fingerprint": fingerprint, "training": settings_of(choice.encoder, choice.phonology, train)}
    card |= {"metrics": metrics}
    models = [outcome.model.cpu() for outcome in outcomes]
    save_model(folder, models, corpus.alphabet, choice.features, data.mean, data.deviation, card)
    forget(folder)
    warnings = [warning for outcome in outcomes for warning in outcome.warnings]
    return metrics, warnings + _size_warnings(metrics)


def forget(folder: Path) -> None:
    """Deletes the checkpoints of a run and of its members."""
    for file in folder.rglob("checkpoint.safetensors"):
        file.unlink(missing_ok=True)


def choose_device(wanted: str) -> torch.device:
    """auto takes CUDA where there is one. Raises BadInput for cuda where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise BadInput("no CUDA device is at hand", "use --device cpu, or install a CUDA build of torch")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def select(clips: Sequence[Clip], min_clips: int) -> Corpus:
    """The clips to train and validate on. Raises BadInput: none labelled, none left, or one gloss only."""
    labelled = [i for i, clip in enumerate(clips) if clip.glosses]
    if not labelled:
        raise BadInput("no clip has a gloss", "name them by folders, a --pattern, a manifest or annotations")
    train = [i for i in labelled if clips[i].split == "train"]
    if not train:
        raise BadInput("no labelled clip is in the train split", "look at: asl status; change the split with asl extract")
    counts = Counter(word for i in train for word in clips[i].glosses)
    alphabet = Alphabet(tuple(sorted(word for word, count in counts.items() if count >= min_clips)))
    if len(alphabet) < 2:
        raise BadInput(f"{len(alphabet)} gloss has {min_clips} training clips or more", "lower --min-clips or add clips")
    usable = [i for i in labelled if all(word in alphabet for word in clips[i].glosses)]
    by_split = {split: [i for i in usable if clips[i].split == split] for split in ("train", "validation")}
    return Corpus(by_split["train"], by_split["validation"], alphabet, len(labelled) - len(usable))


def prepare(store: FeatureStore, corpus: Corpus, table: LabelTable, given: tuple[np.ndarray, np.ndarray] | None = None) -> Data:
    """Examples, and the standardisation of the training clips alone (SPEC §3): as they are and mirrored.

    given: a standardisation to use in its place.
    """
    mean, deviation = given or standardise(store, corpus.train)

    def examples(chosen: Sequence[int]) -> Examples:
        clips = (store.clips[i] for i in chosen)
        labels = [
            table.labels(clip, len(store[i]), store.fps, corpus.alphabet.label) for i, clip in zip(chosen, clips, strict=True)
        ]
        return Examples(store, chosen, labels, corpus.alphabet)

    return Data(store.feature_set, examples(corpus.train), examples(corpus.validation), mean, deviation)


@dataclass(frozen=True)
class Examples(Sequence[Example]):
    """Clips of a store, by their places in it, as examples whose features stay on disk until they are asked for."""

    store: FeatureStore
    chosen: Sequence[int]
    labels: Sequence[Labels]
    alphabet: Alphabet

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        clip, features = self.store.clips[self.chosen[index]], self.store[self.chosen[index]]
        return Example(features, tuple(self.alphabet.labels(clip.glosses)), clip.name, self.labels[index])


def standardise(store: FeatureStore, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of these clips' encoder input, as they are and mirrored."""
    mirror = store.feature_set.mirror
    shown = (one for i in indices for one in (store[i], mirror(store[i])))
    return standardisation(map(store.feature_set.expand, shown))


def build(
    feature_set: FeatureSet, glosses: int, encoder: EncoderSettings, train: TrainSettings, tiers: Mapping[str, Sequence[str]]
) -> Recogniser:
    """A fresh recogniser of the size of SPEC §5, unless the settings say another; weights from the seed."""
    spec = encoder_spec(feature_set, glosses, encoder, train.dropout, train.drop_path)
    torch.manual_seed(train.seed)
    return Recogniser(spec, glosses, train.label_prior, tiers)


def encoder_spec(
    feature_set: FeatureSet, glosses: int, encoder: EncoderSettings, dropout: float, drop_path: float = 0.0
) -> EncoderSpec:
    """Raises BadInput: settings that do not go together."""
    hidden, layers = size_of(encoder, glosses)
    try:
        return EncoderSpec(encoder.encoder, feature_set.inputs, hidden, layers, dropout, drop_path, encoder.causal)
    except ValueError as error:
        raise BadInput(str(error), "change --encoder, --hidden, --layers or --causal") from error


def size_of(encoder: EncoderSettings, glosses: int) -> tuple[int, int]:
    """Units or channels, and layers: as set, or by the vocabulary (SPEC §5)."""
    size = size_for(glosses, encoder.encoder)
    return encoder.hidden or size.hidden, encoder.layers or size.layers


def standardisation_of(start: Path | None) -> tuple[np.ndarray, np.ndarray] | None:
    """That of a stage-1 run: its encoder is fed as it was pre-trained, or few clips would shift its input."""
    if start is None or read_card(start).get("stage") != "pretrain":
        return None
    tensors, _ = load_tensors(start / WEIGHTS)
    return tensors["mean"].numpy(), tensors["deviation"].numpy()


def load_encoder(recogniser: Recogniser, folder: Path) -> None:
    """Puts another model's encoder weights in. Raises BadInput naming what does not fit."""
    card, own = read_card(folder), recogniser.encoder.spec
    theirs = card.get("encoder", {})
    for key in ("kind", "inputs", "hidden", "layers", "causal"):
        if theirs.get(key) != getattr(own, key):
            raise BadInput(
                f"the encoder in {folder} does not fit: its {key} is {theirs.get(key)}, here {getattr(own, key)}",
                "train both with the same --encoder, --causal, --hidden, --layers and --features "
                f"(there: --hidden {theirs.get('hidden')} --layers {theirs.get('layers')})",
            )
    tensors, _ = load_tensors(folder / WEIGHTS)
    try:
        recogniser.encoder.load_state_dict(part(tensors, "recogniser.encoder."))
    except RuntimeError as error:
        raise BadInput(f"the encoder in {folder} is damaged: {error}", "train that model again") from error


def plan_of(stage: str, workspace: Workspace, parts: Sequence[Any], inputs: Mapping[str, str], code: int) -> Plan:
    """The plan of a stage that makes a model of the clips and `inputs`. parts: its settings; where it computes is none."""
    settings = {key: value for key, value in settings_of(*parts).items() if key not in WHERE_IT_RUNS}
    return Plan(stage, settings, {"clips": file_hash(workspace.clips_file), **inputs}, code)


def decide(workspace: Workspace, plan: Plan, folder: Path, force: bool, what: str = "model") -> Decision:
    """Whether a stage that makes a model (or `what` its record calls it) has to run: also where it made one of another name."""
    decision = workspace.decide(plan, force=force)
    recorded = workspace.state(plan.stage).get("metrics", {}).get(what)
    if not decision.run and recorded != folder.name:
        return Decision(True, f"the record is of {recorded}")
    return decision


def other_run(folder: Path, plan: Plan) -> bool:
    """Whether a checkpoint in the folder belongs to other settings or data."""
    try:
        return json.loads((folder / "run.json").read_text())["fingerprint"] != plan.fingerprint
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _metrics(corpus: Corpus, clips: Sequence[Clip], outcomes: Sequence[Outcome], folder: Path) -> dict[str, Any]:
    """Flat figures; those of losses and validation are means over the members."""
    kept = [outcome.history[outcome.best_epoch] for outcome in outcomes]
    parameters = outcomes[0].model.parameter_count()

    def mean(key: str) -> float | None:
        return round(float(np.mean([figures[key] for figures in kept])), 4) if key in kept[0] else None

    return {
        "model": folder.name,
        "glosses": len(corpus.alphabet),
        "train_clips": len(corpus.train),
        "synthetic_clips": sum(clips[i].synthetic for i in corpus.train) or None,
        "validation_clips": len(corpus.validation),
        "clips_outside_vocabulary": corpus.left_out,
        "parameters": parameters,
        "parameters_per_clip": round(parameters / len(corpus.train), 1),
        "members": len(outcomes) if len(outcomes) > 1 else None,
        "epochs": len(outcomes[0].history),
        "kept_epoch": outcomes[0].best_epoch + 1,
        "loss": mean("loss"),
        "blank_share": mean("blank_share"),
        "validation_score": mean("validation_score"),
        "seconds": round(sum(figures["seconds"] for outcome in outcomes for figures in outcome.history), 1),
    }


def _size_warnings(metrics: Mapping[str, Any]) -> list[str]:
    if metrics["parameters_per_clip"] <= MOST_PARAMETERS_PER_CLIP:
        return []
    return [
        f"{metrics['parameters_per_clip']:.0f} parameters a training clip; above {MOST_PARAMETERS_PER_CLIP} expect overfitting"
    ]
