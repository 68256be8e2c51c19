"""`asl evaluate`: accuracy of a model on a split, with confidence intervals (SPEC §13)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import CARD
from asl.pipelines.corpus.aliases import Aliases, read_aliases
from asl.pipelines.corpus.clips import read_clips
from asl.pipelines.recogniser.bundle import find_model_or_bundle, load_model_or_bundle, model_name
from asl.pipelines.recogniser.model import chosen_model, find_model, stage_of_card
from asl.pipelines.recogniser.scores import keep_score, weights_of
from asl.pipelines.studies.evaluation import measure
from asl.pipelines.studies.evaluation_report import headline
from asl.pipelines.translation.reader import Reader, reader_for
from asl.pipelines.workspace.errors import StageMissing
from asl.pipelines.workspace.files import file_hash, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.plans import Decision, Plan, settings_of
from asl.pipelines.workspace.progress import Progress

STAGE = "evaluate"


@dataclass
class Evaluation:
    """Result of `asl evaluate`. results: the content of the JSON report."""

    decision: Decision
    results: dict[str, Any] = field(default_factory=dict)
    report: str = ""


def run_evaluate(
    workspace: Workspace,
    flags: Mapping[str, Any],
    progress: Progress,
    *,
    split: str = "test",
    model: str | None = None,
    graph: str | None = None,
    aliases: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> Evaluation:
    """Evaluates a model on a split, and writes reports/evaluate-<split>-<decoder>.html and .json.

    One-sign clips give top-1, top-5 and top-10 accuracy. Sentences give word error rates: greedy, prefix beam search and, if
    requested, the cascade `graph`. One-sign clips and words of sentences outside the model's vocabulary count as errors.
    aliases: a table of aliases; None: that of the settings, else of the last extraction.
    Raises StageMissing if there is no model, BadInput if the split has no usable clip.
    """
    decode = workspace.settings("decode", flags)
    table = read_aliases(_aliases_file(workspace) if aliases is None else aliases)
    with workspace.locked("asl evaluate"):
        clips = read_clips(workspace.clips_file)
        folder = _model_folder(workspace, model)
        reader = reader_for(workspace, load_model_or_bundle(folder), decode, graph)
        plan = _plan(workspace, folder, split, reader, table)
        page = workspace.reports / f"evaluate-{split}-{decode.decoder}.html"
        decision = workspace.decide(plan, force=force)
        if not decision.run:
            return Evaluation(decision, json.loads(page.with_suffix(".json").read_text()), str(page))
        if dry_run:
            return Evaluation(decision)
        if reader.model.features_note:
            progress.warn(reader.model.features_note)
        started = datetime.now().astimezone()
        results = measure(workspace, reader, clips, split, progress, table)
        results |= {
            "model": model_name(folder),
            "decoder": decode.decoder,
            "split": split,
            "split_by": workspace.state("extract").get("metrics", {}).get("split_by", "?"),
        }
        write_json(page.with_suffix(".json"), {"version": 1, **results})
        from asl.pipelines.studies.evaluation_report import write_report

        write_report(page, workspace, clips, results)
        outputs = {workspace.relative(file): file_hash(file) for file in (page, page.with_suffix(".json"))}
        workspace.record(plan, started, outputs, headline(results))
        keep_score(workspace, folder, decode.decoder, started.isoformat(timespec="seconds"), results)
        return Evaluation(decision, results, str(page))


def _aliases_file(workspace: Workspace) -> str:
    """The table of aliases in the settings, else that of the last extraction."""
    return workspace.settings("sources").aliases or (str(workspace.aliases) if workspace.aliases.is_file() else "")


def _model_folder(workspace: Workspace, given: str | None) -> Path:
    """The model or bundle to evaluate. Raises StageMissing if the workspace has none and none is named."""
    name = chosen_model(workspace, given)
    folder = find_model_or_bundle(workspace, name) if name else find_model(workspace, None)
    if not weights_of(folder):
        raise StageMissing(f"the model in {folder} no longer exists", "asl train-ctc")
    return folder


def _plan(workspace: Workspace, folder: Path, split: str, reader: Reader, aliases: Aliases) -> Plan:
    inputs = {"clips": file_hash(workspace.clips_file), "model": weights_of(folder)}
    inputs |= {"aliases": aliases.digest} if aliases.glosses else {}
    inputs |= {"graph": file_hash(reader.graph.folder / CARD)} if reader.graph else {}
    steps = (STAGE, stage_of_card(reader.model.card), *(["build-fst"] if reader.graph else []))
    return Plan(STAGE, {"split": split, **settings_of(reader.settings)}, inputs, steps)
