"""`asl profile`: what each step of a translation costs a frame, against the budget (SPEC §15)."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from asl.models.features.holistic import Landmarks
from asl.pipelines.jobs.processes import peak_memory_mb
from asl.pipelines.media.tracker import Extractor
from asl.pipelines.media.video import frames, probe
from asl.pipelines.recogniser.model import Model
from asl.pipelines.recogniser.reading import read_landmarks
from asl.pipelines.translation.live_reading import LiveReader
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import AslError, BadClip, BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings

#: Milliseconds a frame that SPEC §15 allows each step, and all together.
BUDGET = {"keypoints": 30.0, "encoder": 50.0, "decoder": 100.0, "post": 20.0}
TOTAL_BUDGET = 200.0
#: Which part of the budget each step falls under; decoding a video is the camera's work, but is counted in the total.
STEPS = {"video": "", "keypoints": "keypoints", "features": "encoder", "encoder": "encoder", "decoder": "decoder", "post": "post"}
MARKS = (50, 95, 99)
#: Frames at the start of each run that are not counted: caches, graphs and threads wake up.
WARM_UP = 5
#: How often whole clips are read for the batch figures.
BATCH_RUNS = 5
THROUGHPUT_CLIPS, THROUGHPUT_FRAMES = (1, 16, 64), 100
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Times:
    """Milliseconds of each frame, by step; a frame in which a step had nothing to do counts 0."""

    steps: Mapping[str, np.ndarray]

    @property
    def total(self) -> np.ndarray:
        return np.sum(list(self.steps.values()), axis=0)

    def table(self) -> dict[str, dict[str, float]]:
        return {name: marks(values) for name, values in {**self.steps, "total": self.total}.items()}


def marks(values: Sequence[float]) -> dict[str, float]:
    """Percentiles of milliseconds by name."""
    return {f"p{mark}": round(float(one), 3) for mark, one in zip(MARKS, np.percentile(values, MARKS), strict=True)}


@dataclass(frozen=True)
class EngineTimes:
    """A way to read the frames. mode: stream, a frame at a time, or batch, ms a frame of clips read whole."""

    engine: str
    decoder: str
    mode: str
    times: Times


@dataclass
class Seen:
    """Clips after MediaPipe. times: of video and keypoints."""

    clips: list[Landmarks] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=lambda: {"video": [], "keypoints": []})


def look(videos: Sequence[Path], settings: LandmarkSettings, most_frames: int, progress: Progress) -> Seen:
    """The videos' landmarks as a stream sees them, timed. Raises BadInput: one cannot be read."""
    seen, extractor = Seen(), Extractor(settings)
    progress.start("keypoints", len(videos))
    try:
        for path in videos:
            points = []
            for number, (picture, milliseconds) in enumerate(_decoded(path, settings.max_side)):
                started = time.perf_counter()
                points.append(extractor.track(picture))
                if number >= WARM_UP:
                    seen.times["video"].append(milliseconds)
                    seen.times["keypoints"].append(1000 * (time.perf_counter() - started))
                if len(points) >= most_frames:
                    break
            if len(points) <= WARM_UP:
                raise BadInput(f"{path} has only {len(points)} frames", f"{WARM_UP} are for warming up; name a longer video")
            seen.clips.append(Landmarks(np.stack(points), probe(path).fps))
            progress.advance()
    except BadClip as bad:
        raise BadInput(f"{path}: {bad.message}", "name a video that can be decoded") from bad
    finally:
        extractor.close()
    return seen


def _decoded(path: Path, max_side: int) -> Iterator[tuple[np.ndarray, float]]:
    source = frames(path, max_side=max_side)
    while True:
        started = time.perf_counter()
        frame = next(source, None)
        if frame is None:
            return
        yield frame.picture, 1000 * (time.perf_counter() - started)


def streamed(reader: Reader, clips: Sequence[Landmarks]) -> Times:
    """The clips frame by frame, as `asl translate --live` reads them."""
    steps: dict[str, list[float]] = {name: [] for name in ("features", "encoder", "decoder", "post")}
    for clip in clips:
        live = LiveReader(reader, clip.fps)
        for number, points in enumerate(clip.points):
            live.push(points, number / clip.fps, lambda at=number / clip.fps: at)
            if number >= WARM_UP:
                for name, values in steps.items():
                    values.append(1000 * live.step_seconds.get(name, 0.0))
    return Times({name: np.array(values) for name, values in steps.items()})


