"""`asl scale`: accuracy and cost as functions of vocabulary size and of clips per gloss (SPEC §5, §13, §14)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from asl.pipelines.corpus.clips import Clip, read_clips
from asl.pipelines.recogniser.intervals import bootstrap_share_over_seeds, note_of
from asl.pipelines.studies.experiment import Variant
from asl.pipelines.studies.power_laws import LAWS, PowerLaw, fit
from asl.pipelines.studies.study import (
    METRICS,
    Outcomes,
    Runs,
    Study,
    common_clips,
    common_settings,
    groups_of_clips,
    study_workers,
)
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress

STAGE = "scale"
#: Vocabulary sizes that are tried by default, up to what the data holds.
DEFAULT_SIZES = (10, 20, 50, 100, 300, 500, 1000, 2000, 5000, 10_000)
#: Test clips of the official WLASL subsets, and published top-1 (%). They are shown only beside results on the same test clips.
WLASL_TEST_CLIPS = {100: 258, 300: 668, 1000: 1876, 2000: 2878}
PUBLISHED_TOP_1 = {
    "I3D (RGB)": {100: 65.9, 300: 56.1, 1000: 47.3, 2000: 32.5},
    "Pose-GRU": {100: 46.5, 300: 33.7, 1000: 30.0, 2000: 22.5},
    "Pose-TGCN": {100: 55.4, 300: 38.3, 1000: 34.9, 2000: 23.7},
    "NLA-SLR (RGB + keypoints)": {100: 92.6, 300: 87.0, 1000: 75.6, 2000: 61.3},
}
#: The decision rule (SPEC §14): the lowest top-1, in percent at RULE_SIGNS signs, for each recommended next step.
RULE_SIGNS = 500
RULE = (
    (15.0, "continue with stage 3 or a larger vocabulary"),
    (8.0, "look for bottlenecks, deploy the current model, or collect more data"),
    (0.0, "return to the fundamentals: data, landmarks and features"),
)


@dataclass(frozen=True)
class StudyPoint:
    """A vocabulary, and the number of training clips per gloss (0: all)."""

    glosses: tuple[str, ...]
    clips_per_gloss: int = 0

    @property
    def name(self) -> str:
        return f"{len(self.glosses)} signs" + (f", {counted(self.clips_per_gloss, 'clip')} each" if self.clips_per_gloss else "")


def run_scale(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    vocab: Sequence[int] = (),
    min_samples: int = 2,
    clips_per_gloss: Sequence[int] = (),
    seeds: int = 3,
    pretrain: bool = True,
    split: str = "test",
    jobs: int = 0,
    command: str = "",
    dry_run: bool = False,
) -> Study:
    """Trains and tests at each size with several seeds, and writes reports/scale.html and .json. Finished runs are reused.

    command: the command line, shown on the page. Raises BadInput if the data does not hold a size, or has too few glosses.
    """
    from asl.pipelines.studies.scale_report import write_report

    if seeds < 1:
        raise BadInput(f"--seeds {seeds} is not a number of runs", "use at least 1; 3 or more give a spread")
    common, first = common_settings(workspace, flags)
    with workspace.locked("asl scale"):
        clips = read_clips(workspace.clips_file)
        ranked = ranked_glosses(clips, split, min_samples)
        points = [StudyPoint(ranked[:size]) for size in vocabulary_sizes(vocab, len(ranked), min_samples)]
        points += data_points(clips, points[-1].glosses, clips_per_gloss)
        variants = {point.name: _variant(point, common, pretrain) for point in points}
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry_run(study_workers(workspace, flags, jobs))
        outcomes = runs.carry_out(study_workers(workspace, flags, jobs), progress, fresh=True)
        by_point = [{key: outcome for key, outcome in outcomes.items() if key[0] == point.name} for point in points]
        groups = runs.group_names
        results = summary(
            [table_row(point, of_point, groups) for point, of_point in zip(points, by_point, strict=True) if of_point]
        )
        results |= {"seeds": seeds, "pretrain": pretrain}
        results |= {"published": published_top_1(results["vocabulary"], runs.split_by, split)}
        metrics = {key: [row[key] for row in results["vocabulary"]] for key in ("size", "top_1")}
        metrics |= {"recommendation": results["recommendation"]}
        page = workspace.reports / "scale.html"
        return runs.report(STAGE, page, results, outcomes, metrics, partial(write_report, command=command))


# What to run ---------------------------------------------------------------------------------------------------------
def ranked_glosses(clips: Sequence[Clip], split: str, min_samples: int) -> tuple[str, ...]:
    """Glosses that can be trained and tested, those with the most training clips first; ties are in random order."""
    counts = {
        part: Counter(clip.glosses[0] for clip in clips if clip.split == part and len(clip.glosses) == 1)
        for part in ("train", split)
    }
    usable = [gloss for gloss, count in sorted(counts["train"].items()) if count >= min_samples and counts[split][gloss]]
    if len(usable) < 2:
        raise BadInput(
            f"{counted(len(usable), 'gloss has', 'glosses have')} at least {counted(min_samples, 'one-sign training clip')} "
            f"and one clip in the {split} split; "
            "a vocabulary needs two",
            "lower --min-samples-per-gloss, or add clips; see asl status",
        )
    tie_break = np.random.default_rng(0).permutation(len(usable))
    order = sorted(range(len(usable)), key=lambda i: (-counts["train"][usable[i]], tie_break[i]))
    return tuple(usable[i] for i in order)


def vocabulary_sizes(requested: Sequence[int], available: int, min_samples: int) -> list[int]:
    """The requested sizes, or the default ones up to all `available` glosses.

    Raises BadInput if a size is below two or above `available`.
    """
    if not requested:
        return sorted({*(size for size in DEFAULT_SIZES if size < available), available})
    for size in requested:
        if size < 2:
            raise BadInput(f"a vocabulary of {size} is too small", "use at least two signs")
        if size > available:
            raise BadInput(
                f"the data holds {available} glosses with {counted(min_samples, 'training clip')} and one test clip, "
                f"fewer than {size}",
                f"use sizes up to {available}, lower --min-samples-per-gloss, or add clips",
            )
    return sorted(set(requested))


def data_points(clips: Sequence[Clip], glosses: Sequence[str], counts: Sequence[int]) -> list[StudyPoint]:
    """One point per clip count, all with the same vocabulary: the glosses that have enough clips for the largest count.

    Raises BadInput if a count is below one, or if fewer than two glosses have enough clips.
    """
    if not counts:
        return []
    if min(counts) < 1:
        raise BadInput(f"{min(counts)} clips per gloss is too few", "use at least one")
    available = Counter(clip.glosses[0] for clip in clips if clip.split == "train" and len(clip.glosses) == 1)
    usable = tuple(gloss for gloss in glosses if available[gloss] >= max(counts))
    if len(usable) < 2:
        raise BadInput(
            f"{counted(len(usable), 'gloss has', 'glosses have')} {counted(max(counts), 'training clip')}",
            "ask for fewer clips, or add clips",
        )
    return [StudyPoint(usable, count) for count in sorted(set(counts))]


def _variant(point: StudyPoint, common: Mapping[str, Any], pretrain: bool) -> Variant:
    return Variant(common, {} if pretrain else None, "", tuple(sorted(point.glosses)), point.clips_per_gloss)


# Results -------------------------------------------------------------------------------------------------------------
def table_row(point: StudyPoint, outcomes: Outcomes, group_names: Mapping[str, str]) -> dict[str, Any]:
    """Results of one point over its seeds. outcomes: those of the point, at least one. group_names: clip → its group."""
    clips, values = common_clips(outcomes, METRICS["top_1"])
    runs, correct = list(outcomes.values()), np.array([values[key] for key in outcomes])
    groups = groups_of_clips(clips, group_names)
    top_1 = bootstrap_share_over_seeds(correct, groups).times(100)
    mean = _mean_of(runs)
    return {
        "name": point.name,
        "size": len(point.glosses),
        "clips_a_gloss": point.clips_per_gloss,
        "seeds": len(runs),
        "train_clips": runs[0]["training"]["train_clips"],
        "test_clips": len(clips),
        "scores": [round(float(100 * of_seed.mean()), 4) for of_seed in correct],
        "top_1": round(top_1.value, 4),
        "top_1_interval": [round(top_1.low, 4), round(top_1.high, 4)],
        "intervals": note_of(groups),
        "top_5": mean(lambda run: 100 * _known(run).get("top_5", {"value": 1.0})["value"]),
        "top_10": mean(lambda run: 100 * _known(run).get("top_10", {"value": 1.0})["value"]),
        "parameters": runs[0]["training"]["parameters"],
        "parameters_per_clip": runs[0]["training"]["parameters_per_clip"],
        "train_seconds": mean(lambda run: run["training"]["seconds"]),
        "stage_1_seconds": mean(lambda run: run["stage_1"].get("seconds", 0.0)),
        "decoder_us_per_frame": mean(lambda run: run["results"]["decoder_us_per_frame"]),
        "memory_mb": max(run["memory_mb"] for run in runs),
        **_graph_columns(runs, mean),
    }


def _known(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The results on clips of the vocabulary: a smaller vocabulary is tested on fewer clips."""
    return run["results"].get("in_vocabulary", run["results"])


