"""Live translation of real clips in real time, and the cold start, beside the time of MediaPipe alone.

    python benchmarks/live.py DATA/videos [--clips 20] [--model BUNDLE] [--tracker mediapipe] [--runs 3]

Plays each clip in real time as `asl translate --live` does, then again without dropping frames, and reads it as a whole. Prints
the delay of words (from the end of a sign to its first appearance), the delay of frames, their time without the tracker, the
dropped frames, and whether the stream ends with the glosses of the whole clip. Then the cold start: `asl translate CLIP` in a new
process up to its first line of output, against MediaPipe's time for that clip in this run, from creating its graph (already
imported) to the last frame.
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
from asl.pipelines.media.tracker.extraction import Extractor
from asl.pipelines.media.video import frames, probe
from asl.pipelines.recogniser.bundle import default_bundle, load_bundle
from asl.pipelines.recogniser.reading import read_landmarks
from asl.pipelines.translation.live import translate_stream
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.settings.clips import LandmarkSettings
from asl.pipelines.workspace.settings.reading import DecodeSettings


def whole_glosses(reader: Reader, video: Path, settings: LandmarkSettings) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        task = extract_clip.Task(ClipSource(video, "video", video.name), Path(folder) / "clip.pose")
        list(extract_clip.run([task], settings, None))
        landmarks = read_pose(task.pose)
    return [token.gloss for token in reader.tokens(read_landmarks(reader.model, landmarks, mirror=True))]


def mediapipe_seconds(video: Path) -> float:
    """From creating the graph to the last frame, with the pictures already decoded."""
    settings = LandmarkSettings(tracker="mediapipe")
    pictures = [frame.picture for frame in frames(video, max_side=settings.max_side)]
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


def play(videos: list[Path], reader: Reader, settings: LandmarkSettings) -> None:
    delays, reading, frame_delays, read, dropped, same = [], [], [], 0, 0, []
    for video in videos:
        source = FileSource(video, settings.max_side)
        *_, last = translate_stream(source, reader, settings)
        delays, reading = [*delays, *last.figures.words], [*reading, *last.figures.reading]
        frame_delays += last.figures.delays
        read, dropped = read + last.figures.frames, dropped + last.figures.dropped
        updates = translate_stream(source, reader, settings, paced=False)
        glosses = [word.gloss for update in updates for word in update.final]
        whole = whole_glosses(reader, video, settings)
        same.append(glosses == whole)
        if not same[-1]:
            print(f"{video.name}: {' '.join(glosses)} live, {' '.join(whole)} as a whole", flush=True)
    percentiles("words, from the end of the sign to their appearance", delays)
    percentiles("a frame, from its time to its reading", frame_delays)
    percentiles("a frame, without the tracker", reading)
    print(f"{read} frames, {dropped} dropped; same glosses in {sum(same)} of {len(same)} clips")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--clips", type=int, default=20, help="clips of words, evenly spaced; all sentences are added")
    parser.add_argument("--model", type=Path, default=default_bundle())
    parser.add_argument("--tracker", default="asl", help="of the live translation: asl or mediapipe")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cold-only", action="store_true")
    args = parser.parse_args()
    reader = Reader(load_bundle(args.model), DecodeSettings())
    words = sorted((args.data / "words").glob("*.mp4"))
    videos = words[:: max(1, len(words) // args.clips)] + sorted((args.data / "sentences").glob("*.mp4"))
    if not args.cold_only:
        play(videos, reader, LandmarkSettings(tracker=args.tracker))
    mediapipe_seconds(videos[0])  # imports MediaPipe
    video = min(videos, key=lambda path: abs(probe(path).seconds - 3))
    alone = statistics.median(mediapipe_seconds(video) for _ in range(args.runs))
    cold = statistics.median(cold_start(video.resolve(), args.model.resolve()) for _ in range(args.runs))
    print(
        f"{video.name}, {probe(video).seconds:.1f} s: cold {cold:.2f} s, MediaPipe alone {alone:.2f} s, {cold / alone:.2f} times"
    )


if __name__ == "__main__":
    main()
