"""The report of an ablation: verdicts, per-seed scores, all tests, intervals and learning curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.reports.page import figure_uri, number_epochs, write_page
from asl.pipelines.studies.comparison import ALPHA, MIN_SEEDS, POWER, SMALL_SPREAD, Comparison, seeds_needed

TESTS = {
    "paired": "paired t",
    "student": "Student's t",
    "welch": "Welch's t",
    "permutation": "exact permutation",
    "wilcoxon": "Wilcoxon",
}
_COLOURS = ("#444444", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b")
#: Interval of a comparison, colour, offset and label of its bar.
_BARS = (
    ("interval", "#1f77b4", -0.1, "95 % interval, t"),
    ("clips_interval", "#d62728", 0.1, "95 % bootstrap over seeds and clips"),
)
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
        for key, colour, offset, label in _BARS:
            if bar := comparison[key]:
                new = label not in axes.get_legend_handles_labels()[1]
                axes.hlines(y + offset, bar["low"], bar["high"], color=colour, linewidth=2, label=label if new else None)
            if bar or key == "interval":
                axes.plot(comparison["difference"], y + offset, "o", color=colour, markersize=5)
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(comparisons)), [f"{row['condition']} − {row['baseline']}" for row in comparisons])
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.set_xlabel("difference" + (", points" if results["metric"]["unit"] else ""))
    if axes.get_legend_handles_labels()[1]:
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
        number_epochs(axes)
        axes.set_title({"loss": "training loss", "validation_score": "validation score"}.get(name, name), fontsize=10)
    if len(curves) <= _MAX_LEGEND_ENTRIES:
        axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _axis_label(metric: Mapping[str, Any]) -> str:
    return metric["title"] + (", %" if metric["name"] != "score" else "")


# Verdict -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Notation:
    """How differences of a score are written. digits: decimals. unit: with the space before it. step: what moves it least."""

    digits: int = 1
    unit: str = " points"
    step: str = "test clip"

    def change(self, difference: float) -> str:
        return f"{difference:+.{self.digits}f}".replace("-", "−")


def verdict(comparison: Comparison, *, better: str = "higher", notation: Notation = Notation()) -> str:
    """The result in one to four sentences; a null result comes with its power. better: "higher" or "lower" scores."""
    name, baseline = comparison.condition, comparison.baseline
    corrected = not math.isclose(comparison.p, comparison.p_holm)
    p = f"p = {comparison.p_holm:.3g}" + (" after Holm correction" if corrected else "")
    p += " by the exact permutation test" if comparison.why_exact else ""
    if comparison.significant:
        change = "better" if (comparison.difference > 0) == (better == "higher") else "worse"
        text = f"{name} is {change} than {baseline}: {_effect(comparison, notation)}, {p} ({comparison.stars})."
    else:
        outcome = "Too few seeds to show an effect" if too_few_seeds(comparison) else "No effect detected"
        text = f"{outcome}: {name} vs {baseline} {_effect(comparison, notation)}, {p}."
    return " ".join([text, *_reservations(comparison, notation)])


def _effect(comparison: Comparison, notation: Notation) -> str:
    effect, interval = notation.change(comparison.difference) + notation.unit, comparison.interval
    return f"{effect} [{notation.change(interval.low)}, {notation.change(interval.high)}]" if interval else effect


def _reservations(comparison: Comparison, notation: Notation) -> list[str]:
    """Why the exact test decides, and what so many seeds cannot show."""
    sentences = []
    if comparison.why_exact == SMALL_SPREAD:
        what = "differences vary" if comparison.paired else "scores of a condition vary"
        sentences.append(f"It decides because the {what} by less than one {notation.step} can move a score: no t test applies.")
    if comparison.significant:
        return sentences
    if too_few_seeds(comparison):
        sentences += _least_p(comparison)
        needed = seeds_needed(comparison.paired, comparison.comparisons)
        sentences.append(f"Use at least {_in_words(needed)} seeds.")
    elif comparison.detectable is not None:
        least = f"{comparison.detectable:.{notation.digits}f}{notation.unit}"
        power, seeds = f"{100 * POWER:.0f} % power", _in_words(comparison.seeds)
        sentences.append(f"With {seeds} seeds, {power} is reached only for differences of {least} or more.")
    return sentences


def too_few_seeds(comparison: Comparison) -> bool:
    """Whether no effect of any size could be shown."""
    return comparison.seeds < MIN_SEEDS or comparison.comparisons * comparison.least_p >= ALPHA


def _least_p(comparison: Comparison) -> list[str]:
    corrected = min(1.0, comparison.comparisons * comparison.least_p)
    if corrected < ALPHA:
        return []
    holm = f" ({corrected:.2g} after Holm correction)" if comparison.comparisons > 1 else ""
    least = f"{comparison.least_p:.2g}{holm}"
    return [f"With {_in_words(comparison.seeds)} seeds it cannot give less than {least}, however large the effect."]


def _in_words(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if count < len(words) else str(count)
