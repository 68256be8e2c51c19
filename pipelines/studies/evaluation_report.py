"""The report of an evaluation: headline figures, groups, confusion matrix, misread clips as skeletons, and aligned sentences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.recogniser.intervals import Interval, group_name
from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.reports.skeleton_player import animation, drawing
from asl.pipelines.studies.evaluation import TOP, WORD_ERROR_RATES
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadClip
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.metric_labels import metric_label

ACCURACIES = (*(f"top_{k}" for k in TOP), "read_exactly")
#: Misread clips that are played at most, the most confident mistakes first.
MAX_MISREAD_CLIPS = 60
#: Shares of fewer clips are given as counts: a percentage of one clip claims too much.
MIN_CLIPS_FOR_PERCENT = 10
#: The confusion matrix shows at most this many glosses.
MAX_MATRIX_GLOSSES = 120


def write_report(path: Path, workspace: Workspace, clips: Sequence[Clip], results: Mapping[str, Any]) -> None:
    """Writes the page. clips: those of the workspace, with the evaluated ones among them."""
    by_id = {clip.id: clip for clip in clips}
    misread, more = misread_clips(results)
    cards = [row | _skeleton(workspace, by_id[row["id"]]) for row in misread if row["id"] in by_id]
    sentences = [row | {"columns": alignment(row["reference"], row["read_as"])} for row in results.get("read_sentences", [])]
    write_page(
        path, "evaluate.html", results=results, headline=headline(results), glosses=gloss_rows(results),
        plot=figure_uri(confusion_figure(results)) if results.get("clips") else "", cards=cards, more=more, drawing=drawing(),
        groups=group_rows(results, by_id), sentences=sorted(sentences, key=lambda row: -row["errors"]),
    )  # fmt: skip


def misread_clips(results: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], int]:
    """The misread clips of one sign that are shown, the most confident mistakes first, and the number of the others."""
    wrong = sorted((row for row in results.get("clips", []) if row["rank"] > 1), key=lambda row: -row["confidence"])
    return wrong[:MAX_MISREAD_CLIPS], max(0, len(wrong) - MAX_MISREAD_CLIPS)


def _skeleton(workspace: Workspace, clip: Clip) -> dict[str, Any]:
    """The clip as a moving skeleton; {} if its landmarks are gone."""
    try:
        return {"animation": animation(read_pose(workspace.inside(clip.pose)))}
    except (BadClip, OSError):
        return {}


def alignment(reference: str, hypothesis: str) -> list[tuple[str, str, str]]:
    """Columns of an alignment with the fewest errors: (signed, read, mark), each "" where it has none.

    mark: S for a substitution, D for a deletion (not read), I for an insertion (not signed), "" where both agree.
    """
    output = jiwer.process_words(reference, hypothesis)
    signed, read = reference.split(), hypothesis.split()
    columns = []
    for part in output.alignments[0]:
        words = signed[part.ref_start_idx : part.ref_end_idx], read[part.hyp_start_idx : part.hyp_end_idx]
        mark = {"substitute": "S", "delete": "D", "insert": "I", "equal": ""}[part.type]
        columns += [(reference_word, read_word, mark) for reference_word, read_word in zip_longest(*words, fillvalue="")]
    return columns


def gloss_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The table of glosses, the worst first; shares of few clips are counts."""
    as_which = Counter(row["read_as"] for row in results.get("clips", []))
    return [
        {
            "gloss": row["gloss"],
            "clips": row["clips"],
            "top_1": share_text(row["top_1"], row["clips"]),
            "top_5": share_text(row["top_5"], row["clips"]),
            "precision": share_text(row["precision"], as_which[row["gloss"]]) if row["precision"] is not None else "–",
        }
        for row in sorted(results.get("by_gloss", []), key=lambda row: (row["top_1"], row["top_5"], row["gloss"]))
    ]


def share_text(share: float, clips: int) -> str:
    """A share of clips as text: 1 of 1, 3 of 4, 83.3 %."""
    return f"{round(share * clips)} of {clips}" if clips < MIN_CLIPS_FOR_PERCENT else f"{100 * share:.1f} %"


