"""The report of stage 3: losses and their weights by epoch, word error rates, and the sentences that changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import SCORE_WEIGHTS
from asl.pipelines.reports.page import figure_uri, number_epochs, write_page
from asl.pipelines.stage3.batches import LOSS_NAMES

#: Number of improved and of degraded sentences on the page, most changed first.
MAX_SENTENCES = 20
#: Losses with a curve: the two parts of the criterion, and those that are balanced against it.
PLOTTED_LOSSES = ("competition", "ctc", *LOSS_NAMES[1:])


def write_report(
    path: Path, metrics: Mapping[str, Any], history: Sequence[Mapping[str, Any]], changes: Sequence[Any], refused: Sequence[Any],
    command: str, wer_before: float | None,
) -> None:  # fmt: skip
    """Writes the page.

    history: figures of each epoch. changes: the ReadingChange of each clip that measures. refused: RefusedClips. command: the
    command line. wer_before: on the tuning clips.
    """
    ordered = sorted(changes, key=_more_errors)
    write_page(
        path, "stage3.html", metrics=metrics, curves=figure_uri(curves_figure(history, wer_before)), command=command,
        better=[clip for clip in ordered if _more_errors(clip) < 0],
        worse=[clip for clip in reversed(ordered) if _more_errors(clip) > 0],
        same=sum(not _more_errors(clip) for clip in changes), refused=refused, shown=MAX_SENTENCES, last=history[-1],
    )  # fmt: skip


def _more_errors(change: Any) -> int:
    return change.errors_after - change.errors_before


def curves_figure(history: Sequence[Mapping[str, Any]], wer_before: float | None):
    """Curves by epoch: each loss, the word error rate on the tuning clips, and the weights of losses and scores."""
    from matplotlib.figure import Figure

    losses = [name for name in PLOTTED_LOSSES if name in history[0]]
    figure = Figure(figsize=(12, 5))
    axes = figure.subplots(2, max(4, len(losses)), squeeze=False)
    epochs = range(1, len(history) + 1)
    for loss_axes, name in zip(axes[0], losses, strict=False):
        loss_axes.plot(epochs, [figures.get(name) for figures in history])
        loss_axes.set_title(f"loss: {name}", fontsize=9)
    wer, reference, loss_weights, score_weights = axes[1][:4]
    if wer_before is not None:
        wer.plot([0, *epochs], [100 * wer_before, *(100 * figures["tuning_wer"] for figures in history)], marker=".")
        wer.axhline(100 * wer_before, color="black", linewidth=0.7, linestyle=":")
    wer.set_title("WER on tuning clips, %", fontsize=9)
    reference.plot(epochs, [100 * figures.get("reference_ahead", 0) for figures in history])
    reference.set_title("clips whose reference scores best, %", fontsize=9)
    for name in (name for name in history[0] if name.startswith("weight_")):
        loss_weights.plot(epochs, [figures.get(name) for figures in history], label=name.removeprefix("weight_"))
    loss_weights.set_title("weights of the losses", fontsize=9)
    loss_weights.legend(fontsize=6)
    for name in SCORE_WEIGHTS:
        if any(figures[name] for figures in history):
            score_weights.plot(epochs, [figures[name] for figures in history], label=name.removesuffix("_weight"))
    score_weights.set_title("weights of the scores", fontsize=9)
    score_weights.legend(fontsize=6)
    for subplot in axes.flat:
        number_epochs(subplot)
        subplot.tick_params(labelsize=7)
        subplot.set_visible(bool(subplot.lines))
    figure.tight_layout()
    return figure
