"""Share of the time of a translation that is neither video decoding nor tracking, with the model loaded.

python benchmarks/translation.py MODEL VIDEO… [--runs 3]
"""

import argparse
import statistics
import time
from pathlib import Path

from asl.pipelines.corpus.input_files import collect
from asl.pipelines.media import video
from asl.pipelines.media.tracker.holistic import HolisticTracker
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.translation.reader import Reader
from asl.pipelines.translation.whole_clips import translate
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from asl.pipelines.workspace.settings.reading import DecodeSettings


class Stopwatch:
    """Adds up the time spent in wrapped functions."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, function):
        def wrapper(*args, **options):
            clock = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.perf_counter() - clock

        return wrapper


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    model = load_model(args.model)
    watch = Stopwatch()
    for name in ("__init__", "track", "reset", "close"):
        setattr(HolisticTracker, name, watch.timed(getattr(HolisticTracker, name)))
    video._open = watch.timed(video._open)
    decode = video._decode

    def timed_decode(*arguments):
        frames = decode(*arguments)
        step = watch.timed(lambda: next(frames, None))
        while (frame := step()) is not None:
            yield frame

    video._decode = timed_decode
    shares = []
    for path in args.videos:
        for _ in range(args.runs):
            watch.seconds, clock = 0.0, time.perf_counter()
            list(translate(collect([path]), Reader(model, DecodeSettings()), LandmarkSettings(), Silent()))
            total = time.perf_counter() - clock
            shares.append(1 - watch.seconds / total)
            print(f"{path.name}: {total:.2f} s, of which {100 * shares[-1]:.1f} % neither decoding nor tracking")
    print(f"median: {100 * statistics.median(shares):.1f} %")


if __name__ == "__main__":
    main()