def group_rows(results: Mapping[str, Any], clips: Mapping[str, Clip]) -> list[dict[str, Any]]:
    """Figures by group, as the clips were split by: one person, or one source whose people are unknown. [] for one group."""
    signs, sentences = (_by_group(results.get(key, []), clips) for key in ("clips", "read_sentences"))
    names = sorted({*signs, *sentences})
    if len(names) < 2:
        return []
    return [{"group": name, **_sign_figures(signs.get(name, [])), **_sentence_figures(sentences.get(name, []))} for name in names]


def _by_group(rows: Sequence[Mapping[str, Any]], clips: Mapping[str, Clip]) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if clip := clips.get(row["id"]):
            groups.setdefault(group_name(clip) or "unknown", []).append(row)
    return groups


def _sign_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ranks = np.array([row["rank"] for row in rows])
    shares = {f"top_{k}": share_text(float((ranks <= k).mean()), len(rows)) if rows else "–" for k in (1, 5)}
    return {"signs": len(rows), **shares}


def _sentence_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    errors, words = sum(row["errors"] for row in rows), sum(len(row["reference"].split()) for row in rows)
    if not words:
        return {"sentences": 0, "errors": "–", "wer": "–"}
    return {"sentences": len(rows), "errors": f"{errors} of {words}", "wer": f"{100 * errors / words:.1f} %"}


def confusion_figure(results: Mapping[str, Any]):
    """Confusion matrix: signed glosses in rows, predicted glosses in columns, shaded by share of the row.

    With more than MAX_MATRIX_GLOSSES glosses, those with the most clips are shown.
    """
    from matplotlib.figure import Figure

    most_frequent = sorted(results["by_gloss"], key=lambda row: (-row["clips"], row["gloss"]))[:MAX_MATRIX_GLOSSES]
    rows = sorted(row["gloss"] for row in most_frequent)
    pairs = [(clip["gloss"], clip["read_as"]) for clip in results["clips"] if clip["gloss"] in set(rows)]
    columns = sorted({*rows, *(predicted for _, predicted in pairs)})
    counts = np.zeros((len(rows), len(columns)))
    for gloss, predicted in pairs:
        counts[rows.index(gloss), columns.index(predicted)] += 1
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(max(4.0, 0.26 * len(columns) + 1.5), max(3.0, 0.26 * len(rows) + 1.5)))
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("signed")
    for i, j in np.argwhere(counts > 0):
        colour = "white" if share[i, j] > 0.5 else "black"
        axes.text(j, i, int(counts[i, j]), ha="center", va="center", fontsize=7, color=colour)
    return figure


def headline(results: Mapping[str, Any]) -> dict[str, Any]:
    """The figures for the workspace record and the terminal."""
    keys = ("model", "decoder", "split", "split_by", "signs", "sentences")
    flat: dict[str, Any] = {key: results[key] for key in keys if key in results}
    flat |= _accuracies(results)
    if known := results.get("in_vocabulary"):
        figures = (f"{metric_label(key)} {figure}" for key, figure in _accuracies(known).items())
        flat["in_vocabulary"] = f"{known['signs']} of {counted(results['signs'], 'sign')}: {', '.join(figures)}"
    flat |= {key: _interval(results[key]).percent for key in WORD_ERROR_RATES if key in results}
    flat |= {"intervals": results["intervals"]} if "intervals" in results else {}
    if results.get("only_synthetic_training"):
        flat["trained_on"] = "synthetic signing only"
    if results.get("synthetic"):
        flat["synthetic"] = f"{counted(results['synthetic'], 'clip')}: no accuracy on ASL"
    if results.get("outside_vocabulary"):
        flat["words_outside_vocabulary"] = sum(results["outside_vocabulary"].values())
    return flat


def _accuracies(results: Mapping[str, Any]) -> dict[str, str]:
    """The accuracies that there are, in percent with their intervals; of a single sign as a count."""
    found = {key: _interval(results[key]) for key in ACCURACIES if key in results}
    single = results["signs"] == 1 if found else False
    return {key: share_text(interval.value, 1) if single else interval.percent for key, interval in found.items()}


def _interval(figures: Mapping[str, Any]) -> Interval:
    return Interval(**{part: figures[part] for part in ("value", "low", "high")})