def _graph_columns(runs: Sequence[Mapping[str, Any]], mean) -> dict[str, float]:
    """Means over the cascades of the runs; {} if the clips were decoded without one."""
    if not all(run.get("graph") for run in runs):
        return {}
    means = {key: mean(lambda run, key=key: run["graph"][key]) for key in ("states", "arcs", "file_mb", "seconds", "memory_mb")}
    return {f"graph_{key}": value for key, value in means.items()} | {
        "read_exactly": mean(lambda run: 100 * _known(run)["read_exactly"]["value"])
    }


def _mean_of(runs: Sequence[Mapping[str, Any]]):
    return lambda value_of: round(float(np.mean([value_of(run) for run in runs])), 3)


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows, fitted power laws and the recommendation. Raises AslError if there are no rows."""
    if not rows:
        raise AslError("no run finished at any size", "see the failures above")
    vocabulary = [row for row in rows if not row["clips_a_gloss"]]
    curve = [row for row in rows if row["clips_a_gloss"]]
    laws = {key: fit(*_points(vocabulary, key)) for key in LAWS if all(key in row for row in vocabulary)}
    if curve:
        errors = [100 - score for row in curve for score in row["scores"]]
        laws["error"] = fit([row["clips_a_gloss"] for row in curve for _ in row["scores"]], errors)
    return {
        "vocabulary": vocabulary,
        "data": curve,
        "laws": {key: asdict(law) for key, law in laws.items() if law},
        "recommendation": recommendation(vocabulary, laws.get("top_1")),
    }


def _points(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Sizes and values to fit: for accuracy one value per run, for costs the mean of each size."""
    values = [(row["size"], value) for row in rows for value in (row["scores"] if key == "top_1" else [row[key]])]
    return [size for size, _ in values], [value for _, value in values]


