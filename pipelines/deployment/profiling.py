"""`asl profile` as a whole: which clips, which engines, and the report."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from asl.pipelines.cascade.graph_folder import load_graph
from asl.pipelines.deployment import step_times
from asl.pipelines.media.tracker import complexities
from asl.pipelines.media.video import probe
from asl.pipelines.recogniser.bundle import Bundle, load_bundle
from asl.pipelines.recogniser.model import Model, is_model
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import write_json
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings

#: Frames of each video that are looked at, at most.
MOST_FRAMES = 250
MAX_PROFILE_BYTES = 16 << 20


def run_profile(
    videos: Sequence[Path], reader: Reader, landmarks: LandmarkSettings, progress: Progress, *, device: str = "cpu",
    page: Path | None = None, compare: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measures every step on the videos, or on a synthetic signer without any; writes `page` and a .json beside it.

    compare: the .json of an earlier profile. Raises AslError: device is cuda and there is none; BadInput: no video can be read.
    """
    earlier = read_profile(compare) if compare else None
    if device == "cuda":
        _check_cuda(reader.model)
    for path in videos:
        if not path.is_file():
            raise BadInput(f"there is no {path}", "name a video")
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="asl-")))
        videos = list(videos) or [_rendered(folder, progress)]
        seen = step_times.look(videos, landmarks, MOST_FRAMES, progress)
        readers = engines(reader, folder, device, progress)
        found = step_times.variants(readers, seen.clips, progress)
        main = step_times.main_variant(found, reader.settings.decoder)
        cold = None if device == "cuda" else step_times.cold_start(videos[0].resolve(), reader.model.folder.resolve())
        made = step_times.record(seen, found, main, device, cold)
        made["model"] = {"name": reader.model.folder.name, "glosses": len(reader.model.alphabet)}
        made["throughput"] = {name: step_times.throughput(one.model) for name, one in readers.items()}
        made["complexities"] = by_complexity(videos, landmarks, seen, progress)
        made["videos"] = [{"name": path.name, **vars(probe(path))} for path in videos]
    if page:
        from asl.pipelines.deployment.profiling_report import write_report

        write_json(page.with_suffix(".json"), made)
        write_report(page, made, earlier)
    return made


def by_complexity(
    videos: Sequence[Path], landmarks: LandmarkSettings, seen: step_times.Seen, progress: Progress
) -> dict[str, dict[str, float]]:
    """Milliseconds of keypoints a frame with every complexity of MediaPipe whose files are here."""
    own = {landmarks.complexity: seen.times["keypoints"]}
    for number in complexities():
        if number not in own:
            other = step_times.look(videos, replace(landmarks, complexity=number), MOST_FRAMES, progress)
            own[number] = other.times["keypoints"]
    return {str(number): step_times.marks(own[number]) for number in sorted(own)}


def _check_cuda(model: Model) -> None:
    try:
        import torch

        found = torch.cuda.is_available()
    except ModuleNotFoundError:
        found = False
    if not found:
        raise AslError("there is no CUDA device here, or no torch to use it; nothing was profiled", "asl profile --device cpu")
    if isinstance(model, Bundle):
        raise BadInput("a bundle runs on the CPU; on CUDA it is torch that is profiled", "name a trained model with --model")


def engines(reader: Reader, folder: Path, device: str, progress: Progress) -> dict[str, Reader]:
    """Engine → the reader by it, what is asked for first.

    On CUDA torch alone; else torch, ONNX, INT8 and what `asl export --prune` made of the model, or just the bundle.
    """
    if device == "cuda":
        return {"torch": replace(reader, model=reader.model.on("cuda"))}
    if isinstance(reader.model, Bundle):
        return {"onnx": reader}
    from asl.pipelines.deployment.bundle_writer import write_bundle
    from asl.pipelines.recogniser.torch_model import load_model
    from asl.pipelines.workspace.settings.studies import ExportSettings

    found = {"torch": reader}
    for name, int8 in (("onnx", False), ("int8", True)):
        settings = ExportSettings(int8=int8, most_drop=100.0)
        write_bundle(folder / name, reader.model, reader.graph.folder if reader.graph else None, settings, None, {}, progress)
        bundle = load_bundle(folder / name)
        graph = load_graph(bundle.graph, bundle) if bundle.graph else None
        found[name] = Reader(bundle, reader.settings, graph)
    name = reader.model.folder.name
    for pruned in filter(is_model, sorted(reader.model.folder.parent.glob(f"{name}-pruned*"))):
        own = pruned.name.removeprefix(f"{name}-")
        write_bundle(folder / own, load_model(pruned), None, ExportSettings(), None, {}, progress)
        found[own] = Reader(load_bundle(folder / own), reader.settings)
    return found


def _rendered(folder: Path, progress: Progress) -> Path:
    """A sign of a synthetic signer as a video: people are not at hand everywhere."""
    from asl.pipelines.synthetic import performances

    progress.say("no video named: a synthetic signer is rendered")
    recipe = performances.Recipe("everyday", 0, "HELLO", 0, 900, 0, 25.0, noise=False)
    path = folder / "HELLO.mp4"
    performances.render(recipe, path)
    return path


def read_profile(path: Path) -> Mapping[str, Any]:
    """The .json of an earlier profile. Raises BadInput: none, or of a newer asl."""
    try:
        if path.stat().st_size > MAX_PROFILE_BYTES:
            raise ValueError("it is too large")
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] > step_times.SCHEMA_VERSION:
            raise BadInput(f"{path} is of a newer asl", "update asl")
        float(found["steps"]["total"]["p50"]), found["variants"], found["main"]["engine"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"{path} is no profile: {error}", "name the .json that asl profile wrote") from error
    return found
