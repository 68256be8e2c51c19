"""`asl ablate --modalities`: what hands, face and body each tell of the gloss, and what each costs (SPEC §12).

I(U;Y) = I(H;Y) + I(F;Y|H) + I(B;Y|H,F), each term from below: the entropy of the glosses, less the held-out cross-entropy of
a recogniser that sees the hands; and how much that falls when it sees the face, then the body as well.
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
from asl.pipelines.media.tracker import milliseconds_a_frame
from asl.pipelines.recogniser.measures import Interval
from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.studies.comparison import bootstrap_over_seeds
from asl.pipelines.studies.experiment import Variant
from asl.pipelines.studies.study import METRICS, Outcomes, Runs, Study, common_clips, common_seeds, common_settings, where_of
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings, SyntheticSettings

#: The study is one of `asl ablate`'s.
STAGE = "ablate"
#: In the order of the chain rule.
CHAIN = ("hands", "hands+face", "hands+face+body")
ALL_MODALITIES = "phon36+landmarks"
#: Frames of a rendered clip that the costs are measured on.
TIMED_FRAMES = 60


def run_modalities(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    seeds: int = 3,
    split: str = "test",
    jobs: int = 0,
    worth: float = 0.1,
    command: str = "",
    dry_run: bool = False,
) -> Study:
    """Trains on hands, hands and face, and all, over seeds; writes reports/modalities.html and .json.

    worth: λ of the rule, percentage points of error that a millisecond a frame has to save. command: as typed, for the page.
    """
    if seeds < 2:
        raise BadInput("one seed has no spread", "use --seeds 3 at least")
    common, first = common_settings(workspace, flags)
    features = workspace.settings("features", common).features
    if not all(any(part in FEATURE_SETS[features].parts for part in parts) for parts in MODALITIES.values()):
        progress.say(f"{features} shows no body; the study is on {ALL_MODALITIES}")
        common["features"] = ALL_MODALITIES
    with workspace.locked("asl ablate --modalities"):
        variants = {parts: Variant(common | {"parts": parts}) for parts in CHAIN}
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry()
        found = runs.carry_out(where_of(workspace, flags, jobs), progress)
        own = common_seeds(found, CHAIN)
        found = {(parts, seed): found[parts, seed] for parts in CHAIN for seed in own}
        labels = {clip.name: clip.glosses[0] for clip in read_clips(workspace.clips_file) if len(clip.glosses) == 1}
        progress.say("measuring what each modality costs")
        results = told(found, labels, costs(), worth) | {"seeds": own, "features": common.get("features", features)}
        page = workspace.reports / "modalities.html"
        metrics = {"study": "modalities", "seeds": len(own)}
        return runs.report(STAGE, page, results, found, metrics, partial(write_report, command=command))


def write_report(path: Path, results: Mapping[str, Any], command: str = "") -> None:
    write_page(path, "modalities.html", results=results, bars=figure_uri(bars_figure(results)), command=command)


def told(found: Outcomes, labels: Mapping[str, str], cost: Mapping[str, float], worth: float) -> dict[str, Any]:
    """Outcomes by (parts, seed) → information, errors, bounds and the rule's table. labels: gloss of each clip."""
    clips, _ = common_clips(found, METRICS["top_1"])
    seeds = sorted({seed for _, seed in found})

    def values(key: str, parts: str) -> np.ndarray:
        return np.array([[found[parts, seed]["clips"][name][key] for name in clips] for seed in seeds])

    bits = {parts: values("log_loss", parts) / math.log(2) for parts in CHAIN}
    errors = {parts: 100 * (1 - values("top_1", parts)) for parts in CHAIN}
    entropy, kinds = entropy_of([labels[name] for name in clips]), len({labels[name] for name in clips})
    steps = []
    for number, (parts, name) in enumerate(zip(CHAIN, MODALITIES, strict=True)):
        before = bits[CHAIN[number - 1]] if number else np.full_like(bits[parts], entropy)
        gained = bootstrap_over_seeds(before - bits[parts])
        saved = bootstrap_over_seeds(errors[CHAIN[number - 1]] - errors[parts]) if number else None
        steps.append(
            {
                "modality": name,
                "seen": parts,
                "information": _rounded(gained),
                "cross_entropy": round(float(bits[parts].mean()), 4),
                "error": _rounded(bootstrap_over_seeds(errors[parts])),
                "saved": _rounded(saved) if saved else None,
                "fano": round(100 * fano(max(0.0, float(bits[parts].mean())), kinds), 2),
                "milliseconds": round(cost[name], 2),
                "worth": _worth(saved, cost[name], worth),
            }
        )
    return {"entropy": round(entropy, 4), "glosses": kinds, "test_clips": len(clips), "worth": worth, "steps": steps}


