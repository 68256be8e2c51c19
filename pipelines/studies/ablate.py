"""`asl ablate`: conditions × seeds on equal data, and what may be concluded from them (SPEC §14)."""

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
    where_of,
)
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress

STAGE = "ablate"
#: Seeds below which a spread is hardly known.
FEW_SEEDS = 3
MAX_CSV_BYTES, MAX_CSV_ROWS = 16 << 20, 1_000_000


#: Figures from elsewhere.
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
    name: str = "",
    command: str = "",
    dry_run: bool = False,
) -> Study:
    """Runs what has not been run yet, and writes reports/ablate-<name>.html and .json. command: as typed, for the page.

    All runs go to their last epoch unless the flags say otherwise, so that epochs are equal. A run that fails is named; the
    study is then of the others, if two seeds are left. Raises BadInput: conditions that do not match, one seed, nothing to
    test on.
    """
    if seeds < 2:
        raise BadInput(
            "one seed says nothing about chance: no test, interval or spread can be computed from it",
            f"use --seeds {FEW_SEEDS} at least; t tests want 5, the exact test 6 to reach p < 0.05",
        )
    if metric and metric not in METRICS:
        raise BadInput(f"no metric '{metric}'", f"known: {', '.join(METRICS)}")
    designed = design(factors, conditions, grid=grid)
    common, first = common_settings(workspace, flags)
    # Equal epochs: where there are validation clips, patience would end some runs before others.
    common.setdefault("patience", 0)
    variants = {one.name: variant(one, common) for one in designed.conditions}
    with workspace.locked("asl ablate"):
        check_matched(workspace, designed, variants, split)
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry()
        found = runs.carry_out(where_of(workspace, flags, jobs), progress)
        results = concluded(designed, found, metric)
        study = name or slug(designed)
        page = workspace.reports / f"ablate-{study}.html"
        metrics = {"study": study, "conditions": len(designed.conditions), "seeds": len(results["seeds"])}
        metrics |= {"verdict": results["comparisons"][0]["verdict"]}
        return runs.report(STAGE, page, results, found, metrics, partial(write_report, command=command))


# Conclusions ---------------------------------------------------------------------------------------------------------
def concluded(designed: Design, found: Outcomes, wanted: str = "") -> dict[str, Any]:
    """Outcomes by (condition, seed) → scores a seed, comparisons, verdicts.

    Every condition is scored on the clips that all of them were tested on, over the seeds that all of them have.
    """
    names = [one.name for one in designed.conditions]
    seeds = common_seeds(found, names)
    chosen = {(name, seed): found[name, seed] for name in names for seed in seeds}
    metric = METRICS[wanted or _usual(next(iter(chosen.values())), designed)]
    clips, values = common_clips(chosen, metric)
    scores = {name: [score(values[name, seed], metric) for seed in seeds] for name in names}
    comparisons = compared(designed.contrasts, {name: np.array([values[name, seed] for seed in seeds]) for name in names}, metric)
    tested = {len(one["clips"]) for one in chosen.values()}
    return {
        "metric": asdict(metric),
        "seeds": seeds,
        "test_clips": len(clips),
        "clips_left_out": max(tested) - len(clips),
        "conditions": [
            {
                "name": one.name,
                "overrides": dict(one.overrides),
                "scores": [round(value, 4) for value in scores[one.name]],
                "mean": round(float(np.mean(scores[one.name])), 4),
                "sd": round(float(np.std(scores[one.name], ddof=1)), 4),
                **_facts([chosen[one.name, seed] for seed in seeds]),
            }
            for one in designed.conditions
        ],
        "comparisons": [_record(one, metric) for one in comparisons],
        "curves": {one.name: _curves([chosen[one.name, seed] for seed in seeds]) for one in designed.conditions},
        "settings": {key: value for key, value in next(iter(chosen.values()))["settings"].items() if key != "seed"},
    }


def _usual(outcome: Mapping[str, Any], designed: Design) -> str:
    """Top-1 of one-sign clips; their exact reading where decoders are compared, which do not rank; else the word error rate."""
    if "top_1" not in outcome["results"]:
        return "wer"
    keys = {key for one in designed.conditions for key in one.overrides}
    return "read_exactly" if keys <= {"decoder", "beam", "insertion_penalty"} else "top_1"


def score(values: np.ndarray, metric: Metric) -> float:
    """Of one run, in percent."""
    if metric.name == "wer":
        return float(100 * values[:, 0].sum() / max(1.0, values[:, 1].sum()))
    return float(100 * values.mean())


