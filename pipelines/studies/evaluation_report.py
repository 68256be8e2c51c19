"""The report of an evaluation: headline figures, confusion matrix, per-gloss table, confusions and sentences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.recogniser.intervals import Interval
from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.studies.evaluation import TOP, WORD_ERROR_RATES

#: The confusion matrix shows at most this many glosses.
MAX_MATRIX_GLOSSES = 120


def write_report(path: Path, results: Mapping[str, Any]) -> None:
    plot = figure_uri(confusion_figure(results)) if "clips" in results else ""
    write_page(path, "evaluate.html", results=results, headline=headline(results), plot=plot)


def confusion_figure(results: Mapping[str, Any]):
    """Confusion matrix: signed glosses in rows, predicted glosses in columns, shaded by share of the row.

    With more than MAX_MATRIX_GLOSSES glosses, those with the most clips are shown.
    """
    from matplotlib.figure import Figure

    most_frequent = sorted(results["by_gloss"], key=lambda row: (-row["clips"], row["gloss"]))[:MAX_MATRIX_GLOSSES]
    rows = sorted(row["gloss"] for row in most_frequent)
    pairs = [(clip["gloss"], clip["read_as"]) for clip in results["clips"] if clip["gloss"] in set(rows)]
    columns = sorted({*rows, *(predicted for _, predicted in pairs)})
    counts = np.zeros((len(rows), len(columns)))
    for gloss, predicted in pairs:
        counts[rows.index(gloss), columns.index(predicted)] += 1
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(max(4.0, 0.26 * len(columns) + 1.5), max(3.0, 0.26 * len(rows) + 1.5)))
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("signed")
    for i, j in np.argwhere(counts > 0):
        colour = "white" if share[i, j] > 0.5 else "black"
        axes.text(j, i, int(counts[i, j]), ha="center", va="center", fontsize=7, color=colour)
    return figure


def headline(results: Mapping[str, Any]) -> dict[str, Any]:
    """The figures for the workspace record and the terminal."""
    flat: dict[str, Any] = {key: results[key] for key in ("model", "split", "split_by", "signs", "sentences") if key in results}
    for key in (*(f"top_{k}" for k in TOP), "read_exactly", *WORD_ERROR_RATES):
        if key in results:
            interval = Interval(**{part: results[key][part] for part in ("value", "low", "high")})
            flat[key] = interval.percent
    if results.get("synthetic"):
        flat["synthetic"] = f"{results['synthetic']} clips: no accuracy on ASL"
    if results.get("outside_vocabulary"):
        flat["words_outside_vocabulary"] = sum(results["outside_vocabulary"].values())
    return flat
