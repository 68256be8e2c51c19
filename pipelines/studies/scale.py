"""`asl scale`: how accuracy and cost grow with the vocabulary and with the clips (SPEC §5, §13, §14)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from asl.pipelines.corpus.clips import Clip, read_clips
from asl.pipelines.studies.comparison import bootstrap_over_seeds
from asl.pipelines.studies.experiment import Variant
from asl.pipelines.studies.power_laws import LAWS, PowerLaw, fit
from asl.pipelines.studies.study import METRICS, Outcomes, Runs, Study, common_clips, common_settings, where_of
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress

STAGE = "scale"
#: Sizes that are tried where none are named, as far as the data goes.
SIZES = (10, 20, 50, 100, 300, 500, 1000, 2000, 5000, 10_000)
#: Official WLASL subsets: test clips of each, and published top-1 (%), so that ours stand beside them only on the same test.
WLASL_TEST_CLIPS = {100: 258, 300: 668, 1000: 1876, 2000: 2878}
PUBLISHED = {
    "I3D (RGB)": {100: 65.9, 300: 56.1, 1000: 47.3, 2000: 32.5},
    "Pose-GRU": {100: 46.5, 300: 33.7, 1000: 30.0, 2000: 22.5},
    "Pose-TGCN": {100: 55.4, 300: 38.3, 1000: 34.9, 2000: 23.7},
    "NLA-SLR (RGB + keypoints)": {100: 92.6, 300: 87.0, 1000: 75.6, 2000: 61.3},
}
#: The decision rule (SPEC §14): top-1, in percent, at this many signs, and what is worth doing next.
RULE_SIGNS = 500
RULE = (
    (15.0, "go on to stage 3, or to a larger vocabulary"),
    (8.0, "look for bottlenecks, deploy what there is, or gather more data"),
    (0.0, "go back to fundamentals: data, landmarks, features"),
)


@dataclass(frozen=True)
class StudyPoint:
    """A vocabulary and how many training clips of each gloss (0: all)."""

    glosses: tuple[str, ...]
    clips: int = 0

    @property
    def name(self) -> str:
        return f"{len(self.glosses)} signs" + (f", {self.clips} clips each" if self.clips else "")


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
    """Trains and tests at each size over seeds, and writes reports/scale.html and .json. Runs that are there are kept.

    command: as typed, for the page. Raises BadInput: a size that the data does not hold, or no glosses at all.
    """
    from asl.pipelines.studies.scale_report import write_report

    if seeds < 1:
        raise BadInput(f"--seeds {seeds}", "one at least; three or more give a spread")
    common, first = common_settings(workspace, flags)
    with workspace.locked("asl scale"):
        clips = read_clips(workspace.clips_file)
        ranked = ranked_glosses(clips, split, min_samples)
        points = [StudyPoint(ranked[:size]) for size in sizes(vocab, len(ranked), min_samples)]
        points += data_points(clips, points[-1].glosses, clips_per_gloss)
        variants = {point.name: _variant(point, common, pretrain) for point in points}
        runs = Runs(workspace, variants, range(first, first + seeds), split)
        if dry_run:
            return runs.dry()
        found = runs.carry_out(where_of(workspace, flags, jobs), progress, fresh=True)
        own = [{key: one for key, one in found.items() if key[0] == point.name} for point in points]
        results = concluded([row(point, outcomes) for point, outcomes in zip(points, own, strict=True) if outcomes])
        results |= {"seeds": seeds, "pretrain": pretrain}
        results |= {"published": published(results["vocabulary"], runs.split_by, split)}
        metrics = {key: [one[key] for one in results["vocabulary"]] for key in ("size", "top_1")}
        metrics |= {"recommendation": results["recommendation"]}
        page = workspace.reports / "scale.html"
        return runs.report(STAGE, page, results, found, metrics, partial(write_report, command=command))


# What to run ---------------------------------------------------------------------------------------------------------
def ranked_glosses(clips: Sequence[Clip], split: str, min_samples: int) -> tuple[str, ...]:
    """Glosses that can be learned and tested, those with the most training clips first; equal ones in an order of chance."""
    counts = {
        part: Counter(clip.glosses[0] for clip in clips if clip.split == part and len(clip.glosses) == 1)
        for part in ("train", split)
    }
    usable = [gloss for gloss, count in sorted(counts["train"].items()) if count >= min_samples and counts[split][gloss]]
    if len(usable) < 2:
        raise BadInput(
            f"{len(usable)} glosses have {min_samples} training clips of one sign and one in the {split} split",
            "lower --min-samples-per-gloss, or add clips; see asl status",
        )
    chance = np.random.default_rng(0).permutation(len(usable))
    order = sorted(range(len(usable)), key=lambda i: (-counts["train"][usable[i]], chance[i]))
    return tuple(usable[i] for i in order)


def sizes(wanted: Sequence[int], held: int, min_samples: int) -> list[int]:
    """Raises BadInput: a size that is no vocabulary, or larger than what the data holds."""
    if not wanted:
        return sorted({*(size for size in SIZES if size < held), held})
    for size in wanted:
        if size < 2:
            raise BadInput(f"a vocabulary of {size}", "two signs at least")
        if size > held:
            raise BadInput(
                f"the data holds {held} glosses with {min_samples} training clips and one test clip, fewer than {size}",
                f"use sizes up to {held}, lower --min-samples-per-gloss, or add clips",
            )
    return sorted(set(wanted))


def data_points(clips: Sequence[Clip], glosses: Sequence[str], counts: Sequence[int]) -> list[StudyPoint]:
    """The same glosses with fewer clips each: those that have as many as the largest count asks for."""
    if not counts:
        return []
    if min(counts) < 1:
        raise BadInput(f"{min(counts)} clips of a gloss", "one at least")
    own = Counter(clip.glosses[0] for clip in clips if clip.split == "train" and len(clip.glosses) == 1)
    rich = tuple(gloss for gloss in glosses if own[gloss] >= max(counts))
    if len(rich) < 2:
        raise BadInput(f"{len(rich)} glosses have {max(counts)} training clips", "ask for fewer clips, or add some")
    return [StudyPoint(rich, count) for count in sorted(set(counts))]


def _variant(point: StudyPoint, common: Mapping[str, Any], pretrain: bool) -> Variant:
    return Variant(common, {} if pretrain else None, "", tuple(sorted(point.glosses)), point.clips)


# What was found ------------------------------------------------------------------------------------------------------
def row(point: StudyPoint, found: Outcomes) -> dict[str, Any]:
    """The figures of one size over its seeds, one run at least."""
    clips, values = common_clips(found, METRICS["top_1"])
    outcomes, right = list(found.values()), np.array([values[key] for key in found])
    over = bootstrap_over_seeds(100 * right)
    mean = _means(outcomes)
    return {
        "name": point.name,
        "size": len(point.glosses),
        "clips_a_gloss": point.clips,
        "seeds": len(outcomes),
        "train_clips": outcomes[0]["training"]["train_clips"],
        "test_clips": len(clips),
        "scores": [round(float(100 * one.mean()), 4) for one in right],
        "top_1": round(over.value, 4),
        "top_1_interval": [round(over.low, 4), round(over.high, 4)],
        "top_5": mean(lambda one: 100 * one["results"].get("top_5", {"value": 1.0})["value"]),
        "top_10": mean(lambda one: 100 * one["results"].get("top_10", {"value": 1.0})["value"]),
        "parameters": outcomes[0]["training"]["parameters"],
        "parameters_per_clip": outcomes[0]["training"]["parameters_per_clip"],
        "train_seconds": mean(lambda one: one["training"]["seconds"]),
        "stage_1_seconds": mean(lambda one: one["stage_1"].get("seconds", 0.0)),
        "decoder_us_per_frame": mean(lambda one: one["results"]["decoder_us_per_frame"]),
        "memory_mb": max(one["memory_mb"] for one in outcomes),
        **_of_graphs(outcomes, mean),
    }


def _of_graphs(outcomes: Sequence[Mapping[str, Any]], mean) -> dict[str, float]:
    """Of the cascades that the clips were read with, if they were."""
    if not all(one.get("graph") for one in outcomes):
        return {}
    found = {key: mean(lambda one, key=key: one["graph"][key]) for key in ("states", "arcs", "file_mb", "seconds", "memory_mb")}
    return {f"graph_{key}": value for key, value in found.items()} | {
        "read_exactly": mean(lambda one: 100 * one["results"]["read_exactly"]["value"])
    }


def _means(outcomes: Sequence[Mapping[str, Any]]):
    return lambda read: round(float(np.mean([read(one) for one in outcomes])), 3)


def concluded(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows, power laws and the recommendation."""
    if not rows:
        raise AslError("no run of any size is there", "see the failures above")
    vocabulary = [one for one in rows if not one["clips_a_gloss"]]
    curve = [one for one in rows if one["clips_a_gloss"]]
    laws = {key: fit(*_points(vocabulary, key)) for key in LAWS if all(key in one for one in vocabulary)}
    if curve:
        errors = [100 - score for one in curve for score in one["scores"]]
        laws["error"] = fit([one["clips_a_gloss"] for one in curve for _ in one["scores"]], errors)
    return {
        "vocabulary": vocabulary,
        "data": curve,
        "laws": {key: asdict(law) for key, law in laws.items() if law},
        "recommendation": recommendation(vocabulary, laws.get("top_1")),
    }


