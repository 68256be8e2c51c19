"""How often `asl demo` reads its clips right, and how long it takes: one run for each seed, each in a folder of its own.

python benchmarks/demo.py [--seeds 10]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    correct, seconds = [], []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory(prefix="asl-demo-") as folder:
            started = time.monotonic()
            command = [sys.executable, "-m", "asl", "demo", folder, "--seed", str(seed), "--format", "json", "-q"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds.append(time.monotonic() - started)
        clips = json.loads(done.stdout)["shown"]
        correct.append(len(clips) == 4 and all(clip["signed"] == clip["read"] for clip in clips))
        misread = [f"{' '.join(clip['signed'])} → {' '.join(clip['read'])}" for clip in clips if clip["signed"] != clip["read"]]
        print(
            f"seed {seed}: {seconds[-1]:.1f} s  {'all right' if correct[-1] else '; '.join(misread) or 'a clip is missing'}",
            flush=True,
        )
    print(f"all clips right: {sum(correct)} of {len(correct)} seeds")
    print(f"seconds: median {statistics.median(seconds):.1f}, longest {max(seconds):.1f}")


if __name__ == "__main__":
    main()
