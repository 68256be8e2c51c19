import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

from tests.running_asl import run_asl

ROOT = Path(__file__).parents[1]

# The user's cache is not touched; the processes of a test run have one each.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="asl-test-cache-")
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

# Test processes run in parallel, so further threads would only compete.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# On a busy machine, examples may be slow.
hypothesis.settings.register_profile("asl", deadline=None)
hypothesis.settings.load_profile("asl")

DATA = Path(os.environ.get("ASL_TEST_DATA", ROOT.parent / "shared" / "data"))


def shared_folder(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that all processes of a test run share. The first one that needs it makes it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            unfinished = folder.with_suffix(".unfinished")
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture
def asl():
    return run_asl


@pytest.fixture
def real_data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"no real recordings at {DATA}; set ASL_TEST_DATA to their folder")
    return DATA


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A workspace with synthetic clips and a trained model, for tests that only read it."""
    from tests.made_up_signing import write_corpus

    def make(folder: Path) -> None:
        run_asl("init", folder, check=0)
        poses = write_corpus(folder.with_name("trained-poses"))
        run_asl("extract", "-w", folder, "--poses", poses, "--test-groups", "signer2", check=0)
        run_asl("train-ctc", "-w", folder, "--epochs", "25", "--threads", "1", check=0)

    folder = tmp_path_factory.mktemp("trained") / "ws"
    return Path(shutil.copytree(shared_folder(tmp_path_factory, "trained-workspace", make), folder))


@pytest.fixture
def signed(tmp_path_factory, tmp_path) -> Path:
    """A copy of a workspace with synthetic sentences, a small model and a cascade."""

    def make(folder: Path) -> None:
        run_asl("init", folder, check=0)
        words = ("--synthetic", "--signs", "24", "--clips", "4", "--sentences", "100", "--signers", "8")
        run_asl("extract", "-w", folder, *words, "--split-by", "group", check=0)
        run_asl("train-ctc", "-w", folder, "--epochs", "12", "--threads", "1", check=0)
        run_asl("build-fst", "-w", folder, check=0)

    return Path(shutil.copytree(shared_folder(tmp_path_factory, "cascade-workspace", make), tmp_path / "signed"))
