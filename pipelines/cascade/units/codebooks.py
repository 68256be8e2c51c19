"""Codebooks: features to phonological codes, by those of a pre-trained model or by some fitted on the spot (SPEC §4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asl.models.features.feature_sets import PHON36, FeatureSet, encoder_input, standardisation
from asl.models.features.phon36 import MOVEMENT, PARTS, SIZE
from asl.models.features.tiers import UNKNOWN
from asl.pipelines.recogniser.model import WEIGHTS, read_card
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.tensor_files import load_arrays

#: Frames that codebooks are fitted on where no stage 1 made any.
MAX_FRAMES = 100_000


@dataclass(frozen=True)
class Coder:
    """books: part → (K, D) entries. mean, deviation: (36,) of the features that they were learned on."""

    books: Mapping[str, np.ndarray]
    mean: np.ndarray
    deviation: np.ndarray

    @property
    def sizes(self) -> dict[str, int]:
        return {name: len(book) for name, book in self.books.items()}

    def codes(self, features: np.ndarray) -> np.ndarray:
        """(T, 36 or more) features that begin with phon36 → (T, 5) codes, UNKNOWN where a part is not seen."""
        from scipy.spatial.distance import cdist  # slow to load, and most readers have no codes

        own = features[:, :SIZE]
        values = encoder_input(own, self.mean, self.deviation, PHON36)[:, :SIZE]
        columns = []
        for name, book in self.books.items():
            nearest = cdist(values[:, PARTS[name]], book, "sqeuclidean").argmin(axis=1)
            columns.append(np.where(np.isfinite(own[:, PARTS[name]]).any(axis=1), nearest, UNKNOWN))
        return np.stack(columns, axis=1)

    def clip_codes(self, features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
        """(T, size) of a clip → (T, 5) codes, as signed with the hand that moves more on the right."""
        return self.codes(right_handed(features, feature_set))

    def arrays(self) -> dict[str, np.ndarray]:
        return {_entries(name): book for name, book in self.books.items()} | {"mean": self.mean, "deviation": self.deviation}


def coder_from_arrays(arrays: Mapping[str, np.ndarray]) -> Coder:
    """From what `Coder.arrays`, or stage 1, wrote. Raises ValueError, KeyError: they do not fit."""
    books = {name: arrays[_entries(name)] for name in PARTS}
    for name, book in books.items():
        if book.ndim != 2 or book.shape[1] != PARTS[name].stop - PARTS[name].start or not len(book):
            raise ValueError(f"a codebook of shape {book.shape} for {name}")
    return Coder(books, arrays["mean"][:SIZE], arrays["deviation"][:SIZE])


def _entries(part: str) -> str:
    return f"quantiser.books.{part}.entries"


def right_handed(features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) of a clip, mirrored where the left hand moves more: one sign has one code, whichever hand leads."""
    speed = np.nan_to_num(np.abs(features[:, MOVEMENT])).sum(axis=0)
    return feature_set.mirror(features) if speed[:3].sum() > speed[3:6].sum() else features


def pretrained_coder(folder: Path) -> Coder:
    """The codebooks of a pre-trained model. Raises BadInput if it has none."""
    if read_card(folder).get("stage") != "pretrain":
        raise BadInput(f"{folder} has no codebooks", "name a model that asl pretrain made")
    tensors = load_arrays(folder / WEIGHTS)
    try:
        return coder_from_arrays(tensors)
    except (KeyError, ValueError, RuntimeError) as error:
        raise BadInput(f"the codebooks in {folder} are damaged: {error}", "make them again: asl pretrain --force") from error


def fit_coder(clips: Iterable[np.ndarray], seed: int = 0) -> Coder:
    """Codebooks fitted by k-means on (T, 36 or more) features of each clip. Needs torch."""
    import torch

    from asl.models.networks.quantiser import ProductQuantiser

    clips = [one[:, :SIZE] for one in clips]
    mean, deviation = standardisation(clips)
    every = np.concatenate(clips)
    rng = np.random.default_rng(seed)
    if len(every) > MAX_FRAMES:
        every = every[np.sort(rng.choice(len(every), MAX_FRAMES, replace=False))]
    quantiser = ProductQuantiser()
    values = torch.from_numpy(encoder_input(every, mean, deviation, PHON36)[:, :SIZE])
    quantiser.seed(values, torch.from_numpy(np.isfinite(every)), torch.Generator().manual_seed(seed))
    return Coder({name: book.entries.numpy() for name, book in quantiser.books.items()}, mean, deviation)
