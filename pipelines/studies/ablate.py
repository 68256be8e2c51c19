"""`asl ablate`: conditions × seeds on equal data, compared with the statistics of SPEC §14."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.studies.ablation_report import write_report
from asl.pipelines.studies.comparison import Comparison, compare, holm, verdict
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
    study_workers,
)
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress

STAGE = "ablate"
#: Seeds needed for a usable estimate of the spread.
MIN_SEEDS_FOR_SPREAD = 3
MAX_CSV_BYTES, MAX_CSV_ROWS = 16 << 20, 1_000_000


#: The metric of imported scores.
IMPORTED = Metric("score", "score")


def run_ablate(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    seeds: int = 5,
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
    reported, and the study continues with the other seeds if at least two remain. command: the command line, shown on the
    page. Raises BadInput if there is one seed only, if conditions are not matched, or if there is nothing to test on.
    """
    if seeds < 2:
        raise BadInput(
            "one seed is not enough: no test, interval or spread can be computed from it",
            f"use --seeds {MIN_SEEDS_FOR_SPREAD} or more; t tests need about 5, and the exact test needs 6 to reach p < 0.05",
        )
    if metric and metric not in METRICS:
        raise BadInput(f"there is no metric '{metric}'", f"choose one of: {', '.join(METRICS)}")
    study_design = design(factors, conditions, grid=grid)
    common, first = common_settings(workspace, flags)
    # Equal epochs: with validation clips, early stopping would end some runs before others.
    common.setdefault("patience", 0)
    variants = {condition.name: variant(condition, common) for condition in study_design.conditions}
    with workspace.locked("asl ablate"):
        check_matched(workspace, study_design, variants, split)
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry_run()
        outcomes = runs.carry_out(study_workers(workspace, flags, jobs), progress)
        results = analyse(study_design, outcomes, metric)
        study = name or slug(study_design)
        page = workspace.reports / f"ablate-{study}.html"
        metrics = {"study": study, "conditions": len(study_design.conditions), "seeds": len(results["seeds"])}
        metrics |= {"verdict": results["comparisons"][0]["verdict"]}
        return runs.report(STAGE, page, results, outcomes, metrics, partial(write_report, command=command))


