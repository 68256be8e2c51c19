"""Writing a bundle and checking that it says what its model says."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import COMPETITORS
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.feature_store import FeatureStore
from asl.pipelines.deployment.bundle_card import card_of, seal
from asl.pipelines.deployment.bundle_checks import CheckClip, EngineCheck, check_clips, measured, must_be_exact, must_not_lose
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
    said: Mapping[str, Any], progress: Progress, original: TrainedModel | None = None,
) -> list[EngineCheck]:  # fmt: skip
    """Writes a bundle into a new folder and checks it; the ways to run it that were compared.

    said: for the card. original: the model before pruning.
    """
    progress.start("export", 2 + settings.int8)
    folder.mkdir(parents=True)
    write_encoder(folder / bundle.ENCODER, trained.recognisers)
    states = write_stream(folder / bundle.STREAM, trained.recognisers) if trained.streams else None
    save_arrays(folder / bundle.ARRAYS, {"mean": trained.mean, "deviation": trained.deviation})
    if graph:
        _copy_graph(graph, folder / bundle.GRAPH, settings.prune_graph)
    clips: Sequence[Clip] = store.clips if store else ()
    card = card_of(trained, clips, states, graph is not None) | said
    seal(folder, card)
    progress.advance()
    found, where = check_clips(trained, store, settings.check_clips)
    variants = _checked(folder, trained, found, settings, card, progress)
    if original:
        says = [trained.read(one.inputs) for one in found]
        variants.insert(0, measured("before pruning", (original.folder / WEIGHTS).stat().st_size, original, says, found))
    checks = {"checks": [asdict(one) for one in variants], "checked_on": f"{len(found)} {where}"}
    seal(folder, card | {"int8": settings.int8} | checks)
    progress.advance()
    return variants


def _checked(
    folder: Path, trained: TrainedModel, clips: Sequence[CheckClip], settings: ExportSettings, card: Mapping, progress: Progress
) -> list[EngineCheck]:
    """torch, ONNX and, asked for, INT8, which then takes ONNX's place in the folder."""
    says = [trained.read(one.inputs) for one in clips]
    exact = load_bundle(folder)
    variants = [
        measured("torch", (trained.folder / WEIGHTS).stat().st_size, trained, says, clips),
        measured("onnx", (folder / bundle.ENCODER).stat().st_size, exact, says, clips),
    ]
    must_be_exact(variants[1], exact, clips)
    if settings.int8:
        for name in (bundle.ENCODER, bundle.STREAM):
            if (folder / name).is_file():
                quantise(folder / name)
        seal(folder, {**card, "int8": True})
        variants.append(measured("int8", (folder / bundle.ENCODER).stat().st_size, load_bundle(folder), says, clips))
        must_not_lose(variants[2], variants[1], settings.most_drop, sum(one.truth is not None for one in clips))
        progress.advance()
    return variants


def _copy_graph(source: Path, target: Path, prune: float) -> None:
    """The graph's files without what only training needs. prune: what is so much worse than the best path goes, nats."""
    target.mkdir()
    for file in source.iterdir():
        if file.is_file() and file.name != COMPETITORS:
            shutil.copyfile(file, target / file.name)
    if prune:
        from asl.transducers.cascade import prune_graph_file

        prune_graph_file(target / file_name(FULL_CASCADE), prune)
