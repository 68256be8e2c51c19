"""Coverage-guided fuzzing of every reader of files from outside (needs `pip install atheris`, Linux, Python 3.11).

    python -m benchmarks.fuzz all --seconds 600 [--jobs 1] [--work DIR]
    python -m benchmarks.fuzz pose --seconds 600

Run it from the root of the repository. A find is an input that makes a reader raise anything but AslError or BadClip, crash, take
more than 2 s or 1 GB, write a file outside its folder, start a program, open a connection, or unpickle an object. Inputs start
from the small valid files of tests/reader_seeds.py and from earlier finds (tests/hostile). Prints, for each reader, the number of
inputs, and libFuzzer's coverage and features; finds are kept in DIR/READER/finds.
"""

import argparse
import copy
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tomli
import tomlkit

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = ROOT / "tests" / "hostile"
#: Readers by the format of their files, for the mutations.
BYTES, TOMLS, LINES = ("pose", "npz", "tensors"), ("workspace", "layout"), ("manifest", "clips")
MAX_SECONDS_PER_INPUT, MAX_MEMORY_MB, MAX_INPUT_BYTES = 2, 1024, 20_000
#: Memory that libraries such as torch take before anything is read.
LIBRARY_MEMORY_MB = 700
FORBIDDEN = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "pickle.find_class",
    "ctypes.dlopen",
)  # fmt: skip
#: Audit events that write, with the position of the path among their arguments.
WRITES = {"os.remove": 0, "os.rename": 1, "os.mkdir": 0, "os.rmdir": 0, "os.symlink": 1, "os.link": 1, "os.truncate": 0}


# Mutations ------------------------------------------------------------------------------------------------------------
#: Values that replace others.
ODD_VALUES = (
    None, True, 0, -1, 2, 1e308, -1e-308, float("nan"), float("inf"), 10**30, 2**31, 10**7, "", "x", "-1", "1e999", "nan",
    "../../x", "/etc/passwd", "\0", "\ud800", "é" * 3000, [], {}, [[]], [1, 2], [[[[]]]], {"": {}}, ["x"] * 50, {"version": 9},
    "phon36", "bilstm",
)  # fmt: skip


def mutated(reader: str, data: bytes, rng: random.Random, byte_wise: Callable[[bytes], bytes]) -> bytes:
    """A mutation of a file: some of its values, cells or words changed, or some of its bytes (`byte_wise`)."""
    if rng.random() < 0.4 or reader in BYTES:
        return byte_wise(data)
    try:
        text = data.decode()
        if reader in TOMLS:
            return _toml_text(_change_value(tomli.loads(text), rng)).encode("utf-8", "surrogatepass")
        if text[:1] in "[{":
            lines = text.splitlines() if reader in LINES else [text]
            row = rng.randrange(len(lines))
            lines[row] = json.dumps(_change_value(json.loads(lines[row]), rng))
            return "\n".join(lines).encode()
    except (ValueError, RecursionError, IndexError, TypeError):
        return byte_wise(data)
    return _change_words(text, rng).encode("utf-8", "surrogatepass")


def _change_value(value, rng: random.Random):
    """The value with some of its parts replaced, duplicated, moved or removed."""
    parts = []

    def walk(container) -> None:
        for key in container if isinstance(container, dict) else range(len(container)):
            parts.append((container, key))
            if isinstance(container[key], dict | list):
                walk(container[key])

    if not isinstance(value, dict | list) or rng.random() < 0.02:
        return rng.choice(ODD_VALUES)
    walk(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4)) if parts else 0):
        owner, key = rng.choice(parts)
        kind = rng.random()
        try:
            if kind < 0.7:
                owner[key] = rng.choice(ODD_VALUES)
            elif kind < 0.8:
                del owner[key]
            elif kind < 0.9:
                source, source_key = rng.choice(parts)
                owner[key] = copy.deepcopy(source[source_key])
            elif isinstance(owner, dict):
                owner[str(rng.choice(ODD_VALUES))] = owner.pop(key)
            else:
                owner.insert(key, copy.deepcopy(owner[key]))
        except (KeyError, IndexError):
            continue  # removed by an earlier change
    return value


def _toml_text(value) -> str:
    return tomlkit.dumps(json.loads(json.dumps(value)))


def _change_words(text: str, rng: random.Random) -> str:
    parts = re.split(r"([\s,\t<>\"=]+)", text)
    for _ in range(rng.choice((1, 1, 2, 5))):
        i = rng.randrange(len(parts))
        parts[i] = rng.choice((str(rng.choice(ODD_VALUES)), rng.choice(parts), "", parts[i] * 2))
    return "".join(parts)


