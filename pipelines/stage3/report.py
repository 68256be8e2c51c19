"""The page of stage 3: losses and their weights by epoch, word error rates, and the sentences that changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import SCORE_WEIGHTS
from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.stage3.batches import PARTS

#: Sentences shown of each kind, most changed first.
SHOWN = 20
#: The criterion's two parts, and what is balanced against it.
LOSSES = ("competition", "ctc", *PARTS[1:])


def write_report(
    path: Path, metrics: Mapping[str, Any], history: Sequence[Mapping[str, Any]], changes: Sequence[Any], refused: Sequence[Any],
    command: str,
) -> None:  # fmt: skip
    """history: figures of each epoch; changes: Change of each validation clip; refused: Refused clips. command: as typed."""
    change = {one.name: one.errors_after - one.errors_before for one in changes}
    ordered = sorted(changes, key=lambda one: change[one.name])
    write_page(
        path, "stage3.html", metrics=metrics, curves=figure_uri(curves_figure(history, _before(changes))), command=command,
        better=[one for one in ordered if change[one.name] < 0], worse=[one for one in reversed(ordered) if change[one.name] > 0],
        same=sum(not one for one in change.values()), refused=refused, shown=SHOWN, last=history[-1],
    )  # fmt: skip


def _before(changes: Sequence[Any]) -> float | None:
    words = sum(len(one.reference.split()) for one in changes)
    return sum(one.errors_before for one in changes) / words if words else None


def curves_figure(history: Sequence[Mapping[str, Any]], before: float | None):
    """Each loss, the weights of losses and of scores, and the validation word error rate by epoch."""
    from matplotlib.figure import Figure

    losses = [name for name in LOSSES if name in history[0]]
    figure = Figure(figsize=(12, 5))
    axes = figure.subplots(2, max(4, len(losses)), squeeze=False)
    epochs = range(1, len(history) + 1)
    for one, name in zip(axes[0], losses, strict=False):
        one.plot(epochs, [figures.get(name) for figures in history])
        one.set_title(f"loss: {name}", fontsize=9)
    below = iter(axes[1])
    wer = next(below)
    if "validation_wer" in history[0]:
        wer.plot([0, *epochs], [100 * before, *(100 * figures["validation_wer"] for figures in history)], marker=".")
        wer.axhline(100 * before, color="black", linewidth=0.7, linestyle=":")
    wer.set_title("validation WER, %", fontsize=9)
    ahead = next(below)
    ahead.plot(epochs, [100 * figures.get("reference_ahead", 0) for figures in history])
    ahead.set_title("reference ahead of all, %", fontsize=9)
    mixed = next(below)
    for name in (name for name in history[0] if name.startswith("weight_")):
        mixed.plot(epochs, [figures.get(name) for figures in history], label=name.removeprefix("weight_"))
    mixed.set_title("weights of the losses", fontsize=9)
    mixed.legend(fontsize=6)
    scores = next(below)
    for name in SCORE_WEIGHTS:
        if any(figures[name] for figures in history):
            scores.plot(epochs, [figures[name] for figures in history], label=name.removesuffix("_weight"))
    scores.set_title("weights of the scores", fontsize=9)
    scores.legend(fontsize=6)
    for one in axes.flat:
        one.tick_params(labelsize=7)
        one.set_visible(bool(one.lines))
    figure.tight_layout()
    return figure
