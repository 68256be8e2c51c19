"""A pre-trained model: how it is made, kept, read again and probed (SPEC §4, §6)."""

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
from asl.pipelines.corpus.labels import LabelTable, table_of
from asl.pipelines.recogniser.model import CARD, WEIGHTS, read_card
from asl.pipelines.recogniser.torch_model import FORMAT_VERSION
from asl.pipelines.training.examples import standardise
from asl.pipelines.training.initialisation import choose_device, encoder_spec
from asl.pipelines.training.model_stage import forget
from asl.pipelines.training.stage1_loop import PretrainData, PretrainRun, Unlabelled
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.training import EncoderSettings, PretrainSettings
from asl.pipelines.workspace.tensor_files import load_tensors, part, save_tensors

STAGE = "pretrain"
#: What of a Pretrainer is kept beside its encoder.
HEADS = ("quantiser", "phonology", "parts")
#: The size of the encoder where no clip has a gloss: that of this vocabulary.
UNLABELLED_GLOSSES = 100


@dataclass(frozen=True)
class PretrainedModel:
    """A pre-trained model, the clips that it learned from (their places among all), and its figures."""

    model: Pretrainer
    data: PretrainData
    chosen: list[int]
    history: list[dict[str, Any]]
    books: dict[str, CodebookFigures]
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
    """Pre-trains on the train split, resuming what the folder holds, and writes the model there.

    glosses: how many the encoder's size goes by; 0 for those of the clips.
    """
    clips = store.clips
    if settings.threads:
        torch.set_num_threads(settings.threads)
    chosen = [i for i, clip in enumerate(clips) if clip.split == "train"]
    if len(chosen) < 2:
        raise BadInput(f"{len(chosen)} clips in the train split; stage 1 needs two at least", "look at: asl status")
    held = [i for i, clip in enumerate(clips) if clip.split == "validation"]
    table = table_of([clips[i] for i in chosen], asl_lex)
    glosses = glosses or len({word for i in chosen for word in clips[i].glosses}) or UNLABELLED_GLOSSES
    spec = encoder_spec(store.feature_set, glosses, encoder, settings.dropout)
    torch.manual_seed(settings.seed)
    model = Pretrainer(spec, table.tiers)
    examples = _examples(store, chosen, table), _examples(store, held, table)
    data = PretrainData(store.feature_set, *examples, *standardise(store, chosen))
    run = PretrainRun(model, data, settings, folder, choose_device(settings.device))
    run.train("pretrain", progress)
    books = run.codebooks()
    model.cpu().eval()
    metrics = _metrics(clips, chosen, run, books, folder) | probe(model, data, clips, chosen, held)
    save(folder, model, data, {"features": asdict(store.settings), "metrics": metrics, "fingerprint": fingerprint})
    forget(folder)
    return PretrainedModel(model, data, chosen, run.history, books, metrics)


def save(folder: Path, model: Pretrainer, data: PretrainData, card: dict[str, Any]) -> None:
    """models/<name>: encoder, codebooks, what stage 1 says of frames, and standardisation."""
    tensors = {f"recogniser.encoder.{name}": tensor for name, tensor in model.encoder.state_dict().items()}
    for name in HEADS:
        tensors |= {f"{name}.{key}": tensor for key, tensor in getattr(model, name).state_dict().items()}
    tensors |= {"mean": torch.from_numpy(data.mean), "deviation": torch.from_numpy(data.deviation)}
    save_tensors(folder / WEIGHTS, tensors, {})
    record = {"version": FORMAT_VERSION, "stage": STAGE, "encoder": asdict(model.encoder.spec), "tiers": model.phonology.tiers}
    write_json(folder / CARD, json.loads(json.dumps(record | card)))