def recommendation(rows: Sequence[Mapping[str, Any]], law: PowerLaw | None) -> str:
    """The decision rule of SPEC §14 in words.

    If RULE_SIGNS was not among the tested sizes, the fitted law predicts top-1 there, within half the smallest and twice the
    largest tested size.
    """
    top_1_at = {row["size"]: row["top_1"] for row in rows}
    if RULE_SIGNS in top_1_at:
        top_1 = top_1_at[RULE_SIGNS]
        evidence = f"Top-1 accuracy at {RULE_SIGNS} signs is {top_1:.1f} %"
    elif law and min(top_1_at) / 2 <= RULE_SIGNS <= 2 * max(top_1_at):
        top_1 = law.factor * RULE_SIGNS**law.exponent
        evidence = f"The fitted law predicts a top-1 accuracy of {top_1:.1f} % at {RULE_SIGNS} signs, a size that was not tested"
    else:
        return (
            f"The decision rule applies at {RULE_SIGNS} signs. The largest tested vocabulary, {max(top_1_at)} signs, "
            "is too small to extrapolate to it."
        )
    action = next(action for least, action in RULE if top_1 >= least)
    return f"{evidence}. Recommendation: {action}."


def published_top_1(rows: Sequence[Mapping[str, Any]], split_by: str, split: str) -> dict[str, dict[int, float]]:
    """Published top-1 by method and size, for sizes tested on the official split and test clips; {} if there are none."""
    official = [
        row["size"]
        for row in rows
        if split_by == "given" and split == "test" and WLASL_TEST_CLIPS.get(row["size"]) == row["test_clips"]
    ]
    return {name: {size: top_1[size] for size in official} for name, top_1 in PUBLISHED_TOP_1.items()} if official else {}
