"""A pre-trained model: training, saving, loading and probing (SPEC §4, §6)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asl.models.features.feature_sets import FeatureSet, encoder_input
from asl.models.features.phon36 import SIZE
from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.probe import mean_and_deviation, probe_scores
from asl.models.networks.quantiser import CodebookFigures
from asl.models.objectives.pretraining import Pretrainer
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.corpus.labels import LabelTable, label_table
from asl.pipelines.recogniser.model import CARD, WEIGHTS, read_card
from asl.pipelines.recogniser.torch_model import FORMAT_VERSION
from asl.pipelines.training.examples import standardise
from asl.pipelines.training.initialisation import choose_device, cpu_threads, encoder_spec
from asl.pipelines.training.model_stage import forget
from asl.pipelines.training.stage1_loop import PretrainData, PretrainExample, PretrainRun
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import EncoderSettings, PretrainSettings
from asl.pipelines.workspace.tensor_files import load_tensors, save_tensors, with_prefix

STAGE = "pretrain"
#: Modules of a Pretrainer that are saved with its encoder.
HEADS = ("quantiser", "phonology", "parts")
#: Vocabulary size that the encoder is sized for if no clip has a gloss.
DEFAULT_GLOSSES = 100


@dataclass(frozen=True)
class PretrainedModel:
    """A pre-trained model, its data, the store indices of its training clips, and its figures."""

    model: Pretrainer
    data: PretrainData
    train_indices: list[int]
    history: list[dict[str, Any]]
    codebooks: dict[str, CodebookFigures]
    metrics: dict[str, Any]


def pretrain_model(
    folder: Path,
    settings: PretrainSettings,
    encoder: EncoderSettings,
    store: FeatureStore,
    asl_lex: str,
    fingerprint: str,
    progress: Progress,
    glosses: int = 0,
) -> PretrainedModel:
    """Pre-trains on the train split, resuming from the checkpoint in `folder`, and writes the model there.

    glosses: vocabulary size that the encoder is sized for; 0 for the number of glosses of the clips. Raises BadInput if the
    train split has fewer than two clips.
    """
    clips = store.clips
    train = [i for i, clip in enumerate(clips) if clip.split == "train"]
    if len(train) < 2:
        raise BadInput(
            f"the train split has {counted(len(train), 'clip')}, but stage 1 needs at least two",
            "run asl status to see the splits",
        )
    validation = [i for i, clip in enumerate(clips) if clip.split == "validation"]
    table = label_table([clips[i] for i in train], asl_lex)
    glosses = glosses or len({word for i in train for word in clips[i].glosses}) or DEFAULT_GLOSSES
    spec = encoder_spec(store.feature_set, glosses, encoder, settings.dropout)
    torch.manual_seed(settings.seed)
    model = Pretrainer(spec, table.tiers)
    examples = _examples(store, train, table), _examples(store, validation, table)
    data = PretrainData(store.feature_set, *examples, *standardise(store, train))
    with cpu_threads(settings.threads, model):
        run = PretrainRun(model, data, settings, folder, choose_device(settings.device))
        run.train("pretrain", progress)
    codebooks = run.codebooks()
    model.cpu().eval()
    metrics = _metrics(clips, train, run, codebooks, folder) | probe(model, data, clips, train, validation)
    save(folder, model, data, {"features": asdict(store.settings), "metrics": metrics, "fingerprint": fingerprint})
    forget(folder)
    return PretrainedModel(model, data, train, run.history, codebooks, metrics)


def save(folder: Path, model: Pretrainer, data: PretrainData, card: dict[str, Any]) -> None:
    """Writes a model folder: encoder, codebooks, per-frame prediction heads and standardisation."""
    tensors = {f"recogniser.encoder.{name}": tensor for name, tensor in model.encoder.state_dict().items()}
    for name in HEADS:
        tensors |= {f"{name}.{key}": tensor for key, tensor in getattr(model, name).state_dict().items()}
    tensors |= {"mean": torch.from_numpy(data.mean), "deviation": torch.from_numpy(data.deviation)}
    save_tensors(folder / WEIGHTS, tensors, {})
    record = {"version": FORMAT_VERSION, "stage": STAGE, "encoder": asdict(model.encoder.spec), "tiers": model.phonology.tiers}
    write_json(folder / CARD, json.loads(json.dumps(record | card)))


def load_stage_1(folder: Path) -> tuple[Pretrainer, dict[str, torch.Tensor]]:
    """Loads a pre-trained model and its tensors. Raises BadInput if the folder is damaged or not a stage-1 model."""
    card, (tensors, _) = read_card(folder), load_tensors(folder / WEIGHTS)
    if card.get("stage") != STAGE:
        raise BadInput(f"{folder.name} is not a stage-1 model", "name a model made by asl pretrain")
    model = Pretrainer(EncoderSpec(**card["encoder"]), card["tiers"])
    for name in ("encoder", *HEADS):
        state = with_prefix(tensors, "recogniser.encoder." if name == "encoder" else f"{name}.")
        try:
            getattr(model, name).load_state_dict(state)
        except RuntimeError as error:
            raise BadInput(f"{folder.name} holds no '{name}' of this architecture", "train it again: asl pretrain") from error
    return model.eval(), tensors


@torch.no_grad()
def encoded_frames(model: Pretrainer, values: np.ndarray) -> np.ndarray:
    """(T, inputs) encoder input → (T, M) outputs of the frozen encoder."""
    return model.encoder(torch.from_numpy(values)[None], torch.tensor([len(values)]))[0][0].numpy()


@torch.no_grad()
def predicted_frames(model: Pretrainer, values: np.ndarray) -> np.ndarray:
    """(T, inputs) encoder input → (T, K) per-frame predictions of stage 1."""
    return model.frame_predictions(torch.from_numpy(values)[None], torch.tensor([len(values)]))[0].numpy()


def raw_frames(values: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, inputs) encoder input → (T, 38): phon36 and the presence bits."""
    return np.concatenate([values[:, :SIZE], values[:, feature_set.expanded :]], axis=1)