# Analysis ------------------------------------------------------------------------------------------------------------
def analyse(study_design: Design, outcomes: Outcomes, metric_name: str = "") -> dict[str, Any]:
    """Per-seed scores, comparisons and verdicts, from outcomes by (condition, seed).

    Every condition is scored on the clips that all conditions were tested on, with the seeds that all conditions have.
    metric_name: a key of METRICS; "" chooses one by the outcomes.
    """
    names = [condition.name for condition in study_design.conditions]
    seeds = common_seeds(outcomes, names)
    common = {(name, seed): outcomes[name, seed] for name in names for seed in seeds}
    metric = METRICS[metric_name or _default_metric(next(iter(common.values())), study_design)]
    clips, values = common_clips(common, metric)
    scores = {name: [score(values[name, seed], metric) for seed in seeds] for name in names}
    by_condition = {name: np.array([values[name, seed] for seed in seeds]) for name in names}
    comparisons = compare_all(study_design.contrasts, by_condition, metric)
    test_clip_counts = {len(outcome["clips"]) for outcome in common.values()}
    return {
        "metric": asdict(metric),
        "seeds": seeds,
        "test_clips": len(clips),
        "clips_left_out": max(test_clip_counts) - len(clips),
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
        "comparisons": [_record(comparison, metric) for comparison in comparisons],
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


def compare_all(contrasts: Sequence[Contrast], values: Mapping[str, np.ndarray], metric: Metric) -> list[Comparison]:
    """All comparisons of a study, with p values corrected for their number.

    values: condition → (seeds, clips), or for wer (seeds, clips, 2) errors and words.
    """
    comparisons = []
    for contrast in contrasts:
        sides = (contrast.baselines, contrast.conditions)
        a, b = (np.mean([_scores(values[name], metric) for name in names], axis=0) for names in sides)
        clips = None
        if metric.name != "wer":
            means = [np.mean([values[name] for name in names], axis=0) for names in sides]
            clips = 100 * (means[1] - means[0])
        comparisons.append(compare(contrast.against, contrast.name, (a, b), paired=True, clips=clips))
    return holm_corrected(comparisons)


def holm_corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    p_values = holm([comparison.p for comparison in comparisons])
    return [replace(comparison, p_holm=p) for comparison, p in zip(comparisons, p_values, strict=True)]


def _scores(values: np.ndarray, metric: Metric) -> np.ndarray:
    return np.array([score(of_seed, metric) for of_seed in values])


def _record(comparison: Comparison, metric: Metric) -> dict[str, Any]:
    """A comparison as it stands in the JSON report; figures that are not finite become None."""
    flat = asdict(comparison) | {"p": comparison.p, "stars": comparison.stars}
    flat = {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in flat.items()}
    return flat | {"verdict": verdict(comparison, better=metric.better)}


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


# Imported scores -----------------------------------------------------------------------------------------------------
def import_study(file: Path, page: Path, *, unpaired: bool = False, baseline: str = "", command: str = "") -> Study:
    """Analyses a CSV file with the columns condition, seed, score, and writes `page` and its JSON.

    baseline: "" for the first condition. Conditions that all have the same seeds are paired by seed, unless `unpaired`.
    Raises BadInput if the file is not such a table, or has fewer than two conditions.
    """
    scores = _read_scores(file)
    names = list(scores)
    if baseline and baseline not in scores:
        raise BadInput(f"{file} has no condition '{baseline}'", f"choose one of: {', '.join(names)}")
    baseline = baseline or names[0]
    conditions = [name for name in names if name != baseline]
    if not conditions:
        raise BadInput(f"{file} has one condition only, {baseline}", "a comparison needs at least two conditions")
    paired = not unpaired and len({frozenset(by_seed) for by_seed in scores.values()}) == 1
    seeds = sorted(scores[baseline], key=_seed_order)
    values = {name: [by_seed[seed] for seed in (seeds if paired else by_seed)] for name, by_seed in scores.items()}
    comparisons = [compare(baseline, name, (values[baseline], values[name]), paired=paired) for name in conditions]
    metric = IMPORTED
    results = {
        "metric": asdict(metric),
        "imported": file.name,
        "seeds": seeds if paired else [],
        "conditions": [
            {
                "name": name,
                "overrides": {},
                "scores": values[name],
                "mean": float(np.mean(values[name])),
                "sd": float(np.std(values[name], ddof=1)),
            }
            for name in (baseline, *conditions)
        ],
        "comparisons": [_record(comparison, metric) for comparison in holm_corrected(comparisons)],
        "curves": {},
        "settings": {},
        "failed": [],
    }
    write_json(page.with_suffix(".json"), {"version": 1, **results})
    write_report(page, results, command)
    return Study(results, str(page))


def _read_scores(file: Path) -> dict[str, dict[str, float]]:
    """Condition → seed → score, in the order of the file. Raises BadInput, with the line, if a row is wrong."""
    scores: dict[str, dict[str, float]] = {}
    for line, row in _rows(file):
        condition, seed, text = ((row.get(key) or "").strip() for key in ("condition", "seed", "score"))
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not condition or not seed or not math.isfinite(value):
            raise BadInput(
                f"{file}, line {line}: condition '{condition}', seed '{seed}', score '{text}'",
                "fill in all three; the score is a number",
            )
        if seed in scores.setdefault(condition, {}):
            raise BadInput(f"{file}, line {line}: {condition} has seed {seed} twice", "give one row per run")
        scores[condition][seed] = value
    if not scores:
        raise BadInput(f"{file} has no rows", "its columns are condition, seed, score")
    return scores


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        if file.stat().st_size > MAX_CSV_BYTES:
            raise BadInput(
                f"{file} is larger than {MAX_CSV_BYTES >> 20} MiB",
                "give a table of scores with the columns condition, seed, score",
            )
        with open(file, encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = {"condition", "seed", "score"} - {(name or "").strip().lower() for name in reader.fieldnames or ()}
            if missing:
                raise BadInput(f"{file} has no column '{min(missing)}'", "its columns are condition, seed, score")
            reader.fieldnames = [(name or "").strip().lower() for name in reader.fieldnames]
            for number, row in enumerate(reader):
                if number > MAX_CSV_ROWS:
                    raise BadInput(f"{file} has more than {MAX_CSV_ROWS:,} rows", "remove the rows that are not compared")
                yield reader.line_num, row
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} is not a CSV file: {error}", "save it as CSV in UTF-8") from error


def _seed_order(seed: str) -> tuple[int, float, str]:
    return (0, float(seed), "") if seed.lstrip("-").isdigit() else (1, 0.0, seed)
