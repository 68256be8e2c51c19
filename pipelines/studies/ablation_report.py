"""The page of an ablation: the verdicts, every seed's score, all tests, intervals, and learning curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.reports.page import figure_uri, write_page

TESTS = {
    "paired": "paired t",
    "student": "Student's t",
    "welch": "Welch's t",
    "permutation": "exact permutation",
    "wilcoxon": "Wilcoxon",
}
_COLOURS = ("#444444", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b")
#: More conditions than this get no legend.
_MOST_NAMED = 12


def write_report(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    write_page(
        path, "ablate.html", results=results, tests=TESTS, points=figure_uri(points_figure(results)),
        intervals=figure_uri(intervals_figure(results)),
        curves=figure_uri(curves_figure(results["curves"])) if any(results["curves"].values()) else "",
        command=command,
    )  # fmt: skip


def points_figure(results: Mapping[str, Any]):
    """Each seed's score; a line joins those of one seed; a bar is the mean."""
    from matplotlib.figure import Figure

    conditions = results["conditions"]
    figure = Figure(figsize=(max(4.0, 1.4 * len(conditions) + 1.2), 3.4))
    axes = figure.subplots()
    if results["seeds"]:
        for scores in zip(*(one["scores"] for one in conditions), strict=True):
            axes.plot(range(len(conditions)), scores, color="#bbbbbb", linewidth=0.8, zorder=1)
    for at, one in enumerate(conditions):
        # A little to the side, or equal scores would be one point; joined ones stand on their line.
        beside = 0 if results["seeds"] else 0.03 * (np.arange(len(one["scores"])) - (len(one["scores"]) - 1) / 2)
        axes.scatter(at + beside + np.zeros(len(one["scores"])), one["scores"], color=_colour(at), s=22, zorder=2)
        axes.hlines(one["mean"], at - 0.22, at + 0.22, color=_colour(at), linewidth=2.2, zorder=3)
    axes.set_xlim(-0.5, len(conditions) - 0.5)
    axes.set_xticks(range(len(conditions)), [one["name"] for one in conditions], rotation=20 if len(conditions) > 3 else 0)
    axes.set_ylabel(_axis(results["metric"]))
    return figure


def intervals_figure(results: Mapping[str, Any]):
    """The difference of each comparison with its intervals: by the primary test, and over clips and seeds."""
    from matplotlib.figure import Figure

    comparisons = results["comparisons"]
    figure = Figure(figsize=(7.5, 0.62 * len(comparisons) + 1.1))
    axes = figure.subplots()
    for at, one in enumerate(comparisons):
        bars = [(one["interval"], "#1f77b4", -0.1, "95 % interval, t")]
        if one["clips_interval"]:
            bars.append((one["clips_interval"], "#d62728", 0.1, "95 % bootstrap over clips and seeds"))
        for bar, colour, off, label in bars:
            axes.hlines(at + off, bar["low"], bar["high"], color=colour, linewidth=2, label=label if not at else None)
            axes.plot(one["difference"], at + off, "o", color=colour, markersize=5)
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(comparisons)), [f"{one['condition']} − {one['baseline']}" for one in comparisons])
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.set_xlabel("difference, points")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def curves_figure(curves: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]):
    """Mean over seeds of each figure by epoch, with a band of one standard deviation."""
    from matplotlib.figure import Figure

    names = list(next(iter(curves.values())))
    figure = Figure(figsize=(5.2 * len(names), 3.0))
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for at, (condition, own) in enumerate(curves.items()):
            values = np.array(own.get(name, []))
            if not values.size:
                continue
            mean, spread, epochs = values.mean(axis=0), values.std(axis=0), np.arange(1, values.shape[1] + 1)
            axes.plot(epochs, mean, color=_colour(at), label=condition, linewidth=1.4)
            axes.fill_between(epochs, mean - spread, mean + spread, color=_colour(at), alpha=0.15, linewidth=0)
        axes.set_xlabel("epoch")
        axes.set_title({"loss": "training loss", "validation_score": "validation score"}.get(name, name), fontsize=10)
    if len(curves) <= _MOST_NAMED:
        axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def _colour(at: int) -> str:
    return _COLOURS[at % len(_COLOURS)]


def _axis(metric: Mapping[str, Any]) -> str:
    return metric["title"] + (", %" if metric["name"] != "score" else "")
