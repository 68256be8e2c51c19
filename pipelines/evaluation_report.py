"""The page of an evaluation: headline figures, confusion matrix, glosses, confusions, sentences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.html import figure_uri, write_page

MOST_MATRIX_GLOSSES = 120


def write_report(path: Path, results: Mapping[str, Any]) -> None:
    from pipelines.evaluation import headline

    plot = figure_uri(confusion_figure(results)) if "clips" in results else ""
    write_page(path, "evaluate.html", results=results, headline=headline(results), plot=plot)


def confusion_figure(results: Mapping[str, Any]):
    """Rows: what was signed; columns: what was read; shade: share of the row. The glosses with most clips if there are many."""
    from matplotlib.figure import Figure

    rows = sorted(results["by_gloss"], key=lambda row: (-row["clips"], row["gloss"]))[:MOST_MATRIX_GLOSSES]
    names = sorted(row["gloss"] for row in rows)
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for clip in results["clips"]:
        if clip["gloss"] in place and clip["read_as"] in place:
            counts[place[clip["gloss"]], place[clip["read_as"]]] += 1
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.0, 0.26 * len(names) + 1.5)
    figure = Figure(figsize=(side, side))
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("read as")
    axes.set_ylabel("signed")
    for i, j in np.argwhere(counts > 0):
        axes.text(j, i, int(counts[i, j]), ha="center", va="center", fontsize=7, color="white" if share[i, j] > 0.5 else "black")
    return figure
