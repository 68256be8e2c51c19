"""Codes: the nearest entry of each part's codebook."""

import sys

import numpy as np

from asl.models.features.phon36 import PARTS, SIZE
from asl.models.features.tiers import UNKNOWN
from asl.pipelines.cascade.units.codebooks import Coder


def test_codes_are_the_nearest_entries_and_need_no_scipy(monkeypatch):
    for name in ("scipy", "scipy.spatial", "scipy.spatial.distance"):
        monkeypatch.setitem(sys.modules, name, None)  # as where only translation is installed
    rng = np.random.default_rng(0)
    books = {part: rng.normal(size=(7, columns.stop - columns.start)).astype(np.float32) for part, columns in PARTS.items()}
    features = rng.normal(size=(40, SIZE)).astype(np.float32)
    features[3, PARTS["H"]] = np.nan
    codes = Coder(books, np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)).codes(features)
    for column, (part, book) in enumerate(books.items()):
        for row, values in enumerate(features[:, PARTS[part]]):
            distances = [np.sum((values - entry) ** 2) for entry in book]
            assert codes[row, column] == (UNKNOWN if np.isnan(values).any() else np.argmin(distances))
