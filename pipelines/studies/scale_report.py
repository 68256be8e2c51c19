"""The page of a study of scale: accuracy and costs against the vocabulary and the clips, with fitted power laws."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.studies.power_laws import LAWS

COSTS = {
    "train_seconds": "training, s",
    "decoder_us_per_frame": "decoder, µs a frame",
    "graph_arcs": "arcs of the cascade",
    "parameters_per_clip": "parameters a clip",
    "memory_mb": "peak memory, MB",
}


def write_report(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    write_page(
        path, "scale.html", results=results, titles=LAWS | {"error": "top-1 error"},
        accuracy=figure_uri(accuracy_figure(results)), costs=figure_uri(costs_figure(results)),
        data=figure_uri(data_figure(results)) if results["data"] else "", command=command,
    )  # fmt: skip


def accuracy_figure(results: Mapping[str, Any]):
    """Top-1 of every seed, means of top-1, 5 and 10, the fitted law, and published figures of the same test."""
    from matplotlib.figure import Figure

    rows = results["vocabulary"]
    axes = Figure(figsize=(7.5, 4.2)).subplots()
    size = [one["size"] for one in rows]
    for key, colour in (("top_10", "#9ecae1"), ("top_5", "#4292c6"), ("top_1", "#084594")):
        axes.plot(size, [one[key] for one in rows], "-o", color=colour, label=key.replace("_", "-"), markersize=4)
    axes.fill_between(size, *np.array([one["top_1_interval"] for one in rows]).T, color="#084594", alpha=0.15, linewidth=0)
    for one in rows:
        axes.scatter([one["size"]] * len(one["scores"]), one["scores"], color="#084594", s=9, alpha=0.6)
    _law(axes, results["laws"].get("top_1"), size)
    for name, own in results["published"].items():
        axes.plot(list(own), list(own.values()), "s", markersize=5, label=name)
    _scale(axes, "glosses", "clips of the test split, %", size)
    axes.set_ylim(0, 101)
    axes.legend(fontsize=8)
    return axes.figure


def costs_figure(results: Mapping[str, Any]):
    """Each cost against the vocabulary, both axes logarithmic."""
    from matplotlib.figure import Figure

    rows = results["vocabulary"]
    costs = {key: title for key, title in COSTS.items() if all(key in one for one in rows)}
    figure = Figure(figsize=(2.75 * len(costs), 2.9))
    for axes, (key, title) in zip(figure.subplots(1, len(costs)), costs.items(), strict=True):
        axes.plot([one["size"] for one in rows], [one[key] for one in rows], "-o", color="#444444", markersize=4)
        _law(axes, results["laws"].get(key), [one["size"] for one in rows])
        _scale(axes, "glosses", title, [one["size"] for one in rows], log=True)
        axes.tick_params(labelsize=7, which="both")
    figure.tight_layout()
    return figure


def data_figure(results: Mapping[str, Any]):
    """Top-1 error against the clips of each gloss."""
    from matplotlib.figure import Figure

    rows = results["data"]
    axes = Figure(figsize=(6, 3.6)).subplots()
    for one in rows:
        axes.scatter([one["clips_a_gloss"]] * len(one["scores"]), [100 - score for score in one["scores"]], color="#084594", s=14)
    axes.plot([one["clips_a_gloss"] for one in rows], [100 - one["top_1"] for one in rows], color="#084594", linewidth=1)
    _law(axes, results["laws"].get("error"), [one["clips_a_gloss"] for one in rows])
    counts = [one["clips_a_gloss"] for one in rows]
    _scale(axes, f"training clips of each of {rows[0]['size']} glosses", "top-1 error, %", counts, log=True)
    return axes.figure


def _law(axes, law: Mapping[str, Any] | None, sizes: Sequence[float]) -> None:
    """The fitted line to twice the largest size, with what is predicted there."""
    if not law:
        return
    x = np.geomspace(min(sizes), 2 * max(sizes), 40)
    axes.plot(x, law["factor"] * x ** law["exponent"], "--", color="#d62728", linewidth=1, label=f"x^{law['exponent']:.2f}")
    at, middle, low, high = law["doubled"]
    axes.errorbar([at], [middle], [[middle - low], [high - middle]], fmt="o", color="#d62728", markersize=3, capsize=3)


#: An axis whose ends differ by less than this factor is labelled between the powers of ten too.
FEW = 30


def _scale(axes, x: str, y: str, sizes: Sequence[int], *, log: bool = False) -> None:
    """Plain numbers on logarithmic axes; the sizes themselves below."""
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=45 if len(sizes) > 4 else 0)
    axes.set_xticks([], minor=True)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:,.6g}")
        low, high = axes.get_ylim()
        # Over several decades the numbers between the powers of ten would lie on each other.
        axes.yaxis.set_minor_formatter("{x:,.4g}" if high < FEW * low else "")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.grid(alpha=0.25)
