"""The report of the modality study: a table of information, error and cost, and a bar chart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.reports.page import figure_uri, write_page


def write_report(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    write_page(path, "modalities.html", results=results, bars=figure_uri(bars_figure(results)), command=command)


def bars_figure(results: Mapping[str, Any]):
    """Bar charts: the information of each modality given the previous ones, and the error with it."""
    from matplotlib.figure import Figure

    steps = results["steps"]
    figure = Figure(figsize=(9, 3))
    for axes, key, title in zip(
        figure.subplots(1, 2), ("information", "error"), ("information, bits", "top-1 error, %"), strict=True
    ):
        intervals = [step[key] for step in steps]
        values = np.array([interval["value"] for interval in intervals])
        errors = np.array([[row["value"] - row["low"], row["high"] - row["value"]] for row in intervals]).T
        axes.bar(range(len(steps)), values, yerr=np.maximum(errors, 0), capsize=4, color="#4292c6")
        axes.axhline(0, color="black", linewidth=0.6)
        labels = ["hands", "face, given hands", "body, given both"] if key == "information" else [step["seen"] for step in steps]
        axes.set_xticks(range(len(steps)), labels, fontsize=8)
        axes.set_title(title, fontsize=10)
    figure.tight_layout()
    return figure
