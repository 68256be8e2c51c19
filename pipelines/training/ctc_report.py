"""The report of a training with CTC: loss, blank share and validation score by epoch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.reports.page import figure_uri, number_epochs, write_page

TRAINING_COLOUR, VALIDATION_COLOUR, KEPT_COLOUR = "#1f77b4", "#d62728", "#888888"


def write_report(path: Path, folder: Path, metrics: Mapping[str, Any], warnings: Sequence[str], average: float = 0) -> None:
    """Writes the page of a training. folder: of the model, with metrics.jsonl; further members of the model are below it.

    average: the share of the epochs over whose weights the model is averaged, if they were reached.
    """
    folders = [folder, *(folder / f"member{number}" for number in range(1, metrics["members"] or 1))]
    histories = [read_history(member) for member in folders]
    write_page(
        path, "train_ctc.html", metrics={key: value for key, value in metrics.items() if value is not None}, warnings=warnings,
        averaged=average if metrics["kept_epoch"] == metrics["epochs"] else 0,
        last=histories[0][-1],
        validated="validation_score" in histories[0][-1],
        curves=figure_uri(curves_figure(histories, metrics["kept_epoch"])),
    )  # fmt: skip


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The figures of every epoch of a training."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def curves_figure(histories: Sequence[Sequence[Mapping[str, Any]]], kept_epoch: int):
    """Loss, blank share and validation score by epoch; one line per member of the model.

    kept_epoch: that of the first member's weights, from 1; a dotted line marks it.
    """
    from matplotlib.figure import Figure

    panels = [
        ("loss", {"loss": ("training", TRAINING_COLOUR), "validation_loss": ("validation", VALIDATION_COLOUR)}, 1),
        ("frames read as blank, %", {"blank_share": ("training", TRAINING_COLOUR)}, 100),
        ("validation score, %", {"validation_score": ("validation", VALIDATION_COLOUR)}, 100),
    ]
    panels = [panel for panel in panels if any(key in histories[0][-1] for key in panel[1])]
    figure = Figure(figsize=(3.9 * len(panels), 2.9))
    for axes, (title, curves, factor) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for key, (label, colour) in curves.items():
            _plot(axes, histories, key, label, colour, factor)
        axes.axvline(kept_epoch, color=KEPT_COLOUR, linewidth=1, linestyle=":", label="kept")
        axes.set_title(title, fontsize=10)
        # A loss with a label prior may be negative, and so may a score that counts inserted glosses.
        least = min(figures[key] for history in histories for figures in history for key in curves if key in figures)
        axes.set_ylim(0 if least >= 0 else axes.get_ylim()[0], 101 if factor == 100 else None)
        number_epochs(axes)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def _plot(axes, histories: Sequence[Sequence[Mapping[str, Any]]], key: str, label: str, colour: str, factor: float) -> None:
    for member, history in enumerate(histories):
        points = [(epoch, factor * figures[key]) for epoch, figures in enumerate(history, 1) if key in figures]
        if points:
            style = {"label": label} if member == 0 else {"alpha": 0.5}
            style |= {"marker": "."} if len(points) == 1 else {}  # a single point has no line
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, **style)
