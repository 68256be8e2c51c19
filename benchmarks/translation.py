"""What share of translating a clip is neither video decoding nor MediaPipe, with the model loaded.

python benchmarks/translation.py MODEL VIDEO… [--runs 3]
"""

import argparse
import statistics
import time
from pathlib import Path

from asl.pipelines.corpus.input_files import collect
from asl.pipelines.media import video
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.translation.reader import Reader
from asl.pipelines.translation.whole_clips import translate
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from asl.pipelines.workspace.settings.reading import DecodeSettings


class Stopwatch:
    """Adds up the time spent inside wrapped functions and generators."""

    def __init__(self):
        self.seconds = 0.0

    def function(self, work):
        def timed(*words, **options):
            clock = time.perf_counter()
            try:
                return work(*words, **options)
            finally:
                self.seconds += time.perf_counter() - clock

        return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    model = load_model(chosen.model)
    watch = Stopwatch()
    from mediapipe.python.solutions.holistic import Holistic

    for name in ("__init__", "process", "reset", "close"):
        setattr(Holistic, name, watch.function(getattr(Holistic, name)))
    video._opened = watch.function(video._opened)
    decode = video._decoded

    def decoded(*words):
        frames = decode(*words)
        step = watch.function(lambda: next(frames, None))
        while (frame := step()) is not None:
            yield frame

    video._decoded = decoded
    shares = []
    for path in chosen.videos:
        for _ in range(chosen.runs):
            watch.seconds, clock = 0.0, time.perf_counter()
            list(translate(collect([path]), Reader(model, DecodeSettings()), LandmarkSettings(), Silent()))
            whole = time.perf_counter() - clock
            shares.append(1 - watch.seconds / whole)
            print(f"{path.name}: {whole:.2f} s, of which {100 * shares[-1]:.1f} % neither decoding nor MediaPipe")
    print(f"median: {100 * statistics.median(shares):.1f} %")


if __name__ == "__main__":
    main()
