"""`asl ablate --modalities`: the information of hands, face and body about the gloss, and their cost (SPEC §12).

I(U;Y) = I(H;Y) + I(F;Y|H) + I(B;Y|H,F). Each term is estimated as a lower bound. The first is the entropy of the glosses minus
the held-out cross-entropy of a recogniser that sees the hands; the others are the decrease of that cross-entropy when the
recogniser also sees the face, and then the body.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import optimize

from asl.models.features.feature_sets import FEATURE_SETS, MODALITIES
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.media.tracker.holistic import milliseconds_per_part
from asl.pipelines.recogniser.intervals import Interval, bootstrap_over_seeds, bootstrap_share_over_seeds, note_of
from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.studies.experiment import Variant
from asl.pipelines.studies.study import (
    METRICS,
    Outcomes,
    Runs,
    Study,
    common_clips,
    common_seeds,
    common_settings,
    groups_of_clips,
    study_workers,
)
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings, SyntheticSettings

#: The study is recorded under the stage of `asl ablate`.
STAGE = "ablate"
#: Modalities that the recogniser sees, in the order of the chain rule.
CHAIN = ("hands", "hands+face", "hands+face+body")
ALL_MODALITIES = "phon36+landmarks"
#: Number of frames on which the cost of a modality is measured.
TIMED_FRAMES = 60


def run_modalities(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    seeds: int = 5,
    split: str = "test",
    jobs: int = 0,
    worth: float = 0.1,
    command: str = "",
    dry_run: bool = False,
) -> Study:
    """Trains on hands, hands + face, and all modalities with several seeds; writes reports/modalities.html and .json.

    worth: λ of the rule, the error reduction in points that justifies one millisecond per frame. command: the command line,
    shown on the page. Raises BadInput if there is one seed only.
    """
    if seeds < 2:
        raise BadInput("one seed is not enough to estimate a spread", "use --seeds 3 or more")
    common, first = common_settings(workspace, flags)
    features = workspace.settings("features", common).features
    if not all(any(part in FEATURE_SETS[features].parts for part in parts) for parts in MODALITIES.values()):
        progress.say(f"{features} does not cover all modalities; the study uses {ALL_MODALITIES}")
        common["features"] = ALL_MODALITIES
    with workspace.locked("asl ablate --modalities"):
        variants = {parts: Variant(common | {"parts": parts}) for parts in CHAIN}
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry_run(study_workers(workspace, flags, jobs))
        outcomes = runs.carry_out(study_workers(workspace, flags, jobs), progress)
        finished = common_seeds(outcomes, CHAIN)
        outcomes = {(parts, seed): outcomes[parts, seed] for parts in CHAIN for seed in finished}
        labels = {clip.id: clip.glosses[0] for clip in read_clips(workspace.clips_file) if len(clip.glosses) == 1}
        progress.say("measuring the cost of each modality")
        results = analyse_modalities(outcomes, labels, modality_costs(), worth, runs.group_names)
        results |= {"seeds": finished, "features": common.get("features", features)}
        page = workspace.reports / "modalities.html"
        metrics = {"study": "modalities", "seeds": len(finished)}
        return runs.report(STAGE, page, results, outcomes, metrics, partial(write_report, command=command), "modalities")


def analyse_modalities(
    outcomes: Outcomes, labels: Mapping[str, str], cost: Mapping[str, float], worth: float, group_names: Mapping[str, str]
) -> dict[str, Any]:
    """Information, errors, Fano bounds and the decision of the rule for each modality.

    outcomes: by (parts, seed). labels: the gloss of each clip, by id. cost: milliseconds per frame of each modality. worth: λ,
    points per millisecond. group_names: clip → its group.
    """
    clips, _ = common_clips(outcomes, METRICS["top_1"])
    groups = groups_of_clips(clips, group_names)
    seeds = sorted({seed for _, seed in outcomes})

    def values(key: str, parts: str) -> np.ndarray:
        return np.array([[outcomes[parts, seed]["clips"][clip][key] for clip in clips] for seed in seeds])

    bits = {parts: values("log_loss", parts) / math.log(2) for parts in CHAIN}
    errors = {parts: 1 - values("top_1", parts) for parts in CHAIN}
    entropy, classes = entropy_bits([labels[clip] for clip in clips]), len({labels[clip] for clip in clips})
    steps = []
    for number, (parts, name) in enumerate(zip(CHAIN, MODALITIES, strict=True)):
        before = bits[CHAIN[number - 1]] if number else np.full_like(bits[parts], entropy)
        gained = bootstrap_over_seeds(before - bits[parts], groups)
        saved = bootstrap_over_seeds(100 * (errors[CHAIN[number - 1]] - errors[parts]), groups) if number else None
        steps.append(
            {
                "modality": name,
                "seen": parts,
                "information": _rounded(gained),
                "cross_entropy": round(float(bits[parts].mean()), 4),
                "error": _rounded(bootstrap_share_over_seeds(errors[parts], groups).times(100)),
                "saved": _rounded(saved) if saved else None,
                "fano": round(100 * fano_bound(max(0.0, float(bits[parts].mean())), classes), 2),
                "milliseconds": round(cost[name], 2),
                "worth": _decision(saved, cost[name], worth),
            }
        )
    figures = {"entropy": round(entropy, 4), "glosses": classes, "test_clips": len(clips), "intervals": note_of(groups)}
    return figures | {"worth": worth, "steps": steps}


def _rounded(interval: Interval) -> dict[str, float]:
    return {key: round(value, 4) for key, value in asdict(interval).items()}


def _decision(saved: Interval | None, milliseconds: float, worth: float) -> str:
    """The rule of SPEC §12 in words. saved: error reduction, in points; None for the hands, which are always kept."""
    if saved is None:
        return "keep: first modality"
    least = worth * milliseconds
    if saved.low >= least:
        return "keep"
    if saved.value >= least:
        return "keep, but uncertain"
    return "not worth its cost" if saved.high < least else "not shown to be worth its cost"


def entropy_bits(labels: Sequence[str]) -> float:
    """Entropy of the empirical distribution of the labels, in bits."""
    shares = np.array(list(Counter(labels).values())) / len(labels)
    return float(-(shares * np.log2(shares)).sum())


def fano_bound(bits: float, classes: int) -> float:
    """Fano's lower bound e on the error of any classifier, from H_b(e) + e log2(classes − 1) ≥ bits.

    bits: the conditional entropy H(Y|X). The bound holds for its true value; with a cross-entropy, which is larger, it is the
    error that the measured information allows.
    """

    def max_entropy(error: float) -> float:
        return _binary_entropy(error) + error * math.log2(max(1, classes - 1))

    max_error = 1 - 1 / classes
    if bits >= max_entropy(max_error):
        return max_error
    return float(optimize.brentq(lambda error: max_entropy(error) - bits, 0.0, max_error)) if bits > 0 else 0.0


def _binary_entropy(share: float) -> float:
    return 0.0 if share in (0.0, 1.0) else -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def modality_costs() -> dict[str, float]:
    """The tracker's time for each modality, in milliseconds per frame, on a rendered clip that is the same on every machine."""
    from asl.pipelines.corpus.sources import synthetic
    from asl.pipelines.media.video import frames
    from asl.pipelines.synthetic import performances

    with tempfile.TemporaryDirectory() as name:
        clip = next(synthetic.clips(replace(SyntheticSettings(), video=True, clips=1, signs=1), Path(name)))
        performances.render(performances.parse_recipe(clip.layout), clip.path)
        pictures = [frame.picture for frame in frames(clip.path, max_side=LandmarkSettings().max_side)]
    pictures = [pictures[i % len(pictures)] for i in range(TIMED_FRAMES)]
    return milliseconds_per_part(pictures)


# Report --------------------------------------------------------------------------------------------------------------
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
