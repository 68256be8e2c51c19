"""The page of `asl profile`: a stacked bar against the budget, every variant, and an earlier profile for comparison."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl.pipelines.deployment.step_times import STEPS
from asl.pipelines.reports.page import write_page

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
    bars = stacked_bars(profile, earlier)
    scale = max(sum(bar.values()) for bar in bars.values()) or 1.0
    write_page(path, "profile.html", profile=profile, earlier=earlier, steps=list(STEPS), bars=bars, scale=scale, colours=COLOURS)


def stacked_bars(profile: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> dict[str, dict[str, float]]:
    """Title of each bar → step → milliseconds per frame: at p50 and p95, above the budget. The earlier profile comes first."""
    bars = {"budget": {step: profile["budget"][step] for step in STEPS if step in profile["budget"]}}
    for percentile in ("p50", "p95"):
        for name, source in (("earlier, ", earlier), ("", profile)):
            if source:
                bars[f"{name}{percentile}"] = _at(source, percentile)
    return bars


def _at(profile: Mapping[str, Any], percentile: str) -> dict[str, float]:
    steps = profile["steps"]
    return {step: steps[step].get(percentile, 0.0) for step in STEPS if step in steps}
