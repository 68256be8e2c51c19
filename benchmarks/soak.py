"""An hour of live translation: growth of memory and latency.

    python benchmarks/soak.py CLIP [--minutes 60] [--model BUNDLE]

Plays a clip in a loop in real time, as one stream, through the code of `asl translate --live`. Prints, for every five minutes,
the memory of this process and MediaPipe's (proportional set size), the latency of frames, and the dropped frames; at the end the
growth of memory and of the 95th percentile of the latency, the last five minutes against the first. The first minute is not
counted.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil

from asl.pipelines.media.live_sources import FileSource
from asl.pipelines.media.video import Frame
from asl.pipelines.recogniser.bundle import default_bundle, load_bundle
from asl.pipelines.translation.live import translate_stream
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from asl.pipelines.workspace.settings.reading import DecodeSettings

WARM_UP_SECONDS, WINDOW_SECONDS, MEMORY_EVERY_SECONDS = 60, 300, 5


@dataclass(frozen=True)
class Looped:
    """A file in a loop for some seconds, with continuous times."""

    source: FileSource
    seconds: float

    @property
    def fps(self) -> float:
        return self.source.fps

    def frames(self) -> Iterator[Frame]:
        start, last = 0.0, 0.0
        while start < self.seconds:
            for frame in self.source.frames():
                last = start + frame.time
                yield replace(frame, time=last)
            start = last + 1 / self.fps


@dataclass
class Window:
    """Five minutes: memory in MB, latency of each frame in ms, number of dropped frames."""

    memory: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    dropped: int = 0

    def __str__(self) -> str:
        p50, p95 = np.percentile(self.latency, (50, 95))
        return (
            f"memory {np.median(self.memory):.1f} MB, a frame p50 {p50:.0f} ms, p95 {p95:.0f} ms, "
            f"{len(self.latency)} read, {self.dropped} dropped"
        )


def memory_mb() -> float:
    process = psutil.Process()
    return sum(part.memory_full_info().pss for part in (process, *process.children(recursive=True))) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--model", type=Path, default=default_bundle())
    args = parser.parse_args()
    reader = Reader(load_bundle(args.model), DecodeSettings())
    source = Looped(FileSource(args.clip, LandmarkSettings().max_side), 60 * args.minutes + WARM_UP_SECONDS)
    windows: list[Window] = []
    measured, words, dropped = time.monotonic(), 0, 0
    for update in translate_stream(source, reader, LandmarkSettings()):
        figures = update.figures
        number = int((figures.seconds - WARM_UP_SECONDS) // WINDOW_SECONDS)
        words += len(update.final)
        if number < 0:
            dropped = figures.dropped
            continue
        if number == len(windows):
            if windows:
                print(f"{5 * number:3d} min: {windows[-1]}, {words} words", flush=True)
            windows.append(Window())
        window = windows[min(number, len(windows) - 1)]
        window.latency.append(1000 * figures.delays[-1])
        window.dropped, dropped = window.dropped + figures.dropped - dropped, figures.dropped
        if time.monotonic() - measured > MEMORY_EVERY_SECONDS:
            window.memory.append(memory_mb())
            measured = time.monotonic()
    complete = [window for window in windows if len(window.memory) * MEMORY_EVERY_SECONDS > WINDOW_SECONDS / 2]
    first, last = complete[0], complete[-1]
    print(f"last   : {last}, {words} words")
    growth = 100 * (np.median(last.memory) / np.median(first.memory) - 1)
    slower = np.percentile(last.latency, 95) / np.percentile(first.latency, 95)
    print(f"memory {growth:+.2f} %, p95 of latency {slower:.3f} times, of the last five minutes against the first")


if __name__ == "__main__":
    main()