def load_stage_1(folder: Path) -> tuple[Pretrainer, dict[str, torch.Tensor]]:
    """A pre-trained model as `save` wrote it, to read frames with, and its tensors. Raises BadInput: damaged or no stage 1."""
    card, (tensors, _) = read_card(folder), load_tensors(folder / WEIGHTS)
    if card.get("stage") != STAGE:
        raise BadInput(f"{folder.name} is no model of stage 1", "name one that asl pretrain made")
    model = Pretrainer(EncoderSpec(**card["encoder"]), card["tiers"])
    for name in ("encoder", *HEADS):
        own = part(tensors, "recogniser.encoder." if name == "encoder" else f"{name}.")
        try:
            getattr(model, name).load_state_dict(own)
        except RuntimeError as error:
            raise BadInput(f"{folder.name} holds no '{name}' of this architecture", "train it again: asl pretrain") from error
    return model.eval(), tensors


@torch.no_grad()
def encoded_frames(model: Pretrainer, values: np.ndarray) -> np.ndarray:
    """(T, inputs) → (T, M) of the frozen encoder."""
    return model.encoder(torch.from_numpy(values)[None], torch.tensor([len(values)]))[0][0].numpy()


@torch.no_grad()
def said_frames(model: Pretrainer, values: np.ndarray) -> np.ndarray:
    """(T, inputs) → (T, K) what stage 1 says of each frame."""
    return model.frame_predictions(torch.from_numpy(values)[None], torch.tensor([len(values)]))[0].numpy()


def raw_frames(values: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, inputs) → (T, 38): phon36 and the presence bits alone."""
    return np.concatenate([values[:, :SIZE], values[:, feature_set.expanded :]], axis=1)


def probe(
    model: Pretrainer, data: PretrainData, clips: Sequence[Clip], chosen: Sequence[int], held: Sequence[int]
) -> dict[str, Any]:
    """Top-1 of a linear probe on validation clips: on what stage 1 says, on its frozen encoder and on raw phon36.

    {} without labelled clips.
    """
    known = sorted({clips[i].glosses[0] for i in chosen if len(clips[i].glosses) == 1})

    def gathered(indices: Sequence[int], examples: Sequence[Unlabelled]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        rows = [
            (one, known.index(clips[i].glosses[0]))
            for i, one in zip(indices, examples, strict=True)
            if len(clips[i].glosses) == 1 and clips[i].glosses[0] in known
        ]
        inputs = [encoder_input(one.features, data.mean, data.deviation, data.feature_set) for one, _ in rows]
        return {
            name: np.array([mean_and_deviation(frames(values)) for values in inputs])
            for name, frames in {
                "probe_top_1": partial(said_frames, model),
                "probe_of_encoder_top_1": partial(encoded_frames, model),
                "probe_of_phon36_top_1": lambda values: raw_frames(values, data.feature_set),
            }.items()
        }, np.array([label for _, label in rows])

    if len(known) < 2:
        return {}
    seen, labels = gathered(chosen, data.train)
    held_out, truth = gathered(held, data.validation)
    if not len(truth):
        return {}
    right = {
        name: float((probe_scores(seen[name], labels, held_out[name], len(known)).argmax(axis=1) == truth).mean())
        for name in seen
    }
    return {name: round(value, 4) for name, value in right.items()} | {"probe_clips": len(truth)}


def _examples(store: FeatureStore, indices: Sequence[int], table: LabelTable) -> list[Unlabelled]:
    return [Unlabelled(store[i], store.clips[i].name, table.labels(store.clips[i], len(store[i]), store.fps)) for i in indices]


def _metrics(clips: Sequence[Clip], chosen: Sequence[int], run: PretrainRun, books, folder: Path) -> dict[str, Any]:
    last = run.history[-1]
    return {
        "model": folder.name,
        "train_clips": len(chosen),
        "synthetic_clips": sum(clips[i].synthetic for i in chosen) or None,
        "epochs": len(run.history),
        **{f"loss_{name}": round(last[name], 4) for name in ("time", "view", "codes", "phonology")},
        "validation_loss": round(last["validation_loss"], 4) if "validation_loss" in last else None,
        **{f"codes_used_{part}": round(one.used, 4) for part, one in books.items()},
        **{f"perplexity_{part}": round(one.perplexity, 2) for part, one in books.items()},
        "seconds": round(sum(figures["seconds"] for figures in run.history), 1),
    }
