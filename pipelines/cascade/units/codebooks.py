"""Codebooks: those of a pre-trained model, or fitted on the spot (SPEC §4)."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from asl.models.feature_sets import PHON36, encoder_input, standardisation
from asl.models.phon36 import SIZE
from asl.models.quantiser import ProductQuantiser
from asl.pipelines.cascade.units.coding import Coder, coder_of
from asl.pipelines.recogniser.model import WEIGHTS, read_card
from asl.pipelines.workspace.arrays import load_arrays
from asl.pipelines.workspace.errors import BadInput

#: Frames that codebooks are fitted on where no stage 1 made any.
MOST_FRAMES = 100_000


def stage_1_coder(folder: Path) -> Coder:
    """The codebooks of a pre-trained model. Raises BadInput if it has none."""
    if read_card(folder).get("stage") != "pretrain":
        raise BadInput(f"{folder} has no codebooks", "name a model that asl pretrain made")
    tensors = load_arrays(folder / WEIGHTS)
    try:
        return coder_of(tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise BadInput(f"the codebooks in {folder} are damaged: {error}", "make them again: asl pretrain --force") from error


def fit_coder(clips: Iterable[np.ndarray], seed: int = 0) -> Coder:
    """Codebooks fitted by k-means on (T, 36 or more) features of each clip."""
    clips = [one[:, :SIZE] for one in clips]
    mean, deviation = standardisation(clips)
    every = np.concatenate(clips)
    rng = np.random.default_rng(seed)
    if len(every) > MOST_FRAMES:
        every = every[np.sort(rng.choice(len(every), MOST_FRAMES, replace=False))]
    quantiser = ProductQuantiser()
    values = torch.from_numpy(encoder_input(every, mean, deviation, PHON36)[:, :SIZE])
    quantiser.seed(values, torch.from_numpy(np.isfinite(every)), torch.Generator().manual_seed(seed))
    return Coder({name: book.entries.numpy() for name, book in quantiser.books.items()}, mean, deviation)