# One reader ----------------------------------------------------------------------------------------------------------
def fuzz(reader: str, corpus: Path, finds: Path, seconds: int) -> None:
    """Fuzzes a reader in this process. Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["asl", "pympi", "pose_format", "tomli", "csv"]):
        from tests import foreign_readers
    from tests.reader_seeds import seeds

    for number, data in enumerate(seeds(reader)):
        (corpus / f"seed{number}").write_bytes(data)
    for file in sorted((HOSTILE / reader).glob("*")):
        (corpus / f"find-{file.name}").write_bytes(file.read_bytes())
    memory = Path("/dev/shm")  # noqa: S108 (thousands of files per second are too many for a disk)
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None, prefix=f"fuzz-{reader}-"))
    for data in seeds(reader):  # loads libraries, and makes what the reader needs besides the file
        if not foreign_readers.accepts(reader, data, folder):
            sys.exit(f"{reader} refuses its own seed")
    watch(folder)

    def test(data: bytes) -> None:
        foreign_readers.accepts(reader, data, folder)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        return mutated(reader, data, random.Random(seed), lambda old: atheris.Mutate(old, max_size))[:max_size]  # noqa: S311

    options = [
        f"-max_total_time={seconds}", f"-timeout={MAX_SECONDS_PER_INPUT}", f"-max_len={MAX_INPUT_BYTES}", "-len_control=20",
        f"-rss_limit_mb={MAX_MEMORY_MB + LIBRARY_MEMORY_MB}", f"-malloc_limit_mb={MAX_MEMORY_MB}",
        f"-artifact_prefix={finds}/", "-print_final_stats=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], test, custom_mutator=mutate, internal_libfuzzer=True)
    atheris.Fuzz()


def watch(folder: Path) -> None:
    """Ends the process, as a find, if a reader does what it never may."""

    def hook(event: str, arguments: tuple) -> None:
        written = None
        if event == "open" and isinstance(arguments[0], str | bytes) and _for_writing(*arguments[1:3]):
            written = arguments[0]
        elif event in WRITES:
            written = arguments[WRITES[event]]
        if event in FORBIDDEN or (written is not None and not _inside(written, folder)):
            raise AssertionError(f"a reader did {event} {arguments!r}")

    sys.addaudithook(hook)


def _for_writing(mode, flags) -> bool:
    return any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & (os.O_WRONLY | os.O_RDWR))


def _inside(path, folder: Path) -> bool:
    if isinstance(path, int):
        return True
    name = os.fsdecode(path)
    return name == os.devnull or Path(os.path.abspath(name)).is_relative_to(folder)


# All readers ---------------------------------------------------------------------------------------------------------
def run(reader: str, seconds: int, work: Path) -> str:
    """Fuzzes a reader in a separate process. Returns a line of figures. After a find, continues for the remaining time."""
    corpus, finds = work / reader / "corpus", work / reader / "finds"
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    inputs, spent, coverage = 0, 0, "none"
    while spent < seconds:
        clock = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "benchmarks.fuzz",
            reader,
            "--seconds",
            str(seconds - spent),
            "--work",
            str(work),
            "--here",
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", env=environment)
        output = done.stdout + done.stderr
        (work / reader / "log.txt").write_text(output)
        executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", output) or re.findall(r"^#(\d+)", output, re.M)
        inputs += int(executed[-1]) if executed else 0
        coverage = (re.findall(r"cov: (\d+) ft: (\d+)", output) or [coverage])[-1]
        spent += max(1, round(time.monotonic() - clock))
        if done.returncode and (errors := re.findall(r"(?:Error|Exception|ALARM|out-of-memory|deadly signal).*", output)):
            print(f"{reader}: {errors[0][:200]}", flush=True)
        if done.returncode == 0 or not executed:
            break
    return f"{reader}: {inputs} inputs in {spent} s, coverage and features {coverage}, {len(list(finds.iterdir()))} finds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", help="all, or one or more of tests/foreign_readers.py, separated by commas")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "asl-fuzz")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        fuzz(args.reader, args.work / args.reader / "corpus", args.work / args.reader / "finds", args.seconds)
    from tests.foreign_readers import READERS  # not at the top: the fuzzer instruments what it imports

    names = list(READERS) if args.reader == "all" else args.reader.split(",")
    if not set(names) <= set(READERS):
        parser.error(f"known readers: {', '.join(READERS)}")
    with ThreadPoolExecutor(args.jobs) as pool:
        for line in pool.map(lambda name: run(name, args.seconds, args.work), names):
            print(line, flush=True)


if __name__ == "__main__":
    main()
