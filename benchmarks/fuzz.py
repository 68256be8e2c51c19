"""Coverage-guided fuzzing of every reader of files from outside (needs `pip install atheris`, Linux, Python 3.11).

    python benchmarks/fuzz.py all --seconds 600 [--jobs 1] [--work DIR]
    python benchmarks/fuzz.py pose --seconds 600

A find is whatever is no answer: an exception that is neither AslError nor BadClip, a crash, more than 2 s or 1 GB for one input,
a file written outside of the reader's folder, a program started, a connection made, an object unpickled. Inputs begin from the
small whole files of tests/seeds.py and the finds of before (tests/hostile). Prints for each reader the inputs tried, and the
branches and values seen (libFuzzer's coverage and features), and keeps what it found in DIR/READER/finds.
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

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

#: How the readers' files are made up, for the mutations.
BYTES, TOMLS, LINES = ("pose", "npz", "tensors"), ("workspace", "layout"), ("manifest", "clips")
SECONDS_AN_INPUT, MOST_MEMORY_MB, LONGEST_INPUT = 2, 1024, 20_000
#: Torch and MediaPipe's neighbours take room before anything is read.
MEMORY_OF_LIBRARIES_MB = 700
FORBIDDEN = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "pickle.find_class",
    "ctypes.dlopen",
)  # fmt: skip
WRITES = {"os.remove": 0, "os.rename": 1, "os.mkdir": 0, "os.rmdir": 0, "os.symlink": 1, "os.link": 1, "os.truncate": 0}


# Mutations ------------------------------------------------------------------------------------------------------------
#: What stands in the place of a value.
ODD = (
    None, True, 0, -1, 2, 1e308, -1e-308, float("nan"), float("inf"), 10**30, 2**31, 10**7, "", "x", "-1", "1e999", "nan",
    "../../x", "/etc/passwd", "\0", "\ud800", "é" * 3000, [], {}, [[]], [1, 2], [[[[]]]], {"": {}}, ["x"] * 50, {"version": 9},
    "phon36", "bilstm",
)  # fmt: skip


def mutated(reader: str, data: bytes, rng: random.Random, byte_wise: Callable[[bytes], bytes]) -> bytes:
    """A text with one of its values, cells or words changed, as often as one with other bytes."""
    if rng.random() < 0.4 or reader in BYTES:
        return byte_wise(data)
    try:
        text = data.decode()
        if reader in TOMLS:
            return _toml_text(_changed(tomli.loads(text), rng)).encode("utf-8", "surrogatepass")
        if text[:1] in "[{":
            lines = text.splitlines() if reader in LINES else [text]
            at = rng.randrange(len(lines))
            lines[at] = json.dumps(_changed(json.loads(lines[at]), rng))
            return "\n".join(lines).encode()
    except (ValueError, RecursionError, IndexError, TypeError):
        return byte_wise(data)
    return _other_words(text, rng).encode("utf-8", "surrogatepass")


def _changed(value, rng: random.Random):
    """The value with one thing in it replaced, doubled, moved or left out."""
    places = []

    def walk(one) -> None:
        for key in one if isinstance(one, dict) else range(len(one)):
            places.append((one, key))
            if isinstance(one[key], dict | list):
                walk(one[key])

    if not isinstance(value, dict | list) or rng.random() < 0.02:
        return rng.choice(ODD)
    walk(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4)) if places else 0):
        owner, key = rng.choice(places)
        kind = rng.random()
        try:
            if kind < 0.7:
                owner[key] = rng.choice(ODD)
            elif kind < 0.8:
                del owner[key]
            elif kind < 0.9:
                other, name = rng.choice(places)
                owner[key] = copy.deepcopy(other[name])
            elif isinstance(owner, dict):
                owner[str(rng.choice(ODD))] = owner.pop(key)
            else:
                owner.insert(key, copy.deepcopy(owner[key]))
        except (KeyError, IndexError):
            continue  # gone with what was changed before
    return value


def _toml_text(value) -> str:
    return tomlkit.dumps(json.loads(json.dumps(value)))


def _other_words(text: str, rng: random.Random) -> str:
    parts = re.split(r"([\s,\t<>\"=]+)", text)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(parts))
        parts[at] = rng.choice((str(rng.choice(ODD)), rng.choice(parts), "", parts[at] * 2))
    return "".join(parts)


# One reader ----------------------------------------------------------------------------------------------------------
def fuzz(reader: str, corpus: Path, finds: Path, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["pipelines", "models", "transducers", "pympi", "pose_format", "tomli", "csv"]):
        import readers
    from tests.reader_seeds import seeds

    for number, data in enumerate(seeds(reader)):
        (corpus / f"seed{number}").write_bytes(data)
    for file in sorted((TESTS / "hostile" / reader).glob("*")):
        (corpus / f"find-{file.name}").write_bytes(file.read_bytes())
    memory = Path("/dev/shm")  # noqa: S108 (thousands of files a second are no work for a disk)
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None, prefix=f"fuzz-{reader}-"))
    for data in seeds(reader):  # libraries are loaded, and what the reader wants beside the file is made
        if not readers.answered(reader, data, folder):
            sys.exit(f"{reader} refuses its own seed")
    watch(folder)

    def one(data: bytes) -> None:
        readers.answered(reader, data, folder)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        return mutated(reader, data, random.Random(seed), lambda old: atheris.Mutate(old, longest))[:longest]  # noqa: S311

    options = [
        f"-max_total_time={seconds}", f"-timeout={SECONDS_AN_INPUT}", f"-max_len={LONGEST_INPUT}", "-len_control=20",
        f"-rss_limit_mb={MOST_MEMORY_MB + MEMORY_OF_LIBRARIES_MB}", f"-malloc_limit_mb={MOST_MEMORY_MB}",
        f"-artifact_prefix={finds}/", "-print_final_stats=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutate, internal_libfuzzer=True)
    atheris.Fuzz()


def watch(folder: Path) -> None:
    """Ends the process, as a find, at whatever a reader must never do."""

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


# All of them ---------------------------------------------------------------------------------------------------------
def run(reader: str, seconds: int, work: Path) -> str:
    """Fuzzes a reader in a process of its own; a line of figures. After a find it goes on with the time that is left."""
    corpus, finds = work / reader / "corpus", work / reader / "finds"
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    inputs, spent, coverage = 0, 0, "none"
    while spent < seconds:
        clock = time.monotonic()
        command = [sys.executable, __file__, reader, "--seconds", str(seconds - spent), "--work", str(work), "--here"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
        said = done.stdout + done.stderr
        (work / reader / "log.txt").write_text(said)
        executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said) or re.findall(r"^#(\d+)", said, re.M)
        inputs += int(executed[-1]) if executed else 0
        coverage = (re.findall(r"cov: (\d+) ft: (\d+)", said) or [coverage])[-1]
        spent += max(1, round(time.monotonic() - clock))
        if done.returncode and (found := re.findall(r"(?:Error|Exception|ALARM|out-of-memory|deadly signal).*", said)):
            print(f"{reader}: {found[0][:200]}", flush=True)
        if done.returncode == 0 or not executed:
            break
    return f"{reader}: {inputs} inputs in {spent} s, coverage and features {coverage}, {len(list(finds.iterdir()))} finds"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", help="all, several with commas between, or one, of tests/readers.py")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "asl-fuzz")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.here:
        fuzz(chosen.reader, chosen.work / chosen.reader / "corpus", chosen.work / chosen.reader / "finds", chosen.seconds)
    from tests.foreign_readers import READERS  # not before: what the fuzzer imports it watches

    names = list(READERS) if chosen.reader == "all" else chosen.reader.split(",")
    if not set(names) <= set(READERS):
        parser.error(f"known readers: {', '.join(READERS)}")
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for line in pool.map(lambda name: run(name, chosen.seconds, chosen.work), names):
            print(line, flush=True)


if __name__ == "__main__":
    main()
