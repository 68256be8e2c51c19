"""Live translation of real clips at their own pace, and the start from cold, beside what MediaPipe alone takes.

    python benchmarks/live.py DATA/videos [--clips 20] [--model BUNDLE] [--runs 3]

Plays each clip by its own clock as `asl translate --live` does, then again without dropping frames, and reads it whole. Prints
how late words are (from a sign's end to its first appearance), what a frame costs beside MediaPipe, how many frames were
dropped, and whether the stream ends with the glosses of the whole clip; then the start from cold: `asl translate CLIP` in a
fresh process to its first line of output, against MediaPipe's own time for that clip in this run, from making its graph (which
is imported already) to the last frame.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from asl.pipelines.corpus import extract_clip
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.deployment.step_times import cold_start
from asl.pipelines.media.live_sources import FileSource
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.media.tracker import Extractor
from asl.pipelines.media.video import frames, probe
from asl.pipelines.recogniser.bundle import default_bundle, load_bundle
from asl.pipelines.recogniser.reading import read_landmarks
from asl.pipelines.translation.live import translate_stream
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from asl.pipelines.workspace.settings.reading import DecodeSettings


def whole_glosses(reader: Reader, video: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        task = extract_clip.Task(ClipSource(video, "video", video.name), Path(folder) / "clip.pose")
        list(extract_clip.run([task], LandmarkSettings(), None))
        landmarks = read_pose(task.pose)
    return [one.gloss for one in reader.tokens(read_landmarks(reader.model, landmarks, mirror=True))]


def mediapipe_seconds(video: Path) -> float:
    """From making its graph to the last frame, the pictures being decoded already."""
    settings = LandmarkSettings()
    pictures = [one.picture for one in frames(video, max_side=settings.max_side)]
    started = time.perf_counter()
    extractor = Extractor(settings)
    try:
        for picture in pictures:
            extractor.track(picture)
        return time.perf_counter() - started
    finally:
        extractor.close()


def percentiles(name: str, seconds: list[float]) -> None:
    if seconds:
        p50, p95 = (1000 * np.percentile(seconds, mark) for mark in (50, 95))
        print(f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms of {len(seconds)}")


def play(videos: list[Path], reader: Reader) -> None:
    late, reading, seen, dropped, same = [], [], 0, 0, []
    for video in videos:
        source = FileSource(video, LandmarkSettings().max_side)
        *_, last = translate_stream(source, reader, LandmarkSettings())
        late, reading = [*late, *last.figures.words], [*reading, *last.figures.reading]
        seen, dropped = seen + last.figures.frames, dropped + last.figures.dropped
        moments = translate_stream(source, reader, LandmarkSettings(), paced=False)
        found = [word.token.gloss for moment in moments for word in moment.final]
        same.append(found == whole_glosses(reader, video))
        if not same[-1]:
            print(f"{video.name}: {' '.join(found)} live, {' '.join(whole_glosses(reader, video))} whole", flush=True)
    percentiles("words, from the sign's end to their appearance", late)
    percentiles("a frame, all but MediaPipe", reading)
    print(f"{seen} frames, {dropped} dropped; same glosses in {sum(same)} of {len(same)} clips")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=int, default=20, help="of words, evenly chosen; all sentences come as well")
    parser.add_argument("--model", type=Path, default=default_bundle())
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold-only", action="store_true")
    chosen = parser.parse_args()
    reader = Reader(load_bundle(chosen.model), DecodeSettings())
    words = sorted((chosen.data / "words").glob("*.mp4"))
    videos = words[:: max(1, len(words) // chosen.clips)] + sorted((chosen.data / "sentences").glob("*.mp4"))
    if not chosen.cold_only:
        play(videos, reader)
    mediapipe_seconds(videos[0])  # imports it
    video = min(videos, key=lambda one: abs(probe(one).seconds - 3))
    alone = statistics.median(mediapipe_seconds(video) for _ in range(chosen.runs))
    cold = statistics.median(cold_start(video.resolve(), chosen.model.resolve()) for _ in range(chosen.runs))
    print(
        f"{video.name}, {probe(video).seconds:.1f} s: cold {cold:.2f} s, MediaPipe alone {alone:.2f} s, {cold / alone:.2f} times"
    )


if __name__ == "__main__":
    main()
