"""Every example of the README and of docs/: Python is run, commands and options are looked up."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer.main

import asl
from asl.cli.command_list import SUMMARIES, load_command
from asl.cli.main import app
from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.synthetic import performances
from asl.pipelines.workspace.settings.fields import section_fields
from asl.pipelines.workspace.settings.sections import SECTIONS, environment_name
from tests.conftest import ROOT, shared_folder

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
#: A signer and a sign for the clips that examples read.
RECIPE = performances.Recipe("everyday", 0, "HELLO", 0, 900, 0, 25.0, noise=False)
#: Environment variables that are no settings.
VARIABLES = {"ASL_WORKSPACE", "ASL_TEST_DATA"}
#: What only a cluster has; examples with it are not run.
ELSEWHERE = "dask_jobqueue"
#: Options of other programs.
FOREIGN = {"--nworkers", "--nthreads", "--max-restarts", "--nproc-per-node", "--standalone", "--ntasks-per-node", "--help"}


@dataclass(frozen=True)
class Block:
    """A code block of a page. language: "" if it is indented, or names none; line: its first one, from 1."""

    language: str
    line: int
    text: str


def blocks(text: str) -> Iterator[Block]:
    """The fenced and the indented code blocks of a Markdown text."""
    fence, language, lines, first = "", "", [], 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        opening = re.match(r"\s*(`{3,}|~{3,})\s*(\S*)", line)
        if fence:
            if opening and opening[1] == fence:
                yield Block(language, first, "\n".join(lines))
                fence, lines = "", []
            else:
                lines.append(line)
        elif opening:
            fence, language, first, lines = opening[1], opening[2], number + 1, []
        elif line.startswith("    "):
            first = first if lines else number
            lines.append(line[4:])
        elif lines:
            yield Block("", first, "\n".join(lines))
            lines = []


def prose(text: str) -> str:
    """A Markdown text without its fenced blocks."""
    return re.sub(r"^(`{3,})[^`]*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def calls_of_asl(text: str) -> Iterator[list[str]]:
    """The words of every call of `asl` in the code blocks and the inline code of a page."""
    lines = [
        line for block in blocks(text) if block.language not in ("python", "toml", "json") for line in block.text.splitlines()
    ]
    lines += re.findall(r"`([^`\n]+)`", prose(text))
    for line in lines:
        for part in re.split(r"&&|\||;", line):
            part = part.strip().removeprefix("$ ")
            if re.match(r"asl( |$)", part):
                yield shlex.split(part.replace("'", '"') if part.count("'") % 2 else part, comments=True)[1:]


@cache
def commands() -> dict[str, set[str]]:
    """The commands of `asl` and the options of each; "" are those of `asl` itself."""
    return {"": _options(typer.main.get_command(app))} | {name: _options(load_command(name)) for name in SUMMARIES}


def _options(command) -> set[str]:
    given = {
        name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts) if name.startswith("-")
    }
    return given | {"--help", "-h"}


def wrong_words(words: list[str]) -> list[str]:
    """The words of a call of `asl` that name no command or no option of it."""
    name = words[0] if words and not words[0].startswith("-") else ""
    name = "" if name == "…" or name.isupper() else name  # a placeholder
    if name not in commands():
        return [f"asl {name}"]
    given = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [f"asl {name} {option}" for option in given if option not in commands()[name]]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_options_exist(page):
    wrong = [word for words in calls_of_asl(page.read_text(encoding="utf-8")) for word in wrong_words(words)]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_options_and_variables_in_prose_exist(page):
    text = page.read_text(encoding="utf-8")
    scripts = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "benchmarks").glob("*.py"))
    known = set(FOREIGN).union(*commands().values()) | set(re.findall(r'"(--[a-z][a-z0-9-]+)"', scripts))
    options = {option for code in re.findall(r"`(-[^`\n]*)`", prose(text)) for option in re.findall(r"--[a-z][a-z0-9-]*", code)}
    assert not options - known
    settings = {environment_name(section, spec.name) for section, kind in SECTIONS.items() for spec in section_fields(kind)}
    assert not set(re.findall(r"\bASL_[A-Z0-9_]+[A-Z0-9]\b", text)) - settings - VARIABLES


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    files = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "#"))]
    assert not [file for file in files if not (ROOT / file).exists()]


def test_calls_are_found_and_judged():
    text = (
        "`asl evaluate --decoder greedy`\n\n    $ asl init x && cd x\n\n```sh\ncat a | asl translate --stream - # asl no\n```\n"
    )
    assert list(calls_of_asl(text)) == [["init", "x"], ["translate", "--stream", "-"], ["evaluate", "--decoder", "greedy"]]
    assert wrong_words(["translate", "--strem", "-"]) == ["asl translate --strem"]
    assert wrong_words(["transcribe"]) == ["asl transcribe"]
    assert wrong_words(["train-ctc", "--no-mirror-average"]) == ["asl train-ctc --no-mirror-average"]
    assert not wrong_words(["evaluate", "--no-mirror-average", "-w", "x", "--split=test"])


# Python --------------------------------------------------------------------------------------------------------------
def examples(page: Path) -> list[Block]:
    found = blocks(page.read_text(encoding="utf-8"))
    return [block for block in found if block.language == "python" and ELSEWHERE not in block.text]


WITH_EXAMPLES = [page for page in PAGES if examples(page)]


def needs_video(page: Path) -> bool:
    return any(".mp4" in block.text for block in examples(page))


@pytest.fixture
def clips(tmp_path_factory, tmp_path, monkeypatch):
    """Makes clip.pose, and if it is wanted clip.mp4, of a synthetic signer; examples run in their folder."""

    def make_poses(folder: Path) -> None:
        folder.mkdir()
        write_pose(folder / "clip.pose", performances.landmarks(RECIPE))

    def make_videos(folder: Path) -> None:
        folder.mkdir()
        performances.render(RECIPE, folder / "clip.mp4")

    def ready(*, video: bool) -> Path:
        for name, make in (("example-poses", make_poses), ("example-videos", make_videos))[: 1 + video]:
            for file in shared_folder(tmp_path_factory, name, make).iterdir():
                (tmp_path / file.name).write_bytes(file.read_bytes())
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return ready


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if needs_video(page) else []) for page in WITH_EXAMPLES],
    ids=[page.relative_to(ROOT).as_posix() for page in WITH_EXAMPLES],
)
def test_python_examples_run(page, clips):
    """The examples of a page, in order, in one namespace."""
    folder = clips(video=needs_video(page))
    if any("fastapi" in block.text for block in examples(page)):
        pytest.importorskip("fastapi")
    names = {"__name__": page.stem}
    for block in examples(page):
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
    if "app" in names:
        check_service(names["app"], folder)


def check_service(service, folder: Path) -> None:
    from fastapi.testclient import TestClient

    client = TestClient(service)
    with open(folder / "clip.pose", "rb") as file:
        answer = client.post("/translate?isolated=true", files={"clip": file})
    assert answer.status_code == 200
    assert answer.json()["tokens"][0]["gloss"] in asl.load().glosses
    answer = client.post("/translate", files={"clip": ("clip.mp4", b"no video")})
    assert answer.status_code == 422


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=[page.relative_to(ROOT).as_posix() for page in WITH_EXAMPLES])
def test_public_names_in_examples_exist(page):
    """A quick look at the examples that are slow to run."""
    nodes = (node for block in examples(page) for node in ast.walk(ast.parse(block.text)))
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "asl"}
    assert used <= set(asl.__all__)