def _rounded(one: Interval) -> dict[str, float]:
    return {key: round(value, 4) for key, value in asdict(one).items()}


def _worth(saved: Interval | None, milliseconds: float, worth: float) -> str:
    """The rule of SPEC §12 in a word or three; the hands are always kept."""
    if saved is None:
        return "keep: the glosses are there"
    least = worth * milliseconds
    if saved.low >= least:
        return "keep"
    if saved.value >= least:
        return "keep, though not surely"
    return "not worth its cost" if saved.high < least else "not shown to be worth it"


def entropy_of(labels: Sequence[str]) -> float:
    """Bits of the labels' distribution, as it is among them."""
    shares = np.array(list(Counter(labels).values())) / len(labels)
    return float(-(shares * np.log2(shares)).sum())


def fano(bits: float, kinds: int) -> float:
    """The least error that any reader has to whom `bits` of the gloss stay unknown: H_b(e) + e log2(kinds − 1) ≥ bits.

    It holds for the true H(Y|X); with a cross-entropy, which is larger, it says what the measured information would allow.
    """

    def known(error: float) -> float:
        return _binary_entropy(error) + error * math.log2(max(1, kinds - 1))

    most = 1 - 1 / kinds
    if bits >= known(most):
        return most
    return float(optimize.brentq(lambda error: known(error) - bits, 0.0, most)) if bits > 0 else 0.0


def _binary_entropy(share: float) -> float:
    return 0.0 if share in (0.0, 1.0) else -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def costs() -> dict[str, float]:
    """Milliseconds a frame that MediaPipe takes for each modality, on a rendered clip: the same picture for everybody."""
    from asl.pipelines.corpus.sources import synthetic
    from asl.pipelines.media.video import frames
    from asl.pipelines.synthetic import performances

    with tempfile.TemporaryDirectory() as name:
        one = next(synthetic.clips(replace(SyntheticSettings(), video=True, clips=1, signs=1), Path(name)))
        performances.render(performances.parse_recipe(one.layout), one.path)
        pictures = [frame.picture for frame in frames(one.path, max_side=LandmarkSettings().max_side)]
    pictures = [pictures[i % len(pictures)] for i in range(TIMED_FRAMES)]
    return milliseconds_a_frame(pictures, LandmarkSettings())


def bars_figure(results: Mapping[str, Any]):
    """The information of each modality given those before it, and the error with it."""
    from matplotlib.figure import Figure

    steps = results["steps"]
    figure = Figure(figsize=(9, 3))
    for axes, key, title in zip(
        figure.subplots(1, 2), ("information", "error"), ("information, bits", "top-1 error, %"), strict=True
    ):
        middle = np.array([one[key]["value"] for one in steps])
        reach = np.array([[one[key]["value"] - one[key]["low"], one[key]["high"] - one[key]["value"]] for one in steps]).T
        axes.bar(range(len(steps)), middle, yerr=np.maximum(reach, 0), capsize=4, color="#4292c6")
        axes.axhline(0, color="black", linewidth=0.6)
        shown = ["hands", "face, given hands", "body, given both"] if key == "information" else [one["seen"] for one in steps]
        axes.set_xticks(range(len(steps)), shown, fontsize=8)
        axes.set_title(title, fontsize=10)
    figure.tight_layout()
    return figure
