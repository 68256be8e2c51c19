"""The scores of every model that was evaluated in a workspace, one record per model and split."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from asl.pipelines.recogniser.model import WEIGHTS
from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.folder import Workspace

FORMAT_VERSION = 1
#: Figures of an evaluation that are kept, in the order in which they are shown.
FIGURES = ("top_1", "top_5", "read_exactly", "wer_greedy", "wer_ctc_beam", "wer_cascade")


@dataclass(frozen=True)
class Score:
    """The figures of a model on a split, with their intervals. signs, sentences: how many clips of each kind; synthetic: of both.

    weights: hash of the file that holds the model's weights; the scores of another file of that name do not count.
    """

    model: str
    weights: str
    split: str
    decoder: str
    finished: str
    signs: int = 0
    sentences: int = 0
    synthetic: int = 0
    figures: dict[str, dict[str, float]] = field(default_factory=dict)


def weights_of(folder: Path) -> str:
    """The hash of the file that identifies a model or a bundle; empty if it has none."""
    files = [folder / name for name in (WEIGHTS, "bundle.json") if (folder / name).is_file()]
    return file_hash(files[0]) if files else ""


def keep_score(workspace: Workspace, folder: Path, decoder: str, finished: str, results: Mapping[str, Any]) -> None:
    """Keeps the scores of an evaluation, in place of earlier ones of this model on this split."""
    counts = {key: int(results.get(key, 0)) for key in ("signs", "sentences", "synthetic")}
    figures = {key: {part: results[key][part] for part in ("value", "low", "high")} for key in FIGURES if key in results}
    score = Score(results["model"], weights_of(folder), results["split"], decoder, finished, **counts, figures=figures)
    others = [other for other in read_scores(workspace) if (other.model, other.split) != (score.model, score.split)]
    write_json(_file(workspace), {"version": FORMAT_VERSION, "scores": [asdict(kept) for kept in [*others, score]]})


def read_scores(workspace: Workspace) -> list[Score]:
    """All scores that were kept; none if the file is missing, damaged or of a newer asl."""
    try:
        record = json.loads(_file(workspace).read_text(encoding="utf-8"))
        return [Score(**score) for score in record["scores"]] if record["version"] == FORMAT_VERSION else []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _file(workspace: Workspace) -> Path:
    return workspace.private / "scores.json"
