"""The page of `asl profile`: the budget as a stacked bar, every variant, and an earlier profile beside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl.pipelines.deployment.step_times import STEPS
from asl.pipelines.reports.page import figure_uri, write_page

COLOURS = {
    "video": "#bbbbbb",
    "keypoints": "#e8a33d",
    "features": "#7fb069",
    "encoder": "#3a7d44",
    "decoder": "#3d6fb6",
    "post": "#8e5ea2",
}


def write_report(path: Path, made: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> None:
    write_page(path, "profile.html", made=made, earlier=earlier, bar=figure_uri(bar_figure(made, earlier)), steps=list(STEPS))


def bar_figure(made: Mapping[str, Any], earlier: Mapping[str, Any] | None):
    """Milliseconds a frame of each step at p50 and at p95, under the budget."""
    from matplotlib.figure import Figure

    rows = [("budget", None)]
    rows += [(f"earlier, {mark}", (earlier, mark)) for mark in ("p50", "p95") if earlier]
    rows += [(mark, (made, mark)) for mark in ("p50", "p95")]
    figure = Figure(figsize=(10, 0.6 * len(rows) + 1))
    axes = figure.subplots()
    for place, (_, shown) in enumerate(rows):
        left = 0.0
        for step in STEPS:
            own = made["budget"].get(step, 0.0) if shown is None else shown[0]["steps"].get(step, {}).get(shown[1], 0.0)
            axes.barh(place, own, left=left, color=COLOURS[step], label=step if place == len(rows) - 1 else None, height=0.6)
            left += own
        axes.text(left + 1, place, f"{left:.0f}", va="center", fontsize=8)
    axes.axvline(made["budget"]["total"], color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.set_xlabel("ms a frame", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(fontsize=7, ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.tight_layout()
    return figure