def _points(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    """Sizes and values: of accuracy every run's, of costs the mean of each size."""
    values = [(one["size"], value) for one in rows for value in (one["scores"] if key == "top_1" else [one[key]])]
    return [size for size, _ in values], [value for _, value in values]


def recommendation(rows: Sequence[Mapping[str, Any]], law: PowerLaw | None) -> str:
    """The decision rule of SPEC §14 in words; where RULE_SIGNS were not tried, by the fitted law up to twice the largest size."""
    at = {one["size"]: one["top_1"] for one in rows}
    if RULE_SIGNS in at:
        top, how = at[RULE_SIGNS], f"top-1 is {at[RULE_SIGNS]:.1f} % at {RULE_SIGNS} signs"
    elif law and min(at) / 2 <= RULE_SIGNS <= 2 * max(at):
        top = law.factor * RULE_SIGNS**law.exponent
        how = f"the fitted law gives {top:.1f} % at {RULE_SIGNS} signs, which were not tried"
    else:
        return f"The rule speaks of {RULE_SIGNS} signs; {max(at)} are too few to say anything about them."
    words = next(words for least, words in RULE if top >= least)
    return f"{how[0].upper()}{how[1:]}: {words}."


def published(rows: Sequence[Mapping[str, Any]], split_by: str, split: str) -> dict[str, dict[int, float]]:
    """Published top-1 of the sizes at which split and test size are the official ones; {} for all others."""
    official = [
        one["size"]
        for one in rows
        if split_by == "given" and split == "test" and WLASL_TEST_CLIPS.get(one["size"]) == one["test_clips"]
    ]
    return {name: {size: own[size] for size in official} for name, own in PUBLISHED.items()} if official else {}
