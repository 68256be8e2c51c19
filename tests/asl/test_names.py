"""One import name: nothing of the user's is shadowed, and nothing of theirs shadows us."""

import subprocess
import sys
import tomllib
import zipfile

import pytest

import asl
from tests.conftest import ROOT
from tests.made_up_signing import signing
from tests.running_asl import run_asl

ROOMS = ("asl", "asl_cli", "models", "pipelines", "transducers")


def test_packages_are_listed_as_they_lie():
    """The explicit list in pyproject.toml names every folder of code, and no other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    places = settings["package-dir"]

    def folder(package: str) -> str:
        parent = max((name for name in places if package == name or package.startswith(name + ".")), key=len)
        return "/".join([places[parent], *package[len(parent) :].strip(".").split(".")]).rstrip("/")

    assert sorted(map(folder, settings["packages"])) == sorted(folders)


@pytest.mark.parametrize("command", [["-m", "asl"], ["-c", "from asl.cli.main import main; main()"]])
def test_folders_of_somebody_else_do_no_harm(command, tmp_path):
    for name in ("models", "pipelines", "transducers", "asl_cli", "cli"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('the {name} of somebody else')")
    asl.write_pose(tmp_path / "clip.pose", signing(0))
    done = subprocess.run(
        [sys.executable, *command, "translate", "clip.pose", "--isolated"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("clip.pose: ")


@pytest.mark.slow
def test_a_wheel_installs_one_name(tmp_path):
    """The wheel holds `asl` alone, with every module and data file of the checkout."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "source"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in listed:
        target = tmp_path / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(list(map(str, build)), check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].removesuffix(f"-{asl.__version__}.dist-info") for name in names} == {"asl"}
    folders = {"asl_cli": "asl/cli", **{room: f"asl/{room}" for room in ("models", "pipelines", "transducers")}, "asl": "asl"}
    expected = {"/".join([folders[name.split("/")[0]], *name.split("/")[1:]]) for name in listed if name.split("/")[0] in folders}
    assert {name for name in names if name.startswith("asl/")} == expected


def test_python_m_asl_is_asl(tmp_path):
    assert run_asl("--version", cwd=tmp_path, check=0).stdout == f"asl {asl.__version__}\n"