def probe(
    model: Pretrainer, data: PretrainData, clips: Sequence[Clip], train: Sequence[int], validation: Sequence[int]
) -> dict[str, Any]:
    """Top-1 of linear probes on validation clips: on stage 1's predictions, on its frozen encoder, and on raw phon36.

    train, validation: indices of the clips. {} if fewer than two glosses have one-sign clips, or no validation clip has one.
    """
    glosses = sorted({clips[i].glosses[0] for i in train if len(clips[i].glosses) == 1})

    def pooled(indices: Sequence[int], examples: Sequence[PretrainExample]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        rows = [
            (example, glosses.index(clips[i].glosses[0]))
            for i, example in zip(indices, examples, strict=True)
            if len(clips[i].glosses) == 1 and clips[i].glosses[0] in glosses
        ]
        inputs = [encoder_input(example.features, data.mean, data.deviation, data.feature_set) for example, _ in rows]
        return {
            name: np.array([mean_and_deviation(frames(values)) for values in inputs])
            for name, frames in {
                "probe_top_1": partial(predicted_frames, model),
                "probe_of_encoder_top_1": partial(encoded_frames, model),
                "probe_of_phon36_top_1": lambda values: raw_frames(values, data.feature_set),
            }.items()
        }, np.array([label for _, label in rows])

    if len(glosses) < 2:
        return {}
    train_inputs, labels = pooled(train, data.train)
    validation_inputs, truth = pooled(validation, data.validation)
    if not len(truth):
        return {}
    accuracy = {
        name: float((probe_scores(inputs, labels, validation_inputs[name], len(glosses)).argmax(axis=1) == truth).mean())
        for name, inputs in train_inputs.items()
    }
    return {name: round(value, 4) for name, value in accuracy.items()} | {"probe_clips": len(truth)}


def _examples(store: FeatureStore, indices: Sequence[int], table: LabelTable) -> list[PretrainExample]:
    return [
        PretrainExample(store[i], store.clips[i].name, table.labels(store.clips[i], len(store[i]), store.fps)) for i in indices
    ]


def _metrics(clips: Sequence[Clip], train: Sequence[int], run: PretrainRun, codebooks, folder: Path) -> dict[str, Any]:
    last = run.history[-1]
    return {
        "model": folder.name,
        "train_clips": len(train),
        "synthetic_clips": sum(clips[i].synthetic for i in train) or None,
        "epochs": len(run.history),
        **{f"loss_{name}": round(last[name], 4) for name in ("time", "view", "codes", "phonology")},
        "validation_loss": round(last["validation_loss"], 4) if "validation_loss" in last else None,
        **{f"codes_used_{part}": round(codebook.used, 4) for part, codebook in codebooks.items()},
        **{f"perplexity_{part}": round(codebook.perplexity, 2) for part, codebook in codebooks.items()},
        "seconds": round(sum(figures["seconds"] for figures in run.history), 1),
    }
