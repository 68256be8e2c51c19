"""The feature store at the size of a large corpus: opening, an epoch in random order, and memory of a training.

    python benchmarks/store.py WORK [--clips 100000] [--train]

Makes the landmarks of some synthetic clips and lists each of them many times in a workspace, as a corpus of --clips clips, so
that reading and features are realistic but making the clips is fast. Prints the time to build the store, to read the list of
clips, and to open the store in a new process; the speed of an epoch in random order; the growth of the time to read manifests;
and with --train the peak memory of `asl train-ctc` for one epoch.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from asl.pipelines.corpus.clips import read_clips, write_clips
from asl.pipelines.corpus.feature_store import CLIPS_PER_SHARD, features_folder, open_features
from asl.pipelines.corpus.sources import manifest
from asl.pipelines.workspace.folder import open_workspace
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import FeatureSettings

SETTINGS = FeatureSettings()
#: Distinct clips of the corpus, their desired frames, and how many clips are built to measure the speed of building.
DISTINCT, FRAMES, BUILT = 256, 60, 4096


def run_asl(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "asl", *words, "-q"], check=True, stdout=subprocess.DEVNULL)


def make(work: Path, clips: int) -> None:
    """Makes a workspace of --clips clips. All shards have the same clips: the first ones are built, the others copied."""
    run_asl("init", str(work))
    run_asl("extract", "-w", str(work), "--synthetic", "--clips", "2", "--sentences", str(2 * DISTINCT), "--signers", "8")
    workspace = open_workspace(work)
    distinct = sorted(read_clips(workspace.clips_file), key=lambda clip: abs(clip.frames - FRAMES))[:DISTINCT]
    corpus = [
        replace(
            distinct[i % DISTINCT],
            id=f"{distinct[i % DISTINCT].id}-{i:06d}",
            split="train" if i % 20 else "validation",
            segments=(),
        )
        for i in range(clips)
    ]
    clock = time.monotonic()
    first = open_features(workspace, corpus[:BUILT], SETTINGS, Silent())
    seconds = time.monotonic() - clock
    print(
        f"built {BUILT:,} clips, {first.starts[-1] / BUILT:.0f} frames each, in {seconds:.0f} s: {BUILT / seconds:.0f} clips/s",
        flush=True,
    )
    write_clips(workspace.clips_file, corpus)
    folder = features_folder(workspace, corpus, SETTINGS)
    folder.mkdir(parents=True)
    for number in range(clips // CLIPS_PER_SHARD):
        for ending in (".npy", ".json"):
            shutil.copyfile(first.folder / f"00000{ending}", folder / f"{number:05d}{ending}")
    open_features(workspace, corpus, SETTINGS, Silent())


def forget(folder: Path) -> None:
    """Drops the files from the page cache (Linux), so that the first epoch is read from the disk."""
    os.sync()
    for path in folder.rglob("*.npy"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(work: Path) -> None:
    """Measures opening and epochs. Runs in a separate process."""
    workspace = open_workspace(work)
    forget(workspace.features)
    clock = time.monotonic()
    clips = read_clips(workspace.clips_file)
    listed = time.monotonic() - clock
    clock = time.monotonic()
    store = open_features(workspace, clips, SETTINGS, Silent())
    print(f"open: {time.monotonic() - clock:.2f} s (the list of clips before: {listed:.2f} s)", flush=True)
    for epoch in ("first", "second"):
        order = np.random.default_rng(0).permutation(len(clips))
        clock, size, total = time.monotonic(), 0, 0.0
        for i in order:
            values = store[i]
            total += float(values[:, 0].sum()) + float(values[:, -1].sum())  # touches the pages
            size += values.nbytes
        seconds = time.monotonic() - clock
        print(f"{epoch} epoch in random order: {size / 1e6 / seconds:.0f} MB/s of {size / 1e6:.0f} MB", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process, including mapped pages: {peak:.0f} MB")


def train(work: Path) -> None:
    asl = [sys.executable, "-m", "asl", "train-ctc", "-w", str(work), "-q"]
    options = ("--epochs", "1", "--hidden", "16", "--layers", "1", "--batch-size", "64", "--force")
    clock = time.monotonic()
    subprocess.run([*asl, *options], check=True, stdout=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"asl train-ctc, one epoch: {time.monotonic() - clock:.0f} s, peak memory {peak:.0f} MB", flush=True)


def manifests(work: Path) -> None:
    """Prints the seconds of reading manifests of n, 2 n and 4 n rows."""
    clip = next((work / "landmarks").rglob("*.pose"))
    for rows in (50_000, 100_000, 200_000):
        file = work / "clips.csv"
        file.write_text("path,gloss,signer\n" + "".join(f"{clip},SIGN{i % 2000},s{i % 50}\n" for i in range(rows)))
        clock = time.monotonic()
        manifest.read(file)
        print(f"a manifest of {rows:,} rows: {time.monotonic() - clock:.2f} s", flush=True)
        file.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        return measure(args.work)
    if not (args.work / "clips.jsonl").is_file():
        make(args.work, args.clips)
    subprocess.run([sys.executable, __file__, str(args.work), "--measure"], check=True)
    manifests(args.work)
    if args.train:
        train(args.work)


if __name__ == "__main__":
    main()
