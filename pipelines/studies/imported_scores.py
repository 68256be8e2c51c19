"""`asl ablate --import`: the statistics of SPEC §14 for scores that were computed elsewhere."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from asl.pipelines.reports.named_report import check_report, record_report
from asl.pipelines.studies.ablate import holm_corrected, record
from asl.pipelines.studies.ablation_report import write_report
from asl.pipelines.studies.comparison import ROUNDING, compare
from asl.pipelines.studies.study import Metric, Study
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import write_json

MAX_CSV_BYTES, MAX_CSV_ROWS = 16 << 20, 1_000_000
#: Scores are shown with their own decimals, but no more than this.
MAX_DIGITS = 4
#: The most test clips that are looked for behind the scores.
MAX_CLIPS = 10_000
#: The probability, at most, that scores on no grid are taken for multiples of a step.
MAX_CHANCE = 0.05


def import_study(
    file: Path, page: Path, *, unpaired: bool = False, baseline: str = "", command: str = "", overwrite: bool = False
) -> Study:  # fmt: skip
    """Analyses a CSV file with the columns condition, seed, score, and writes `page` and its JSON.

    baseline: "" for the first condition. Conditions that all have the same seeds are paired by seed, unless `unpaired`.
    overwrite: the page and its JSON may replace files that asl did not write. Raises BadInput if they may not, or would replace
    the table, and if the file is not such a table, or has fewer than two conditions.
    """
    scores = _read_scores(file)
    check_report(page, [file], overwrite=overwrite)
    names = list(scores)
    if baseline and baseline not in scores:
        raise BadInput(f"{file} has no condition '{baseline}'", f"choose one of: {', '.join(names)}")
    baseline = baseline or names[0]
    conditions = [name for name in names if name != baseline]
    if not conditions:
        raise BadInput(f"{file} has one condition only, {baseline}", "a comparison needs at least two conditions")
    paired = not unpaired and len({frozenset(by_seed) for by_seed in scores.values()}) == 1
    seeds = sorted(scores[baseline], key=_seed_order)
    texts = {name: [by_seed[seed] for seed in (seeds if paired else by_seed)] for name, by_seed in scores.items()}
    values = {name: [float(score) for score in of_condition] for name, of_condition in texts.items()}
    every_score = [score for of_condition in texts.values() for score in of_condition]
    metric, step = _metric(every_score), resolution(every_score)
    comparisons = [
        compare(
            baseline, name, (values[baseline], values[name]), paired=paired, resolution=step, comparisons=len(conditions)
        )
        for name in conditions
    ]  # fmt: skip
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
        "comparisons": [record(comparison, metric) for comparison in holm_corrected(comparisons)],
        "curves": {},
        "settings": {},
        "failed": [],
    }
    write_json(page.with_suffix(".json"), {"version": 1, **results})
    write_report(page, results, command)
    record_report(page)
    return Study(results, str(page))


def _metric(scores: Sequence[Decimal]) -> Metric:
    """How the scores are shown: with their own decimals. Differences of scores within 0-1 are not called points."""
    digits, shares = min(MAX_DIGITS, _decimals(scores)), _are_shares(scores)
    return Metric("score", "score", "higher", digits, max(digits, 3 if shares else 1), "" if shares else " points")


def resolution(scores: Sequence[Decimal]) -> float:
    """The step of the scores: 1 / N (or, in percent, 100 / N) if they are multiples of one, as scores over N test clips are.

    N is the least that fits all scores. Where so many scores, written with so few decimals, could fit one by chance, the step
    is that of the last decimal. 0 for scores that are written with more decimals and fit none up to MAX_CLIPS.
    """
    whole = 1.0 if _are_shares(scores) else 100.0
    unit = max(10.0 ** -_decimals(scores), ROUNDING * whole)
    values = np.array(sorted({float(score) for score in scores} - {0.0, whole}))
    chance = 0.0
    for clips in range(1, MAX_CLIPS + 1):
        step = whole / clips
        chance += min(1.0, unit / step) ** len(values)
        if len(values) and chance > MAX_CHANCE:
            return unit if unit > ROUNDING * whole else 0.0
        if (np.abs(values - step * np.round(values / step)) <= unit / 2 * (1 + ROUNDING)).all():
            return step
    return 0.0


def _are_shares(scores: Sequence[Decimal]) -> bool:
    return all(abs(score) <= 1 for score in scores)


def _decimals(scores: Sequence[Decimal]) -> int:
    """The most decimals that a score is written with: others may have lost their last zeros."""
    return max(0, *(-int(score.as_tuple().exponent) for score in scores))


def _read_scores(file: Path) -> dict[str, dict[str, Decimal]]:
    """Condition → seed → score, in the order of the file. Raises BadInput, with the line, if a row is wrong."""
    scores: dict[str, dict[str, Decimal]] = {}
    for line, row in _rows(file):
        condition, seed, text = ((row.get(key) or "").strip() for key in ("condition", "seed", "score"))
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("nan")
        if not condition or not seed or not value.is_finite():
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
    return (0, float(seed), "") if seed.removeprefix("-").isdecimal() else (1, 0.0, seed)
