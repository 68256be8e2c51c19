"""`asl profile`: chooses clips and engines, measures, and writes the report."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import load_graph
from asl.pipelines.deployment import step_times
from asl.pipelines.media.video import probe
from asl.pipelines.recogniser.bundle import Bundle, load_bundle
from asl.pipelines.recogniser.model import Model, is_model
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings

#: Frames that are tracked per video, at most.
MAX_FRAMES = 250
MAX_PROFILE_BYTES = 16 << 20


def run_profile(
    videos: Sequence[Path], reader: Reader, landmarks: LandmarkSettings, progress: Progress, *, device: str = "cpu",
    page: Path | None = None, compare: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measures every step on the videos, or on a synthetic signer if there are none. Writes `page` and a .json beside it.

    compare: the .json of an earlier profile. Raises AslError if device is cuda and there is no GPU, BadInput if a video cannot be
    read.
    """
    earlier = read_profile(compare) if compare else None
    if device == "cuda":
        _check_cuda(reader.model)
    for path in videos:
        if not path.is_file():
            raise BadInput(f"there is no {path}", "name a video")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asl-")))
        videos = list(videos) or [_rendered(folder, progress)]
        tracked = step_times.track_videos(videos, landmarks, MAX_FRAMES, progress)
        readers = readers_by_engine(reader, folder, device, progress)
        variants = step_times.time_engines(readers, tracked.clips, progress)
        main = step_times.main_variant(variants, reader.settings.decoder)
        cold = None if device == "cuda" else step_times.cold_start(videos[0].resolve(), reader.model.folder.resolve())
        profile = step_times.profile_record(tracked, variants, main, device, cold)
        profile["model"] = {"name": reader.model.folder.name, "glosses": len(reader.model.alphabet)}
        profile["throughput"] = {engine: step_times.throughput(reader.model) for engine, reader in readers.items()}
        profile["tracker"] = {part: step_times.percentiles(times) for part, times in tracked.parts.items()}
        profile["videos"] = [{"name": path.name, **vars(probe(path))} for path in videos]
    if page:
        from asl.pipelines.deployment.profiling_report import write_report

        write_json(page.with_suffix(".json"), profile)
        write_report(page, profile, earlier)
    return profile


def _check_cuda(model: Model) -> None:
    try:
        import torch

        available = torch.cuda.is_available()
    except ModuleNotFoundError:
        available = False
    if not available:
        raise AslError("there is no CUDA device, or no torch to use it; nothing was profiled", "asl profile --device cpu")
    if isinstance(model, Bundle):
        raise BadInput("a bundle runs on the CPU; only torch is profiled on CUDA", "name a trained model with --model")


def readers_by_engine(reader: Reader, folder: Path, device: str, progress: Progress) -> dict[str, Reader]:
    """Engine → a reader that runs on it, the given one first.

    For a trained model torch, ONNX, INT8 and its pruned versions, or torch alone on CUDA. For a bundle ONNX. folder: for exports.
    """
    if device == "cuda":
        return {"torch": replace(reader, model=reader.model.to("cuda"))}
    if isinstance(reader.model, Bundle):
        return {"onnx": reader}
    from asl.pipelines.deployment.bundle_writer import write_bundle
    from asl.pipelines.recogniser.torch_model import load_model
    from asl.pipelines.workspace.settings.studies import ExportSettings

    readers = {"torch": reader}
    for name, int8 in (("onnx", False), ("int8", True)):
        settings = ExportSettings(int8=int8, most_drop=100.0)
        write_bundle(folder / name, reader.model, reader.graph.folder if reader.graph else None, settings, None, {}, progress)
        bundle = load_bundle(folder / name)
        graph = load_graph(bundle.graph, bundle) if bundle.graph else None
        readers[name] = Reader(bundle, reader.settings, graph)
    name = reader.model.folder.name
    for pruned in filter(is_model, sorted(reader.model.folder.parent.glob(f"{name}-pruned*"))):
        engine = pruned.name.removeprefix(f"{name}-")
        write_bundle(folder / engine, load_model(pruned), None, ExportSettings(), None, {}, progress)
        readers[engine] = Reader(load_bundle(folder / engine), reader.settings)
    return readers


def _rendered(folder: Path, progress: Progress) -> Path:
    """Renders a sign of a synthetic signer as a video."""
    from asl.pipelines.synthetic import performances

    progress.say("no video given: rendering a synthetic signer")
    recipe = performances.Recipe("everyday", 0, "HELLO", 0, 900, 0, 25.0, noise=False)
    path = folder / "HELLO.mp4"
    performances.render(recipe, path)
    return path


def read_profile(path: Path) -> Mapping[str, Any]:
    """The .json of an earlier profile. Raises BadInput if it is not one, or was written by a newer asl."""
    try:
        if path.stat().st_size > MAX_PROFILE_BYTES:
            raise ValueError("it is too large")
        profile = json.loads(path.read_text(encoding="utf-8"))
        if profile["version"] > step_times.SCHEMA_VERSION:
            raise BadInput(f"{path} was written by a newer asl", "update asl")
        float(profile["steps"]["total"]["p50"]), profile["variants"], profile["main"]["engine"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{path} is not a profile: {error}", "name a .json file that asl profile wrote") from error
    return profile
