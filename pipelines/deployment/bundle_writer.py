"""Writes a bundle and checks that it computes what its model computes."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import COMPETITORS
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.deployment.bundle_card import card_of, seal
from asl.pipelines.deployment.bundle_checks import CheckClip, EngineCheck, check_clips, check_engine, must_be_exact, must_not_lose
from asl.pipelines.deployment.onnx_export import quantise, write_encoder, write_stream
from asl.pipelines.recogniser import bundle
from asl.pipelines.recogniser.bundle import load_bundle
from asl.pipelines.recogniser.model import WEIGHTS
from asl.pipelines.recogniser.torch_model import TrainedModel
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.studies import ExportSettings
from asl.pipelines.workspace.tensor_files import save_arrays
from asl.transducers.level_names import FULL_CASCADE, file_name


def write_bundle(
    folder: Path, trained: TrainedModel, graph: Path | None, settings: ExportSettings, store: FeatureStore | None,
    card_fields: Mapping[str, Any], progress: Progress, original: TrainedModel | None = None, split_by: str = "?",
) -> list[EngineCheck]:  # fmt: skip
    """Writes a bundle into a new folder and checks it. Returns the check of each engine.

    card_fields: name, accuracy and licence for the card. original: the model before pruning. split_by: how the store's clips were
    split. Raises AslError if a check fails.
    """
    progress.start("export", 2 + settings.int8)
    folder.mkdir(parents=True)
    write_encoder(folder / bundle.ENCODER, trained.recognisers)
    states = write_stream(folder / bundle.STREAM, trained.recognisers) if trained.streams else None
    save_arrays(folder / bundle.ARRAYS, {"mean": trained.mean, "deviation": trained.deviation})
    if graph:
        _copy_graph(graph, folder / bundle.GRAPH, settings.prune_graph)
    clips: Sequence[Clip] = store.clips if store else ()
    card = card_of(trained, clips, states, graph is not None) | card_fields
    seal(folder, card)
    progress.advance()
    check_on, checked_on = check_clips(trained, store, settings.check_clips, split_by)
    checks = _check_engines(folder, trained, check_on, settings, card, progress)
    if original:
        expected = [trained.read(clip.inputs) for clip in check_on]
        checks.insert(0, check_engine("before pruning", _size(original.folder / WEIGHTS), original, expected, check_on))
    record = {"checks": [asdict(check) for check in checks], "checked_on": checked_on.text, "checked": asdict(checked_on)}
    seal(folder, card | {"int8": settings.int8} | record)
    progress.advance()
    return checks


def _check_engines(
    folder: Path, trained: TrainedModel, clips: Sequence[CheckClip], settings: ExportSettings, card: Mapping, progress: Progress
) -> list[EngineCheck]:
    """Checks torch, ONNX and, if the settings ask for it, INT8, which then replaces ONNX in the folder."""
    expected = [trained.read(clip.inputs) for clip in clips]
    exact = load_bundle(folder)
    checks = [
        check_engine("torch", _size(trained.folder / WEIGHTS), trained, expected, clips),
        check_engine("onnx", _size(folder / bundle.ENCODER), exact, expected, clips),
    ]
    must_be_exact(checks[1], exact, clips)
    if settings.int8:
        for name in (bundle.ENCODER, bundle.STREAM):
            if (folder / name).is_file():
                quantise(folder / name)
        seal(folder, {**card, "int8": True})
        checks.append(check_engine("int8", _size(folder / bundle.ENCODER), load_bundle(folder), expected, clips))
        must_not_lose(checks[2], checks[1], settings.most_drop, sum(clip.gloss is not None for clip in clips))
        progress.advance()
    return checks


def _size(file: Path) -> int:
    return file.stat().st_size


def _copy_graph(source: Path, target: Path, prune: float) -> None:
    """Copies a graph's files but those that only training needs. prune: drop arcs this much worse than the best path, nats."""
    target.mkdir()
    for file in source.iterdir():
        if file.is_file() and file.name != COMPETITORS:
            shutil.copyfile(file, target / file.name)
    if prune:
        from asl.transducers.cascade import prune_graph_file

        prune_graph_file(target / file_name(FULL_CASCADE), prune)
