"""The help of every command: two examples that run, the usual options first."""

import shlex

import pytest

from asl.cli.command_list import SUMMARIES, command_function, examples, load_command
from asl.cli.main import root
from asl.cli.options import RARE

#: Two screens of text. The options that most users need fit on them.
LINES = 100
#: Commands that no dry run shortens; their own tests run them.
LONG = ("demo", "profile", "translate")


def shown(asl, *words) -> list[str]:
    return asl(*words, "--help", check=0, env={"COLUMNS": "100"}).stdout.splitlines()


@pytest.mark.parametrize("name", SUMMARIES)
def test_help_begins_with_two_examples(asl, name):
    first, second = examples(command_function(name))
    lines = shown(asl, name)
    position = lines.index(f"     {first}".ljust(100))
    assert lines[position + 1].rstrip() == f"     {second}", "of the same indentation"
    before = " ".join(line.strip() for line in lines[2:position]).strip()
    assert before == SUMMARIES[name]


def test_help_of_asl_itself_has_examples_too(asl):
    lines = [line.strip() for line in shown(asl)]
    assert set(examples(root)) <= set(lines)


@pytest.mark.parametrize("name", SUMMARIES)
def test_examples_are_parsed(name):
    """Every option and value of an example is right, whatever the machine has on its disk."""
    of_asl_itself = [example for example in examples(root) if example.startswith(f"asl {name} ")]
    for example in examples(command_function(name)) + of_asl_itself:
        program, command, *words = shlex.split(example)
        assert (program, command) == ("asl", name)
        load_command(name).make_context(name, words)


@pytest.mark.parametrize("name", [name for name in SUMMARIES if name not in LONG])
def test_examples_run(asl, signed, name, tmp_path):
    """As they stand, in a workspace with the files that they name; the stages that train say only what they would do."""
    options = {option for parameter in load_command(name).params for option in parameter.opts}
    (signed / "clips" / "HELLO").mkdir(parents=True)
    (signed / "clips" / "HELLO" / "clip.mp4").write_bytes(b"a video that nobody opens")
    for file, text in (("sentences.txt", "MAN BOY\n"), ("names.txt", "ANNA\n")):
        (signed / file).write_text(text)
    asl("init", signed / "my-signs", check=0)
    folder = tmp_path if name == "init" else signed
    for example in examples(command_function(name)):
        dry_run = ["--dry-run"] if "--dry-run" in options and "--dry-run" not in example else []
        asl(*shlex.split(example)[1:], *dry_run, cwd=folder, check=0)


@pytest.mark.parametrize("name", SUMMARIES)
def test_rare_options_come_last(asl, name):
    parameters = load_command(name).params
    panels = [parameter.rich_help_panel for parameter in parameters]
    assert panels == sorted(panels, key=lambda panel: panel == RARE)
    lines = shown(asl, name)
    usual = next((number for number, line in enumerate(lines) if RARE in line), len(lines))
    assert usual < LINES


def test_rare_is_said_of_each_setting():
    def panel(command: str, option: str) -> str:
        return next(parameter.rich_help_panel for parameter in load_command(command).params if parameter.name == option)

    assert panel("train-ctc", "epochs") == "Training"
    assert panel("train-ctc", "late_dropout") == RARE
    assert panel("build-fst", "text") == "Cascade"
    assert panel("ablate", "text") == RARE, "what a command itself seldom needs"


def test_a_switch_needs_no_value(asl):
    assert "<bool>" not in "".join(shown(asl, "translate") + shown(asl))


@pytest.mark.parametrize("name", ["demo", "init"])
def test_commands_that_make_a_folder_take_no_workspace(asl, tmp_path, name):
    done = asl(name, "--workspace", tmp_path)
    assert done.returncode == 2
    assert "no option --workspace" in done.stderr