def batched(reader: Reader, clips: Sequence[Landmarks]) -> Times:
    """The clips as wholes: milliseconds of a clip, shared among its frames; features count with the encoder here."""
    steps: dict[str, list[float]] = {name: [] for name in ("encoder", "decoder", "post")}
    read_landmarks(reader.model, clips[0], mirror=reader.settings.mirror_average)
    for clip in clips * BATCH_RUNS:
        clock = [time.perf_counter()]
        reading = read_landmarks(reader.model, clip, mirror=reader.settings.mirror_average)
        clock.append(time.perf_counter())
        found = reader.decode(reading)
        clock.append(time.perf_counter())
        reader.tokens(reading, found)
        clock.append(time.perf_counter())
        for values, seconds in zip(steps.values(), np.diff(clock), strict=True):
            values.append(1000 * seconds / len(clip))
    return Times({name: np.array(values) for name, values in steps.items()})


def variants(readers: Mapping[str, Reader], clips: Sequence[Landmarks], progress: Progress) -> list[EngineTimes]:
    """Every engine with every decoder, streaming where it can, and whole. readers: engine → its reader."""
    found = []
    names = [(engine, own, decoder) for engine, own in readers.items() for decoder in decoders(own)]
    progress.start("variants", len(names))
    for engine, reader, decoder in names:
        own = reader if decoder == "cascade" else reader.with_decoder(decoder)
        if own.model.streams:
            found.append(EngineTimes(engine, decoder, "stream", streamed(own, clips)))
        found.append(EngineTimes(engine, decoder, "batch", batched(own, clips)))
        progress.advance()
    return found


def decoders(reader: Reader) -> tuple[str, ...]:
    return ("greedy", "ctc-beam", *(("cascade",) if reader.graph else ()))


def main_variant(found: Sequence[EngineTimes], decoder: str) -> EngineTimes:
    """The one that is held against the budget: the first engine with the decoder that is asked for, streaming if it can."""
    own = [one for one in found if one.decoder == decoder]
    return next((one for one in own if one.mode == "stream"), own[0])


def together(seen: Seen, main: EngineTimes) -> Times:
    """All steps of the main variant a frame, with video and keypoints. Batch figures are means, the same for every frame."""
    shared = {name: np.array(values) for name, values in seen.times.items()}
    count = len(shared["keypoints"])
    own = main.times.steps
    if main.mode == "batch":
        own = {name: np.full(count, np.median(values)) for name, values in own.items()}
    return Times(shared | {name: values[:count] for name, values in own.items()})


def over_budget(times: Times) -> list[str]:
    """The parts of the budget whose p95 is over it, in words."""
    found = []
    for part, allowed in BUDGET.items():
        spent = np.sum([values for step, values in times.steps.items() if STEPS[step] == part], axis=0)
        if (p95 := float(np.percentile(spent, 95))) > allowed:
            found.append(f"{part} takes {p95:.1f} ms at p95, allowed are {allowed:g}")
    if (p95 := float(np.percentile(times.total, 95))) > TOTAL_BUDGET:
        found.append(f"all together take {p95:.1f} ms at p95, allowed are {TOTAL_BUDGET:g}")
    return found


def cold_start(video: Path, model: Path) -> float:
    """Seconds from starting asl in a fresh process to the first line of its output. Raises AslError: there is none."""
    command = [sys.executable, "-m", "asl", "translate", str(video), "--model", str(model), "--quiet"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=video.parent) as process:
        first = process.stdout.readline()
        seconds = time.perf_counter() - started
    if process.returncode or not first:
        raise AslError("the start from cold failed", f"look why: asl translate {video} --model {model}")
    return round(seconds, 3)


def machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def record(seen: Seen, found: Sequence[EngineTimes], main: EngineTimes, device: str, cold: float | None) -> dict[str, Any]:
    """Everything as JSON."""
    times = together(seen, main)
    total = float(np.mean(times.total))
    return {
        "version": SCHEMA_VERSION,
        "device": device,
        "machine": machine(),
        "frames": len(times.total),
        "main": {"engine": main.engine, "decoder": main.decoder, "mode": main.mode},
        "steps": times.table(),
        "frames_per_second": round(1000 / total, 1),
        "peak_memory_mb": peak_memory_mb(),
        "cold_start_seconds": cold,
        "budget": BUDGET | {"total": TOTAL_BUDGET},
        "over_budget": over_budget(times),
        "variants": [
            {"engine": one.engine, "decoder": one.decoder, "mode": one.mode, "steps": one.times.table()} for one in found
        ],
    }


def throughput(model: Model) -> dict[str, float]:
    """Clips at once → frames a second through the encoder alone, of clips of THROUGHPUT_FRAMES frames."""
    found = {}
    for count in THROUGHPUT_CLIPS:
        values = np.random.default_rng(0).standard_normal((count, THROUGHPUT_FRAMES, model.feature_set.inputs), dtype=np.float32)
        model.read(values)
        seconds = []
        for _ in range(BATCH_RUNS):
            started = time.perf_counter()
            model.read(values)
            seconds.append(time.perf_counter() - started)
        found[str(count)] = round(values.shape[0] * values.shape[1] / float(np.median(seconds)), 0)
    return found
