"""A batch of stage 3: varied clips, and what the recognisers say of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from asl.models.networks.recogniser import Recogniser
from asl.models.objectives.discriminative import CascadeWeights
from asl.pipelines.stage3.cases import Case, Retrieval
from asl.pipelines.stage3.competitor_search import Search

#: The losses; the first is the criterion's, against which the others are balanced.
PARTS = ("criterion", "segmentation", "phonology", "locus", "fusion")


@dataclass(frozen=True)
class VariedCase:
    """A clip as it is shown this time. values: (T, inputs); source: (T,) frames that these came from; codes, densities: (T, N)
    scores of the cascade's columns, weights 1; rivals: what the search finds."""

    case: Case
    values: np.ndarray
    source: np.ndarray
    codes: np.ndarray | None
    densities: np.ndarray | None
    rivals: Search | None


class Stage3Model(nn.Module):
    """Recognisers whose readings are averaged, and the weights of their cascade."""

    def __init__(self, members: Sequence[Recogniser], cascade: CascadeWeights):
        super().__init__()
        self.members, self.cascade = nn.ModuleList(members), cascade


@dataclass(frozen=True)
class Encoded:
    """A batch: encoded, scores of each member; log_probs (N, T, V + 1) and, with a gate, log_forms (N, T, 2) of their mean."""

    encoded: list[Tensor]
    scores: list[Tensor]
    lengths: Tensor
    log_probs: Tensor
    log_forms: Tensor | None


def _shown_points(one: VariedCase) -> Iterator[tuple[Retrieval, slice]]:
    """The clip's points with their frames as it is shown."""
    for point in one.case.points:
        first, last = np.searchsorted(one.source, (point.first, point.last))
        if last > first:
            yield point, slice(int(first), int(last))
