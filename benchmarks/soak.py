"""An hour of live translation: does memory grow, do words come later?

    python benchmarks/soak.py CLIP [--minutes 60] [--model BUNDLE] [--fps 0]

Plays a clip over and over at its own pace, as one stream, through the road that `asl translate --live` takes. Prints, for every
five minutes, the memory of this process and MediaPipe's (their own pages, shared ones once), the frames' latency and the frames
dropped; at the end the growth of memory and of the latency's 95th percentile, the last five minutes against the first. The first
minute, in which libraries and caches fill, counts for neither.
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
    """A file again and again for so many seconds, its times going on."""

    source: FileSource
    seconds: float

    @property
    def fps(self) -> float:
        return self.source.fps

    def frames(self) -> Iterator[Frame]:
        begun, last = 0.0, 0.0
        while begun < self.seconds:
            for frame in self.source.frames():
                last = begun + frame.time
                yield replace(frame, time=last)
            begun = last + 1 / self.fps


@dataclass
class Window:
    """Five minutes: memory in MB, latency of frames in ms, frames read and dropped."""

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
    own = psutil.Process()
    return sum(one.memory_full_info().pss for one in (own, *own.children(recursive=True))) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--model", type=Path, default=default_bundle())
    chosen = parser.parse_args()
    reader = Reader(load_bundle(chosen.model), DecodeSettings())
    source = Looped(FileSource(chosen.clip, LandmarkSettings().max_side), 60 * chosen.minutes + WARM_UP_SECONDS)
    windows: list[Window] = []
    looked, words, dropped = time.monotonic(), 0, 0
    for moment in translate_stream(source, reader, LandmarkSettings()):
        figures = moment.figures
        number = int((figures.seconds - WARM_UP_SECONDS) // WINDOW_SECONDS)
        words += len(moment.final)
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
        if time.monotonic() - looked > MEMORY_EVERY_SECONDS:
            window.memory.append(memory_mb())
            looked = time.monotonic()
    whole = [one for one in windows if len(one.memory) * MEMORY_EVERY_SECONDS > WINDOW_SECONDS / 2]
    first, last = whole[0], whole[-1]
    print(f"last   : {last}, {words} words")
    grown = 100 * (np.median(last.memory) / np.median(first.memory) - 1)
    slower = np.percentile(last.latency, 95) / np.percentile(first.latency, 95)
    print(f"memory {grown:+.2f} %, p95 of latency {slower:.3f} times, of the last five minutes against the first")


if __name__ == "__main__":
    main()
