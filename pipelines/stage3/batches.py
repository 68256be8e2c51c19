"""A batch of stage 3: augmented clips, and the output of the recognisers for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.discriminative import CascadeWeights
from asl.pipelines.stage3.cases import Case, PointRetrieval
from asl.pipelines.stage3.competitor_search import PendingSearch

#: Names of the losses. The others are balanced against the first, the criterion.
LOSS_NAMES = ("criterion", "segmentation", "phonology", "locus", "fusion")


@dataclass(frozen=True)
class AugmentedCase:
    """An augmented clip.

    values: (T, inputs) encoder input. source: (T,) the frame of the clip that each frame came from. codes, densities: (T, N)
    scores of the cascade's frame labels before weighting. search: the pending search for competitors.
    """

    case: Case
    values: np.ndarray
    source: np.ndarray
    codes: np.ndarray | None
    densities: np.ndarray | None
    search: PendingSearch | None


class Stage3Model(nn.Module):
    """Recognisers whose outputs are averaged, and the weights of their cascade."""

    def __init__(self, members: Sequence[RecogniserNetwork], cascade: CascadeWeights):
        super().__init__()
        self.members, self.cascade = nn.ModuleList(members), cascade


@dataclass(frozen=True)
class EncodedBatch:
    """The recognisers' output for a batch.

    encoded, scores: of each member. log_probs: (N, T, V + 1) of the mean over the members. log_forms: (N, T, 2) of the mean
    over the members, if the model has a gate.
    """

    encoded: list[Tensor]
    scores: list[Tensor]
    lengths: Tensor
    log_probs: Tensor
    log_forms: Tensor | None


def points_in(augmented: AugmentedCase) -> Iterator[tuple[PointRetrieval, slice]]:
    """The clip's points, with their frames in the augmented clip. Points without a frame left are skipped."""
    for point in augmented.case.points:
        first, last = np.searchsorted(augmented.source, (point.first, point.last))
        if last > first:
            yield point, slice(int(first), int(last))
