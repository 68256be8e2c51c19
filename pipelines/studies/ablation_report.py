"""The report of an ablation: verdicts, per-seed scores, all tests, intervals and learning curves."""

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
#: With more conditions than this, the learning curves have no legend.
_MAX_LEGEND_ENTRIES = 12


def write_report(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    write_page(
        path, "ablate.html", results=results, tests=TESTS, points=figure_uri(points_figure(results)),
        intervals=figure_uri(intervals_figure(results)),
        curves=figure_uri(curves_figure(results["curves"])) if any(results["curves"].values()) else "",
        command=command,
    )  # fmt: skip


def points_figure(results: Mapping[str, Any]):
    """The score of each seed; a grey line joins the scores of one seed, a bar marks the mean."""
    from matplotlib.figure import Figure

    conditions = results["conditions"]
    figure = Figure(figsize=(max(4.0, 1.4 * len(conditions) + 1.2), 3.4))
    axes = figure.subplots()
    if results["seeds"]:
        for scores in zip(*(condition["scores"] for condition in conditions), strict=True):
            axes.plot(range(len(conditions)), scores, color="#bbbbbb", linewidth=0.8, zorder=1)
    for x, condition in enumerate(conditions):
        # Unpaired scores are spread sideways, so that equal ones do not overlap; paired ones stay on their line.
        scores = condition["scores"]
        offset = 0 if results["seeds"] else 0.03 * (np.arange(len(scores)) - (len(scores) - 1) / 2)
        axes.scatter(x + offset + np.zeros(len(scores)), scores, color=_colour(x), s=22, zorder=2)
        axes.hlines(condition["mean"], x - 0.22, x + 0.22, color=_colour(x), linewidth=2.2, zorder=3)
    axes.set_xlim(-0.5, len(conditions) - 0.5)
    names = [condition["name"] for condition in conditions]
    axes.set_xticks(range(len(conditions)), names, rotation=20 if len(conditions) > 3 else 0)
    axes.set_ylabel(_axis_label(results["metric"]))
    return figure


def intervals_figure(results: Mapping[str, Any]):
    """The difference of each comparison, with its t interval and its bootstrap interval over clips and seeds."""
    from matplotlib.figure import Figure

    comparisons = results["comparisons"]
    figure = Figure(figsize=(7.5, 0.62 * len(comparisons) + 1.1))
    axes = figure.subplots()
    for y, comparison in enumerate(comparisons):
        bars = [(comparison["interval"], "#1f77b4", -0.1, "95 % interval, t")]
        if comparison["clips_interval"]:
            bars.append((comparison["clips_interval"], "#d62728", 0.1, "95 % bootstrap over clips and seeds"))
        for bar, colour, offset, label in bars:
            axes.hlines(y + offset, bar["low"], bar["high"], color=colour, linewidth=2, label=label if not y else None)
            axes.plot(comparison["difference"], y + offset, "o", color=colour, markersize=5)
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(comparisons)), [f"{row['condition']} − {row['baseline']}" for row in comparisons])
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.set_xlabel("difference, points")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def curves_figure(curves: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]):
    """Mean learning curves over seeds, with a band of one standard deviation."""
    from matplotlib.figure import Figure

    names = list(next(iter(curves.values())))
    figure = Figure(figsize=(5.2 * len(names), 3.0))
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        for index, (condition, by_name) in enumerate(curves.items()):
            values = np.array(by_name.get(name, []))
            if not values.size:
                continue
            mean, spread, epochs = values.mean(axis=0), values.std(axis=0), np.arange(1, values.shape[1] + 1)
            axes.plot(epochs, mean, color=_colour(index), label=condition, linewidth=1.4)
            axes.fill_between(epochs, mean - spread, mean + spread, color=_colour(index), alpha=0.15, linewidth=0)
        axes.set_xlabel("epoch")
        axes.set_title({"loss": "training loss", "validation_score": "validation score"}.get(name, name), fontsize=10)
    if len(curves) <= _MAX_LEGEND_ENTRIES:
        axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _axis_label(metric: Mapping[str, Any]) -> str:
    return metric["title"] + (", %" if metric["name"] != "score" else "")
