"""`asl ablate`: conditions × seeds on equal data, compared with the statistics of SPEC §14."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from asl.pipelines.recogniser.intervals import Groups, bootstrap_over_seeds, note_of
from asl.pipelines.studies.ablation_report import Notation, verdict, write_report
from asl.pipelines.studies.comparison import Comparison, compare, holm, seeds_needed
from asl.pipelines.studies.conditions import Contrast, Design, check_matched, design, slug, variant
from asl.pipelines.studies.study import (
    METRICS,
    Metric,
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

STAGE = "ablate"


def run_ablate(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    seeds: int | None = None,
    factors: Sequence[str] = (),
    conditions: Sequence[str] = (),
    grid: bool = False,
    metric: str = "",
    split: str = "test",
    jobs: int = 0,
    name: str | None = None,
    command: str = "",
    dry_run: bool = False,
) -> Study:
    """Carries out the missing runs, and writes reports/ablate-<name>.html and .json.

    All conditions train for the same number of epochs, without early stopping unless the flags ask for it. A failed run is
    reported, and the study continues with the other seeds if at least two remain. seeds: None for the fewest that can show an
    effect. command: the command line, shown on the page. Raises BadInput if there is one seed only, if conditions are not
    matched, or if there is nothing to test on.
    """
    if metric and metric not in METRICS:
        raise BadInput(f"there is no metric '{metric}'", f"choose one of: {', '.join(METRICS)}")
    study_design = design(factors, conditions, grid=grid)
    seeds = _checked_seeds(seeds, len(study_design.contrasts), progress)
    common, first = common_settings(workspace, flags)
    # Equal epochs: with validation clips, early stopping would end some runs before others.
    common.setdefault("patience", 0)
    variants = {condition.name: variant(condition, common) for condition in study_design.conditions}
    with workspace.locked("asl ablate"):
        check_matched(workspace, study_design, variants, split)
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry_run(study_workers(workspace, flags, jobs))
        outcomes = runs.carry_out(study_workers(workspace, flags, jobs), progress)
        results = analyse(study_design, outcomes, runs.group_names, metric)
        study = name or slug(study_design)
        page = workspace.reports / f"ablate-{study}.html"
        metrics = {"study": study, "conditions": len(study_design.conditions), "seeds": len(results["seeds"])}
        metrics |= {"verdict": results["comparisons"][0]["verdict"]}
        return runs.report(STAGE, page, results, outcomes, metrics, partial(write_report, command=command))


def _checked_seeds(seeds: int | None, comparisons: int, progress: Progress) -> int:
    """The number of seeds, with a warning if so few cannot show an effect. Raises BadInput if it is one."""
    needed = seeds_needed(paired=True, comparisons=comparisons)
    if seeds is None:
        return needed
    if seeds < 2:
        raise BadInput(
            "one seed is not enough: no test, interval or spread can be computed from it",
            f"use --seeds {needed} or more: fewer cannot show an effect",
        )
    if seeds < needed:
        progress.warn(f"{seeds} seeds can show no effect, however large it is; --seeds {needed} is the least that can")
    return seeds


# Analysis ------------------------------------------------------------------------------------------------------------
def analyse(study_design: Design, outcomes: Outcomes, group_names: Mapping[str, str], metric_name: str = "") -> dict[str, Any]:
    """Per-seed scores, comparisons and verdicts, from outcomes by (condition, seed).

    Every condition is scored on the clips that all conditions were tested on, with the seeds that all conditions have.
    group_names: clip → its group. metric_name: a key of METRICS; "" chooses one by the outcomes.
    """
    names = [condition.name for condition in study_design.conditions]
    seeds = common_seeds(outcomes, names)
    common = {(name, seed): outcomes[name, seed] for name in names for seed in seeds}
    metric = METRICS[metric_name or _default_metric(next(iter(common.values())), study_design)]
    clips, values = common_clips(common, metric)
    scores = {name: [score(values[name, seed], metric) for seed in seeds] for name in names}
    by_condition = {name: np.array([values[name, seed] for seed in seeds]) for name in names}
    groups = groups_of_clips(clips, group_names)
    comparisons = compare_all(study_design.contrasts, by_condition, metric, groups)
    test_clip_counts = {len(outcome["clips"]) for outcome in common.values()}
    return {
        "metric": asdict(metric),
        "seeds": seeds,
        "test_clips": len(clips),
        "clips_left_out": max(test_clip_counts) - len(clips),
        "intervals": note_of(groups),
        "conditions": [
            {
                "name": condition.name,
                "overrides": dict(condition.overrides),
                "scores": [round(value, 4) for value in scores[condition.name]],
                "mean": round(float(np.mean(scores[condition.name])), 4),
                "sd": round(float(np.std(scores[condition.name], ddof=1)), 4),
                **_training_figures([common[condition.name, seed] for seed in seeds]),
            }
            for condition in study_design.conditions
        ],
        "comparisons": [record(comparison, metric) for comparison in comparisons],
        "curves": {name: _curves([common[name, seed] for seed in seeds]) for name in names},
        "settings": {key: value for key, value in next(iter(common.values()))["settings"].items() if key != "seed"},
    }


def _default_metric(outcome: Mapping[str, Any], study_design: Design) -> str:
    """top_1 for one-sign clips, or read_exactly if only decoder settings differ, as decoders do not rank; else wer."""
    if "top_1" not in outcome["results"]:
        return "wer"
    keys = {key for condition in study_design.conditions for key in condition.overrides}
    return "read_exactly" if keys <= {"decoder", "beam", "insertion_penalty"} else "top_1"


def score(values: np.ndarray, metric: Metric) -> float:
    """Score of one run, in percent. values: (clips,), or for wer (clips, 2) errors and words."""
    if metric.name == "wer":
        return float(100 * values[:, 0].sum() / max(1.0, values[:, 1].sum()))
    return float(100 * values.mean())


def compare_all(
    contrasts: Sequence[Contrast], values: Mapping[str, np.ndarray], metric: Metric, groups: Groups | None
) -> list[Comparison]:
    """All comparisons of a study, with p values corrected for their number.

    values: condition → (seeds, clips), or for wer (seeds, clips, 2) errors and words.
    """
    comparisons = []
    for contrast in contrasts:
        sides = (contrast.baselines, contrast.conditions)
        a, b = (np.mean([_scores(values[name], metric) for name in names], axis=0) for names in sides)
        interval = None
        if metric.name != "wer":
            means = [np.mean([values[name] for name in names], axis=0) for names in sides]
            interval = bootstrap_over_seeds(100 * (means[1] - means[0]), groups)
        step = score_step(values[contrast.baselines[0]][0], metric) / len(contrast.baselines)
        comparisons.append(
            compare(
                contrast.against, contrast.name, (a, b), paired=True, resolution=step, comparisons=len(contrasts),
                clips_interval=interval,
            )
        )  # fmt: skip
    return holm_corrected(comparisons)


def score_step(values: np.ndarray, metric: Metric) -> float:
    """The step of a score when one clip, or for wer one word, is read differently, in points. values: as of `score`."""
    return 100 / max(1.0, float(values[:, 1].sum()) if metric.name == "wer" else len(values))


def holm_corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    p_values = holm([comparison.p for comparison in comparisons])
    return [replace(comparison, p_holm=p) for comparison, p in zip(comparisons, p_values, strict=True)]


def _scores(values: np.ndarray, metric: Metric) -> np.ndarray:
    return np.array([score(of_seed, metric) for of_seed in values])


def record(comparison: Comparison, metric: Metric) -> dict[str, Any]:
    """A comparison as it stands in the JSON report; figures that are not finite become None."""
    notation = Notation(metric.difference_digits, metric.unit, "word" if metric.name == "wer" else "test clip")
    flat = asdict(comparison) | {"p": comparison.p, "stars": comparison.stars}
    flat = {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in flat.items()}
    return flat | {"verdict": verdict(comparison, better=metric.better, notation=notation)}


def _training_figures(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = outcomes[0]
    return {
        "parameters": first["training"]["parameters"],
        "epochs": first["settings"]["epochs"],
        "train_clips": first["training"]["train_clips"],
        "glosses": first["training"]["glosses"],
        "seconds": round(float(np.mean([outcome["training"]["seconds"] for outcome in outcomes])), 1),
        "stage_1_seconds": round(float(np.mean([outcome["stage_1"].get("seconds", 0) for outcome in outcomes])), 1),
    }


def _curves(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, list[list[float]]]:
    """Curve name → (seeds, epochs) values, cut to the shortest run."""
    length = min(len(outcome["history"]) for outcome in outcomes)
    names = [key for key in ("loss", "validation_score") if key in outcomes[0]["history"][0]]
    return {key: [[round(float(row[key]), 5) for row in outcome["history"][:length]] for outcome in outcomes] for key in names}
