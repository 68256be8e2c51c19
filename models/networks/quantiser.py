"""The product vector quantiser: one codebook per phonological part (SPEC §4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from asl.models.features.phon36 import PARTS

#: Entries of each codebook (SPEC §4).
CODEBOOK_SIZES = {"H": 64, "L": 128, "O": 32, "M": 64, "N": 32}
#: The code of a part that is not seen in a frame.
ABSENT = -1
#: Decay of the running sums per update.
EMA = 0.99
#: Weight of the commitment loss (SPEC §4).
COMMITMENT = 0.25
_KMEANS_ROUNDS = 12
#: Below this running count an entry stays where it is: its mean is no longer known accurately.
_MIN_COUNT = 1e-6
#: Distances are computed for this many frames at a time, to bound memory.
_CHUNK = 8192


@dataclass(frozen=True)
class CodebookFigures:
    """Statistics of one codebook over some frames.

    size: K entries. used: share of entries in use. perplexity: of the codes. distortion: mean squared distance to the entry, per
    dimension. frames: in which the part is seen.
    """

    size: int
    used: float
    perplexity: float
    distortion: float
    frames: int


class Codebook(nn.Module):
    """K entries of D dimensions, learned as running means of the vectors nearest to each (van den Oord et al., 2017).

    used: (K,) which entries have been the nearest of a vector since `reseed_dead`. It is not saved with the weights.
    """

    entries: Tensor
    counts: Tensor
    sums: Tensor
    used: Tensor

    def __init__(self, size: int, dimensions: int):
        super().__init__()
        self.register_buffer("entries", torch.zeros(size, dimensions))
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("sums", torch.zeros(size, dimensions))
        self.register_buffer("used", torch.zeros(size, dtype=torch.bool), persistent=False)

    def nearest(self, values: Tensor) -> Tensor:
        """The code of each vector: (F, D) → (F,) index of the nearest entry, the first of equally near ones."""
        return torch.cat([torch.cdist(part, self.entries).argmin(dim=1) for part in values.split(_CHUNK)])

    def margin(self, values: Tensor) -> Tensor:
        """(F, D) → (F,) half the gap between the nearest and the second-nearest entry. A smaller perturbation changes no code."""
        nearest = torch.cdist(values, self.entries).topk(2, dim=1, largest=False).values
        return (nearest[:, 1] - nearest[:, 0]) / 2

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(F, D) → (F, D) nearest entries with a straight-through gradient, (F,) codes, and the commitment loss."""
        codes = self.nearest(values.detach())
        nearest = self.entries[codes]
        return values + (nearest - values).detach(), codes, commitment(values, nearest)

    @torch.no_grad()
    def seed(self, values: Tensor, generator: torch.Generator) -> None:
        """Initialises the entries from a sample (F, D): k-means++, then a few rounds of k-means. F may be below K."""
        entries = values[torch.randint(len(values), (1,), generator=generator)]
        distance = torch.cdist(values, entries)[:, 0] ** 2
        for _ in range(len(self.entries) - 1):
            weights = distance + 1e-12
            entry = values[torch.multinomial(weights / weights.sum(), 1, generator=generator)]
            entries = torch.cat([entries, entry])
            distance = torch.minimum(distance, torch.cdist(values, entry)[:, 0] ** 2)
        self.entries.copy_(entries)
        self.counts.fill_(len(values) / len(entries))
        self.sums.copy_(entries * self.counts[:, None])
        for _ in range(_KMEANS_ROUNDS):
            self.update(values, keep=0.0)
            self.reseed_dead(values, generator)

    @torch.no_grad()
    def update(self, values: Tensor, keep: float = EMA) -> None:
        """Moves the entries towards the means of their vectors (F, D). keep: decay of the running sums."""
        if not len(values):
            return
        codes = self.nearest(values)
        counts = torch.bincount(codes, minlength=len(self.entries)).float()
        sums = torch.zeros_like(self.sums).index_add_(0, codes, values)
        self.counts.mul_(keep).add_(counts, alpha=1 - keep)
        self.sums.mul_(keep).add_(sums, alpha=1 - keep)
        self.used |= counts > 0
        known = self.counts > _MIN_COUNT
        self.entries[known] = self.sums[known] / self.counts[known][:, None]

    @torch.no_grad()
    def reseed_dead(self, values: Tensor, generator: torch.Generator) -> None:
        """Moves the dead entries to random vectors of (F, D): those that no vector has used since the last call.

        A rarely used entry is kept: a rare handshape is what distinguishes its signs.
        """
        dead = torch.nonzero(~self.used)[:, 0]
        if len(dead) and len(values):
            seeds = values[torch.randint(len(values), (len(dead),), generator=generator)]
            mean_count = self.counts.mean()
            self.counts[dead] = mean_count
            self.sums[dead] = seeds * mean_count
            self.entries[dead] = seeds
        self.used.zero_()


