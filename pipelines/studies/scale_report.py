"""The report of a scaling study: accuracy and costs against vocabulary size and clips per gloss, with fitted power laws."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.studies.power_laws import LAWS

COSTS = {
    "train_seconds": "training, s",
    "decoder_us_per_frame": "decoder, µs per frame",
    "graph_arcs": "arcs in the cascade",
    "parameters_per_clip": "parameters per clip",
    "memory_mb": "peak memory, MB",
}

#: A logarithmic axis whose ends differ by less than this factor also labels its minor ticks.
MAX_RATIO_WITH_MINOR_LABELS = 30
#: A cost that grows by this factor has a logarithmic axis, on which its power law is a line.
MIN_RATIO_FOR_LOG = 10


def write_report(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    write_page(
        path, "scale.html", results=results, titles=LAWS | {"error": "top-1 error"},
        accuracy=figure_uri(accuracy_figure(results)), costs=figure_uri(costs_figure(results)),
        data=figure_uri(data_figure(results)) if results["data"] else "", command=command,
    )  # fmt: skip


def accuracy_figure(results: Mapping[str, Any]):
    """Top-1 of each seed, mean top-1, top-5 and top-10, the fitted law, and published results on the same test clips."""
    from matplotlib.figure import Figure

    rows = results["vocabulary"]
    axes = Figure(figsize=(7.5, 4.2)).subplots()
    sizes = [row["size"] for row in rows]
    for key, colour in (("top_10", "#9ecae1"), ("top_5", "#4292c6"), ("top_1", "#084594")):
        axes.plot(sizes, [row[key] for row in rows], "-o", color=colour, label=key.replace("_", "-"), markersize=4)
    axes.fill_between(sizes, *np.array([row["top_1_interval"] for row in rows]).T, color="#084594", alpha=0.15, linewidth=0)
    for row in rows:
        axes.scatter([row["size"]] * len(row["scores"]), row["scores"], color="#084594", s=9, alpha=0.6)
    _plot_law(axes, results["laws"].get("top_1"), sizes)
    for name, top_1 in results["published"].items():
        axes.plot(list(top_1), list(top_1.values()), "s", markersize=5, label=name)
    _set_scale(axes, "glosses", "test accuracy, %", sizes)
    axes.set_ylim(0, 101)
    axes.legend(fontsize=8)
    return axes.figure


def costs_figure(results: Mapping[str, Any]):
    """Each cost against the vocabulary: on a logarithmic axis if it grows much, else from 0, where small changes look small."""
    from matplotlib.figure import Figure

    rows = results["vocabulary"]
    costs = {key: title for key, title in COSTS.items() if all(key in row for row in rows)}
    figure = Figure(figsize=(2.75 * len(costs), 2.9))
    for axes, (key, title) in zip(figure.subplots(1, len(costs)), costs.items(), strict=True):
        axes.plot([row["size"] for row in rows], [row[key] for row in rows], "-o", color="#444444", markersize=4)
        _plot_law(axes, results["laws"].get(key), [row["size"] for row in rows])
        values = [row[key] for row in rows]
        log = min(values) > 0 and max(values) >= MIN_RATIO_FOR_LOG * min(values)
        _set_scale(axes, "glosses", title, [row["size"] for row in rows], log=log)
        if not log:
            _limit_height(axes, values, results["laws"].get(key))
        axes.tick_params(labelsize=7, which="both")
    figure.tight_layout()
    return figure


def _limit_height(axes, values: Sequence[float], law: Mapping[str, Any] | None) -> None:
    """Cuts off the intervals of uncertain predictions, which would press the measured values flat."""
    highest = max([*values, law["doubled"][1]] if law else values)
    axes.set_ylim(0, min(axes.get_ylim()[1], 1.5 * highest) if highest else None)


def data_figure(results: Mapping[str, Any]):
    """Top-1 error, from 0, against training clips per gloss."""
    from matplotlib.figure import Figure

    rows = results["data"]
    axes = Figure(figsize=(6, 3.6)).subplots()
    counts = [row["clips_a_gloss"] for row in rows]
    for row in rows:
        axes.scatter([row["clips_a_gloss"]] * len(row["scores"]), [100 - score for score in row["scores"]], color="#084594", s=14)
    axes.plot(counts, [100 - row["top_1"] for row in rows], color="#084594", linewidth=1)
    _plot_law(axes, results["laws"].get("error"), counts)
    _set_scale(axes, f"training clips per gloss, {rows[0]['size']} glosses", "top-1 error, %", counts)
    axes.set_ylim(0, 101)
    return axes.figure


def _plot_law(axes, law: Mapping[str, Any] | None, sizes: Sequence[float]) -> None:
    """Draws the fitted law up to twice the largest size, with the prediction there."""
    if not law:
        return
    x = np.geomspace(min(sizes), 2 * max(sizes), 40)
    axes.plot(x, law["factor"] * x ** law["exponent"], "--", color="#d62728", linewidth=1, label=f"x^{law['exponent']:.2f}")
    doubled, predicted, low, high = law["doubled"]
    errors = [[predicted - low], [high - predicted]]
    axes.errorbar([doubled], [predicted], errors, fmt="o", color="#d62728", markersize=3, capsize=3)


def _set_scale(axes, x_label: str, y_label: str, sizes: Sequence[int], *, log: bool = False) -> None:
    """A logarithmic x axis with plain numbers and one tick per size. log: whether the y axis is too; else it starts at 0."""
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45 if len(sizes) > 4 else 0)
    axes.set_xticks([], minor=True)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:,.6g}")
        low, high = axes.get_ylim()
        # Over several decades the minor labels would overlap.
        axes.yaxis.set_minor_formatter("{x:,.4g}" if high < MAX_RATIO_WITH_MINOR_LABELS * low else "")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(x_label, fontsize=9)
    axes.set_ylabel(y_label, fontsize=9)
    axes.grid(alpha=0.25)
