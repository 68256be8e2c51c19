"""Product vector quantiser: one codebook a phonological part (SPEC §4)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asl.models.features.phon36 import PARTS

#: Entries of each codebook (SPEC §4).
CODEBOOK_SIZES = {"H": 64, "L": 128, "O": 32, "M": 64, "N": 32}
#: The token of a part that is not seen in a frame.
ABSENT = -1
#: How much of the old running sums is kept at an update.
EMA = 0.99
#: An entry that takes less than this share of an even one's frames is dead and seeded anew.
DEAD_SHARE = 0.15
COMMITMENT = 0.25
_KMEANS_ROUNDS = 12
#: Distances are taken for this many frames at a time, so that memory stays bounded.
_CHUNK = 8192


@dataclass(frozen=True)
class CodebookFigures:
    """Of one codebook on some frames: size, share of entries in use, perplexity of the codes, mean squared distance
    to the entry a dimension, and the frames that were counted."""

    size: int
    used: float
    perplexity: float
    distortion: float
    frames: int


class Codebook(nn.Module):
    """K entries in D dimensions, learned by running means of the vectors that are nearest to each (van den Oord, 2017)."""

    entries: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, size: int, dimensions: int):
        super().__init__()
        self.register_buffer("entries", torch.zeros(size, dimensions))
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("sums", torch.zeros(size, dimensions))

    def nearest(self, values: Tensor) -> Tensor:
        """(F, D) → (F,) the nearest entry of each; of equals the first."""
        return torch.cat([torch.cdist(part, self.entries).argmin(dim=1) for part in values.split(_CHUNK)])

    def margin(self, values: Tensor) -> Tensor:
        """(F, D) → (F,) half the gap between the nearest and the second-nearest entry: no move shorter than it changes a code."""
        nearest = torch.cdist(values, self.entries).topk(2, dim=1, largest=False).values
        return (nearest[:, 1] - nearest[:, 0]) / 2

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(F, D) → the entries in their places (gradients pass straight through), codes (F,), and the commitment loss."""
        codes = self.nearest(values.detach())
        chosen = self.entries[codes]
        return values + (chosen - values).detach(), codes, commitment(values, chosen)

    @torch.no_grad()
    def seed(self, values: Tensor, generator: torch.Generator) -> None:
        """k-means++ start and a few rounds of k-means on a sample (F, D); fewer vectors than entries are taken twice."""
        entries = values[torch.randint(len(values), (1,), generator=generator)]
        distance = torch.cdist(values, entries)[:, 0] ** 2
        for _ in range(len(self.entries) - 1):
            weights = distance + 1e-12
            chosen = values[torch.multinomial(weights / weights.sum(), 1, generator=generator)]
            entries = torch.cat([entries, chosen])
            distance = torch.minimum(distance, torch.cdist(values, chosen)[:, 0] ** 2)
        self.entries.copy_(entries)
        self.counts.fill_(len(values) / len(entries))
        self.sums.copy_(entries * self.counts[:, None])
        for _ in range(_KMEANS_ROUNDS):
            self.update(values, generator, keep=0.0)

    @torch.no_grad()
    def update(self, values: Tensor, generator: torch.Generator, keep: float = EMA) -> None:
        """Moves the entries towards the means of their vectors (F, D), and seeds dead ones anew among the vectors."""
        if not len(values):
            return
        codes = self.nearest(values)
        counts = torch.bincount(codes, minlength=len(self.entries)).float()
        sums = torch.zeros_like(self.sums).index_add_(0, codes, values)
        self.counts.mul_(keep).add_(counts, alpha=1 - keep)
        self.sums.mul_(keep).add_(sums, alpha=1 - keep)
        even = self.counts.sum() / len(self.counts)
        dead = torch.nonzero(self.counts < DEAD_SHARE * even)[:, 0]
        if len(dead):
            seeds = values[torch.randint(len(values), (len(dead),), generator=generator)]
            self.counts[dead] = even
            self.sums[dead] = seeds * even
        self.entries.copy_(self.sums / self.counts[:, None].clamp_min(1e-6))


def commitment(values: Tensor, chosen: Tensor) -> Tensor:
    """(F, D), (F, D) → how far the values are from the entries they should be at, weighted as in SPEC §4."""
    return COMMITMENT * ((values - chosen.detach()) ** 2).mean()


class ProductQuantiser(nn.Module):
    """Codebooks over the standardised parts of phon36; a frame's token is one code a part (SPEC §4)."""

    def __init__(self, sizes: Mapping[str, int] = CODEBOOK_SIZES):
        super().__init__()
        self.books = nn.ModuleDict({part: Codebook(size, _width(part)) for part, size in sizes.items()})

    def forward(self, values: Tensor, seen: Tensor) -> Tensor:
        """values: (F, 36) standardised, 0 where absent; seen: (F, 36) bool. Returns (F, parts) codes, ABSENT where
        nothing of the part is seen."""
        columns = []
        for part, book in self.books.items():
            codes = book.nearest(values[:, PARTS[part]])
            columns.append(codes.masked_fill(~seen[:, PARTS[part]].any(dim=1), ABSENT))
        return torch.stack(columns, dim=1)

    def seed(self, values: Tensor, seen: Tensor, generator: torch.Generator) -> None:
        """A start for every codebook, from (F, 36) frames; a part that is never seen keeps none."""
        for part, book in self.books.items():
            if len(own := _of(part, values, seen)):
                book.seed(own, generator)

    def update(self, values: Tensor, seen: Tensor, generator: torch.Generator) -> None:
        for part, book in self.books.items():
            book.update(_of(part, values, seen), generator)

    def figures(self, values: Tensor, seen: Tensor) -> dict[str, CodebookFigures]:
        """How well each codebook is used by (F, 36) frames, over those in which its part is seen."""
        return {part: _figures(book, _of(part, values, seen)) for part, book in self.books.items()}


def _figures(book: Codebook, values: Tensor) -> CodebookFigures:
    size = len(book.entries)
    if not len(values):
        return CodebookFigures(size, 0.0, 0.0, 0.0, 0)
    codes = book.nearest(values)
    shares = torch.bincount(codes, minlength=size).double() / len(codes)
    perplexity = float(torch.exp(-torch.special.xlogy(shares, shares).sum()))
    distortion = float(((values - book.entries[codes]) ** 2).mean())
    return CodebookFigures(size, float((shares > 0).double().mean()), perplexity, distortion, len(values))


def _of(part: str, values: Tensor, seen: Tensor) -> Tensor:
    columns = PARTS[part]
    return values[:, columns][seen[:, columns].any(dim=1)]


def _width(part: str) -> int:
    return PARTS[part].stop - PARTS[part].start
