"""The page of `asl profile`: a stacked bar against the budget, every variant, and an earlier profile for comparison."""

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


def write_report(path: Path, profile: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> None:
    """profile, earlier: as `run_profile` and `read_profile` return them."""
    bar = figure_uri(bar_figure(profile, earlier))
    write_page(path, "profile.html", profile=profile, earlier=earlier, bar=bar, steps=list(STEPS))


def bar_figure(profile: Mapping[str, Any], earlier: Mapping[str, Any] | None):
    """Milliseconds per frame of each step at p50 and p95, above the budget."""
    from matplotlib.figure import Figure

    rows: list[tuple[str, Mapping[str, float]]] = [("budget", profile["budget"])]
    for name, source in (("earlier, ", earlier), ("", profile)):
        rows += [(f"{name}{percentile}", _at(source, percentile)) for percentile in ("p50", "p95") if source]
    figure = Figure(figsize=(10, 0.6 * len(rows) + 1))
    axes = figure.subplots()
    for row, (_, milliseconds) in enumerate(rows):
        left = 0.0
        for step in STEPS:
            width = milliseconds.get(step, 0.0)
            axes.barh(row, width, left=left, color=COLOURS[step], label=step if row == len(rows) - 1 else None, height=0.6)
            left += width
        axes.text(left + 1, row, f"{left:.0f}", va="center", fontsize=8)
    axes.axvline(profile["budget"]["total"], color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.set_xlabel("ms per frame", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(fontsize=7, ncols=6, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.tight_layout()
    return figure


def _at(profile: Mapping[str, Any], percentile: str) -> dict[str, float]:
    """Step → milliseconds per frame at a percentile."""
    return {step: values.get(percentile, 0.0) for step, values in profile["steps"].items()}
