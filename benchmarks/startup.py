"""Time of `asl --help`, and of the error about a wrong path.

python benchmarks/startup.py [--runs 11]
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time


def median_seconds(words: list[str], runs: int) -> float:
    times = []
    for _ in range(runs):
        clock = time.perf_counter()
        subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append(time.perf_counter() - clock)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    asl = shutil.which("asl")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([asl, "init", folder, "-q"], check=True)
        cases = {
            "asl --help": ["--help"],
            "asl translate WRONG": ["translate", "-w", folder, f"{folder}/nowhere.mp4"],
            "asl extract --videos WRONG": ["extract", "-w", folder, "--videos", f"{folder}/nowhere"],
            "asl status": ["status", "-w", folder],
        }
        for name, words in cases.items():
            print(f"{name:28} {median_seconds([asl, *words], runs):.3f} s  (median of {runs})")


if __name__ == "__main__":
    main()
