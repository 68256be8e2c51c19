"""Features to phonological codes: the quantiser with the standardisation that it was learned under (SPEC §4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.feature_sets import PHON36, FeatureSet, encoder_input, standardisation
from models.phon36 import MOVEMENT, SIZE
from models.quantiser import CODEBOOK_SIZES, ProductQuantiser
from pipelines.checkpoints import load_tensors, part
from pipelines.errors import BadInput
from pipelines.models_folder import WEIGHTS, read_card

#: Frames that codebooks are fitted on where no stage 1 made any.
MOST_FRAMES = 100_000


@dataclass(frozen=True)
class Coder:
    """quantiser: of the five parts. mean, deviation: (36,) of the features it was learned on."""

    quantiser: ProductQuantiser
    mean: np.ndarray
    deviation: np.ndarray

    @property
    def sizes(self) -> dict[str, int]:
        return {name: len(book.entries) for name, book in self.quantiser.books.items()}

    def codes(self, features: np.ndarray) -> np.ndarray:
        """(T, 36 or more) features that begin with phon36 → (T, 5) codes, −1 where a part is not seen."""
        own = features[:, :SIZE]
        values = encoder_input(own, self.mean, self.deviation, PHON36)[:, :SIZE]
        return self.quantiser(torch.from_numpy(values), torch.from_numpy(np.isfinite(own))).numpy()

    def clip_codes(self, features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
        """(T, size) of a clip → (T, 5) codes, as signed with the hand that moves more on the right."""
        return self.codes(right_handed(features, feature_set))

    def tensors(self) -> dict[str, torch.Tensor]:
        return {f"quantiser.{name}": tensor for name, tensor in self.quantiser.state_dict().items()} | {
            "mean": torch.from_numpy(self.mean),
            "deviation": torch.from_numpy(self.deviation),
        }


def coder_of(tensors: dict[str, torch.Tensor]) -> Coder:
    """From what `Coder.tensors`, or stage 1, wrote. Raises ValueError, KeyError, RuntimeError: they do not fit."""
    quantiser = ProductQuantiser({name: len(tensors[f"quantiser.books.{name}.entries"]) for name in CODEBOOK_SIZES})
    quantiser.load_state_dict(part(tensors, "quantiser."))
    return Coder(quantiser.eval(), tensors["mean"].numpy()[:SIZE], tensors["deviation"].numpy()[:SIZE])


def stage_1_coder(folder: Path) -> Coder:
    """The codebooks of a pre-trained model. Raises BadInput if it has none."""
    if read_card(folder).get("stage") != "pretrain":
        raise BadInput(f"{folder} has no codebooks", "name a model that asl pretrain made")
    tensors, _ = load_tensors(folder / WEIGHTS)
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
    return Coder(quantiser.eval(), mean, deviation)


def right_handed(features: np.ndarray, feature_set: FeatureSet) -> np.ndarray:
    """(T, size) of a clip, mirrored where the left hand moves more: one sign has one code, whichever hand leads."""
    speed = np.nan_to_num(np.abs(features[:, MOVEMENT])).sum(axis=0)
    return feature_set.mirror(features) if speed[:3].sum() > speed[3:6].sum() else features
