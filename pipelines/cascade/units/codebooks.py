"""Codebooks: features to phonological codes, with the codebooks of a pre-trained model or ones fitted by k-means (SPEC §4)."""

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

#: Most frames that codebooks are fitted to without stage 1.
MAX_FRAMES = 100_000


@dataclass(frozen=True)
class Coder:
    """Assigns codes. books: part → (K, D) entries. mean, deviation: (36,) of the features that they were learned from."""

    books: Mapping[str, np.ndarray]
    mean: np.ndarray
    deviation: np.ndarray

    @property
    def sizes(self) -> dict[str, int]:
        """Part → its number of codes K."""
        return {part: len(book) for part, book in self.books.items()}

    def codes(self, features: np.ndarray) -> np.ndarray:
        """(T, ≥ 36) features that begin with phon36 → (T, 5) codes, UNKNOWN where a part is not visible."""
        phon36 = features[:, :SIZE]
        values = encoder_input(phon36, self.mean, self.deviation, PHON36)[:, :SIZE]
        codes = []
        for part, book in self.books.items():
            visible = np.isfinite(phon36[:, PARTS[part]]).any(axis=1)
            codes.append(np.where(visible, nearest_entries(values[:, PARTS[part]], book), UNKNOWN))
        return np.stack(codes, axis=1)

    def clip_codes(self, features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
        """(T, size) features of a clip → (T, 5) codes, after mirroring so that the hand that moves more is the right one."""
        return self.codes(right_handed(features, feature_set))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name, for safetensors; `coder_from_arrays` reads it."""
        return {_entries(part): book for part, book in self.books.items()} | {"mean": self.mean, "deviation": self.deviation}


def nearest_entries(values: np.ndarray, book: np.ndarray) -> np.ndarray:
    """(T, D) values, (K, D) entries → (T,) the nearest one of each. It needs T × K of memory, and no SciPy."""
    distances = np.zeros((len(values), len(book)))
    for coordinates, entries in zip(values.T.astype(float), book.T.astype(float), strict=True):
        distances += (coordinates[:, None] - entries) ** 2
    return distances.argmin(axis=1)


def coder_from_arrays(arrays: Mapping[str, np.ndarray]) -> Coder:
    """From the arrays that `Coder.arrays`, or stage 1, wrote. Raises KeyError or ValueError if they do not fit."""
    books = {part: arrays[_entries(part)] for part in PARTS}
    for part, book in books.items():
        if book.ndim != 2 or book.shape[1] != PARTS[part].stop - PARTS[part].start or not len(book):
            raise ValueError(f"a codebook of shape {book.shape} for {part}")
    return Coder(books, arrays["mean"][:SIZE], arrays["deviation"][:SIZE])


def _entries(part: str) -> str:
    """The name of a codebook's array, as in a pre-trained model."""
    return f"quantiser.books.{part}.entries"


def right_handed(features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) features of a clip, mirrored if the left hand moves more, so that codes do not depend on the leading hand."""
    speed = np.nan_to_num(np.abs(features[:, MOVEMENT])).sum(axis=0)
    return feature_set.mirror(features) if speed[:3].sum() > speed[3:6].sum() else features


def pretrained_coder(folder: Path) -> Coder:
    """The codebooks of a pre-trained model. Raises BadInput if it has none."""
    if read_card(folder).get("stage") != "pretrain":
        raise BadInput(f"{folder} has no codebooks", "name a model that was made by asl pretrain")
    arrays = load_arrays(folder / WEIGHTS)
    try:
        return coder_from_arrays(arrays)
    except (KeyError, ValueError, RuntimeError) as error:
        raise BadInput(f"the codebooks in {folder} are damaged: {error}", "make them again: asl pretrain --force") from error


def fit_coder(clips: Iterable[np.ndarray], seed: int = 0) -> Coder:
    """Fits codebooks by k-means to (T, ≥ 36) features of each clip. Needs torch."""
    import torch

    from asl.models.networks.quantiser import ProductQuantiser

    clips = [features[:, :SIZE] for features in clips]
    mean, deviation = standardisation(clips)
    frames = np.concatenate(clips)
    rng = np.random.default_rng(seed)
    if len(frames) > MAX_FRAMES:
        frames = frames[np.sort(rng.choice(len(frames), MAX_FRAMES, replace=False))]
    quantiser = ProductQuantiser()
    values = torch.from_numpy(encoder_input(frames, mean, deviation, PHON36)[:, :SIZE])
    quantiser.seed(values, torch.from_numpy(np.isfinite(frames)), torch.Generator().manual_seed(seed))
    return Coder({part: book.entries.numpy() for part, book in quantiser.books.items()}, mean, deviation)