def compared(contrasts: Sequence[Contrast], values: Mapping[str, np.ndarray], metric: Metric) -> list[Comparison]:
    """values: condition → (seeds, clips) or, for wer, (seeds, clips, 2). p values are corrected for the number of contrasts."""
    found = []
    for contrast in contrasts:
        a, b = (
            np.mean([_scores(values[name], metric) for name in own], axis=0) for own in (contrast.baselines, contrast.conditions)
        )
        clips = None
        if metric.name != "wer":
            means = [np.mean([values[name] for name in own], axis=0) for own in (contrast.baselines, contrast.conditions)]
            clips = 100 * (means[1] - means[0])
        found.append(compare(contrast.against, contrast.name, (a, b), paired=True, clips=clips))
    return corrected(found)


def corrected(found: Sequence[Comparison]) -> list[Comparison]:
    return [replace(one, p_holm=p) for one, p in zip(found, holm([one.p for one in found]), strict=True)]


def _scores(values: np.ndarray, metric: Metric) -> np.ndarray:
    return np.array([score(one, metric) for one in values])


def _record(one: Comparison, metric: Metric) -> dict[str, Any]:
    flat = asdict(one) | {"p": one.p, "stars": one.stars}
    flat = {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in flat.items()}
    return flat | {"verdict": verdict(one, better=metric.better)}


def _facts(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = outcomes[0]
    return {
        "parameters": first["training"]["parameters"],
        "epochs": first["settings"]["epochs"],
        "train_clips": first["training"]["train_clips"],
        "glosses": first["training"]["glosses"],
        "seconds": round(float(np.mean([one["training"]["seconds"] for one in outcomes])), 1),
        "stage_1_seconds": round(float(np.mean([one["stage_1"].get("seconds", 0) for one in outcomes])), 1),
    }


def _curves(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, list[list[float]]]:
    """Figure → (seeds, epochs), cut to the shortest."""
    length = min(len(one["history"]) for one in outcomes)
    names = [key for key in ("loss", "validation_score") if key in outcomes[0]["history"][0]]
    return {key: [[round(float(row[key]), 5) for row in one["history"][:length]] for one in outcomes] for key in names}


# Figures from elsewhere ----------------------------------------------------------------------------------------------
def import_study(file: Path, page: Path, *, unpaired: bool = False, baseline: str = "", command: str = "") -> Study:
    """Analyses a CSV file with the columns condition, seed, score; the first condition, or `baseline`, is the baseline.

    Where all conditions have the same seeds they are paired by them, unless `unpaired`. Writes `page` and its JSON.
    """
    scores = _read_scores(file)
    names = list(scores)
    if baseline and baseline not in scores:
        raise BadInput(f"{file} has no condition '{baseline}'", f"it has: {', '.join(names)}")
    base = baseline or names[0]
    others = [name for name in names if name != base]
    if not others:
        raise BadInput(f"{file} has one condition, {base}", "give two at least")
    paired = not unpaired and len({frozenset(own) for own in scores.values()}) == 1
    seeds = sorted(scores[base], key=_seed_order)
    values = {name: [own[seed] for seed in (seeds if paired else own)] for name, own in scores.items()}
    found = corrected([compare(base, name, (values[base], values[name]), paired=paired) for name in others])
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
            for name in (base, *others)
        ],
        "comparisons": [_record(one, metric) for one in found],
        "curves": {},
        "settings": {},
        "failed": [],
    }
    write_json(page.with_suffix(".json"), {"version": 1, **results})
    write_report(page, results, command)
    return Study(results, str(page))


def _read_scores(file: Path) -> dict[str, dict[str, float]]:
    """Condition → seed → score, in the file's order. Raises BadInput naming the line."""
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
                "each needs a value, the score a number",
            )
        if seed in scores.setdefault(condition, {}):
            raise BadInput(f"{file}, line {line}: {condition} has seed {seed} twice", "one row a run")
        scores[condition][seed] = value
    if not scores:
        raise BadInput(f"{file} has no rows", "columns: condition, seed, score")
    return scores


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        if file.stat().st_size > MAX_CSV_BYTES:
            raise BadInput(f"{file} is larger than {MAX_CSV_BYTES >> 20} MiB", "is it really a table of scores?")
        with open(file, encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = {"condition", "seed", "score"} - {(name or "").strip().lower() for name in reader.fieldnames or ()}
            if missing:
                raise BadInput(f"{file} has no column '{min(missing)}'", "columns: condition, seed, score")
            reader.fieldnames = [(name or "").strip().lower() for name in reader.fieldnames]
            for number, row in enumerate(reader):
                if number > MAX_CSV_ROWS:
                    raise BadInput(f"{file} has more than {MAX_CSV_ROWS:,} rows", "leave out what is not compared")
                yield reader.line_num, row
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", "check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} is no CSV file: {error}", "save it as CSV in UTF-8") from error


def _seed_order(seed: str) -> tuple[int, float, str]:
    return (0, float(seed), "") if seed.lstrip("-").isdigit() else (1, 0.0, seed)
