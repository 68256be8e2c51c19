"""`asl profile`: time per frame of each step of a translation, against the budget (SPEC §15)."""

import os
import platform
import shlex
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
from asl.pipelines.media.tracker.extraction import Extractor
from asl.pipelines.media.video import frames, probe
from asl.pipelines.recogniser.model import Model
from asl.pipelines.recogniser.reading import read_landmarks
from asl.pipelines.translation.live_reading import LiveReader
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError, BadClip, BadInput
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings

#: Milliseconds per frame that SPEC §15 allows for each part, and in total.
BUDGET = {"keypoints": 30.0, "encoder": 50.0, "decoder": 100.0, "post": 20.0}
TOTAL_BUDGET = 200.0
#: The part of the budget of each step. Decoding the video is the camera's work live, and counts in the total only.
STEPS = {"video": "", "keypoints": "keypoints", "features": "encoder", "encoder": "encoder", "decoder": "decoder", "post": "post"}
PERCENTILES = (50, 95, 99)
#: Frames at the start of each run that are not timed, while caches fill and threads start.
WARM_UP_FRAMES = 5
#: Times that each whole clip is read for the batch figures.
BATCH_RUNS = 5
THROUGHPUT_CLIPS, THROUGHPUT_FRAMES = (1, 16, 64), 100
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Times:
    """steps: step → (F,) milliseconds of each frame, 0 if the step had nothing to do."""

    steps: Mapping[str, np.ndarray]

    @property
    def total(self) -> np.ndarray:
        return np.sum(list(self.steps.values()), axis=0)

    def table(self) -> dict[str, dict[str, float]]:
        return {name: percentiles(values) for name, values in {**self.steps, "total": self.total}.items()}


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Name → percentile, for PERCENTILES."""
    values = np.percentile(milliseconds, PERCENTILES)
    return {f"p{percentile}": round(float(value), 3) for percentile, value in zip(PERCENTILES, values, strict=True)}


@dataclass(frozen=True)
class EngineTimes:
    """Times of an engine with a decoder. mode: "stream", frame by frame, or "batch", whole clips."""

    engine: str
    decoder: str
    mode: str
    times: Times


@dataclass
class TrackedVideos:
    """Landmarks of videos. times: milliseconds of each frame for the steps "video" and "keypoints"; parts: for body, hands and
    face, which together are the keypoints, as far as the tracker tells.
    """

    clips: list[Landmarks] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=lambda: {"video": [], "keypoints": []})
    parts: dict[str, list[float]] = field(default_factory=dict)


def track_videos(videos: Sequence[Path], settings: LandmarkSettings, max_frames: int, progress: Progress) -> TrackedVideos:
    """Tracks the landmarks of videos frame by frame, with times. Raises BadInput if a video cannot be read or is too short."""
    tracked, extractor = TrackedVideos(), Extractor(settings)
    progress.start("keypoints", len(videos))
    try:
        for path in videos:
            points = []
            for number, (picture, milliseconds) in enumerate(_timed_frames(path, settings.max_side)):
                started = time.perf_counter()
                points.append(extractor.track(picture))
                if number >= WARM_UP_FRAMES:
                    tracked.times["video"].append(milliseconds)
                    tracked.times["keypoints"].append(1000 * (time.perf_counter() - started))
                    for part, seconds in extractor.part_seconds().items():
                        tracked.parts.setdefault(part, []).append(1000 * seconds)
                if len(points) >= max_frames:
                    break
            if len(points) <= WARM_UP_FRAMES:
                raise BadInput(
                    f"{path} has only {counted(len(points), 'frame')}",
                    f"{WARM_UP_FRAMES} are for warming up; name a longer video",
                )
            tracked.clips.append(Landmarks(np.stack(points), probe(path).fps))
            progress.advance()
    except BadClip as bad:
        raise BadInput(f"{path}: {bad.message}", "name a video that can be decoded") from bad
    finally:
        extractor.close()
    return tracked


def _timed_frames(path: Path, max_side: int) -> Iterator[tuple[np.ndarray, float]]:
    """Each frame of a video with the milliseconds that decoding it took."""
    source = frames(path, max_side=max_side)
    while True:
        started = time.perf_counter()
        frame = next(source, None)
        if frame is None:
            return
        yield frame.picture, 1000 * (time.perf_counter() - started)


def time_stream(reader: Reader, clips: Sequence[Landmarks]) -> Times:
    """Times of reading the clips frame by frame, as `asl translate --live` does."""
    steps: dict[str, list[float]] = {name: [] for name in ("features", "encoder", "decoder", "post")}
    for clip in clips:
        live = LiveReader(reader, clip.fps)
        for number, points in enumerate(clip.points):
            live.push(points, number / clip.fps, lambda seconds=number / clip.fps: seconds)
            if number >= WARM_UP_FRAMES:
                for name, values in steps.items():
                    values.append(1000 * live.step_seconds.get(name, 0.0))
    return Times({name: np.array(values) for name, values in steps.items()})


def time_batch(reader: Reader, clips: Sequence[Landmarks]) -> Times:
    """Times of reading whole clips, divided by their frames. "encoder" includes the features."""
    steps: dict[str, list[float]] = {name: [] for name in ("encoder", "decoder", "post")}
    read_landmarks(reader.model, clips[0], mirror=reader.settings.mirror_average)
    for clip in clips * BATCH_RUNS:
        clock = [time.perf_counter()]
        reading = read_landmarks(reader.model, clip, mirror=reader.settings.mirror_average)
        clock.append(time.perf_counter())
        decoded = reader.decode(reading)
        clock.append(time.perf_counter())
        reader.tokens(reading, decoded)
        clock.append(time.perf_counter())
        for values, seconds in zip(steps.values(), np.diff(clock), strict=True):
            values.append(1000 * seconds / len(clip))
    return Times({name: np.array(values) for name, values in steps.items()})


def time_engines(readers: Mapping[str, Reader], clips: Sequence[Landmarks], progress: Progress) -> list[EngineTimes]:
    """Times of every engine with every decoder, as a stream if the model is causal, and in batch. readers: by engine."""
    results = []
    combinations = [(engine, reader, decoder) for engine, reader in readers.items() for decoder in decoders(reader)]
    progress.start("variants", len(combinations))
    for engine, engine_reader, decoder in combinations:
        reader = engine_reader if decoder == "cascade" else engine_reader.with_decoder(decoder)
        if reader.model.streams:
            results.append(EngineTimes(engine, decoder, "stream", time_stream(reader, clips)))
        results.append(EngineTimes(engine, decoder, "batch", time_batch(reader, clips)))
        progress.advance()
    return results


def decoders(reader: Reader) -> tuple[str, ...]:
    return ("greedy", "ctc-beam", *(("cascade",) if reader.graph else ()))


def main_variant(variants: Sequence[EngineTimes], decoder: str) -> EngineTimes:
    """The variant that is compared with the budget: the first engine with this decoder, as a stream if there is one."""
    candidates = [variant for variant in variants if variant.decoder == decoder]
    return next((variant for variant in candidates if variant.mode == "stream"), candidates[0])


def all_steps(tracked: TrackedVideos, main: EngineTimes) -> Times:
    """Per frame, the steps of the main variant with video and keypoints. Batch times count as their median for every frame."""
    tracking = {name: np.array(values) for name, values in tracked.times.items()}
    count = len(tracking["keypoints"])
    steps = main.times.steps
    if main.mode == "batch":
        steps = {name: np.full(count, np.median(values)) for name, values in steps.items()}
    return Times(tracking | {name: values[:count] for name, values in steps.items()})


def over_budget(times: Times) -> list[str]:
    """A sentence for each part of the budget whose p95 exceeds it."""
    exceeded = []
    for part, budget in BUDGET.items():
        milliseconds = np.sum([values for step, values in times.steps.items() if STEPS[step] == part], axis=0)
        if (p95 := float(np.percentile(milliseconds, 95))) > budget:
            exceeded.append(f"{part} takes {p95:.1f} ms at p95, its budget is {budget:g} ms")
    if (p95 := float(np.percentile(times.total, 95))) > TOTAL_BUDGET:
        exceeded.append(f"all steps together take {p95:.1f} ms at p95, their budget is {TOTAL_BUDGET:g} ms")
    return exceeded


def cold_start(video: Path, model: Path) -> float:
    """Seconds from starting asl in a new process to the first line of its output. Raises AslError if there is none."""
    command = [sys.executable, "-m", "asl", "translate", str(video), "--model", str(model), "--no-cache", "--quiet"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=video.parent) as process:
        first_line = process.stdout.readline()
        seconds = time.perf_counter() - started
    if process.returncode or not first_line:
        raise AslError("the cold start failed", f"see why: {shlex.join(['asl', 'translate', str(video), '--model', str(model)])}")
    return round(seconds, 3)


def machine() -> dict[str, Any]:
    """Processor, cores, system and Python of this machine."""
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


def profile_record(
    tracked: TrackedVideos, variants: Sequence[EngineTimes], main: EngineTimes, device: str, cold: float | None
) -> dict[str, Any]:
    """The profile as JSON. cold: seconds of the cold start."""
    times = all_steps(tracked, main)
    mean_total = float(np.mean(times.total))
    return {
        "version": SCHEMA_VERSION,
        "device": device,
        "machine": machine(),
        "frames": len(times.total),
        "main": {"engine": main.engine, "decoder": main.decoder, "mode": main.mode},
        "steps": times.table(),
        "frames_per_second": round(1000 / mean_total, 1),
        "peak_memory_mb": peak_memory_mb(),
        "cold_start_seconds": cold,
        "budget": BUDGET | {"total": TOTAL_BUDGET},
        "over_budget": over_budget(times),
        "variants": [
            {"engine": variant.engine, "decoder": variant.decoder, "mode": variant.mode, "steps": variant.times.table()}
            for variant in variants
        ],
    }


def throughput(model: Model) -> dict[str, float]:
    """Clips per batch → frames per second of the encoder alone, on clips of THROUGHPUT_FRAMES frames."""
    frames_per_second = {}
    for count in THROUGHPUT_CLIPS:
        values = np.random.default_rng(0).standard_normal((count, THROUGHPUT_FRAMES, model.feature_set.inputs), dtype=np.float32)
        model.read(values)
        seconds = []
        for _ in range(BATCH_RUNS):
            started = time.perf_counter()
            model.read(values)
            seconds.append(time.perf_counter() - started)
        frames_per_second[str(count)] = round(values.shape[0] * values.shape[1] / float(np.median(seconds)), 0)
    return frames_per_second