def commitment(values: Tensor, entries: Tensor) -> Tensor:
    """The commitment loss: the weighted mean squared distance of values (F, D) to their entries (F, D) (SPEC §4)."""
    return COMMITMENT * ((values - entries.detach()) ** 2).mean()


class ProductQuantiser(nn.Module):
    """A codebook for each standardised part of phon36; a frame's token is one code per part (SPEC §4).

    sizes: part → K.
    """

    def __init__(self, sizes: Mapping[str, int] = CODEBOOK_SIZES):
        super().__init__()
        self.books = nn.ModuleDict({part: Codebook(size, _width(part)) for part, size in sizes.items()})

    def codebook(self, part: str) -> Codebook:
        """The codebook of a part. Raises KeyError if there is none."""
        return cast(Codebook, self.books[part])

    def forward(self, values: Tensor, seen: Tensor) -> Tensor:
        """The tokens of frames: (F, P) codes of the P parts, ABSENT where no feature of the part is present.

        values: (F, 36) standardised, 0 where absent; seen: (F, 36) bool.
        """
        codes = []
        for part in self.books:
            columns = PARTS[part]
            part_codes = self.codebook(part).nearest(values[:, columns])
            codes.append(part_codes.masked_fill(~seen[:, columns].any(dim=1), ABSENT))
        return torch.stack(codes, dim=1)

    def seed(self, values: Tensor, seen: Tensor, generator: torch.Generator) -> None:
        """Initialises every codebook from (F, 36) frames. The codebook of a part that is never seen stays zero."""
        for part in self.books:
            if len(vectors := _seen_vectors(part, values, seen)):
                self.codebook(part).seed(vectors, generator)

    def update(self, values: Tensor, seen: Tensor) -> None:
        """Updates every codebook with (F, 36) frames."""
        for part in self.books:
            self.codebook(part).update(_seen_vectors(part, values, seen))

    def reseed_dead(self, values: Tensor, seen: Tensor, generator: torch.Generator) -> None:
        """Re-seeds from (F, 36) frames the entries of every codebook that no frame has used since the last call."""
        for part in self.books:
            self.codebook(part).reseed_dead(_seen_vectors(part, values, seen), generator)

    def figures(self, values: Tensor, seen: Tensor) -> dict[str, CodebookFigures]:
        """Part → the statistics of its codebook, over those of the (F, 36) frames in which the part is seen."""
        return {part: codebook_figures(self.codebook(part), _seen_vectors(part, values, seen)) for part in self.books}


def codebook_figures(book: Codebook, values: Tensor) -> CodebookFigures:
    """The statistics of a codebook over vectors (F, D); all 0 without vectors."""
    size = len(book.entries)
    if not len(values):
        return CodebookFigures(size, 0.0, 0.0, 0.0, 0)
    codes = book.nearest(values)
    shares = torch.bincount(codes, minlength=size).double() / len(codes)
    perplexity = float(torch.exp(-torch.special.xlogy(shares, shares).sum()))
    distortion = float(((values - book.entries[codes]) ** 2).mean())
    return CodebookFigures(size, float((shares > 0).double().mean()), perplexity, distortion, len(values))


def _seen_vectors(part: str, values: Tensor, seen: Tensor) -> Tensor:
    """The columns of a part in the frames in which it is seen: (F', D)."""
    columns = PARTS[part]
    return values[:, columns][seen[:, columns].any(dim=1)]


def _width(part: str) -> int:
    return PARTS[part].stop - PARTS[part].start
