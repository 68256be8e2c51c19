"""The front door itself: help, version, options, errors."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from asl.cli.command_list import SUMMARIES, load_command

HEAVY = ("torch", "mediapipe", "pynini", "kaldi_decoder", "scipy", "matplotlib", "cv2", "av", "numba")
COMMANDS = {
    "demo": (), "init": (), "status": (), "models": (), "extract": ("sources", "synthetic", "landmarks", "split"),
    "pretrain": ("pretrain", "encoder", "features", "phonology"), "train-ctc": ("train", "encoder", "features", "phonology"),
    "build-fst": ("graph",), "train-stage3": ("stage3",), "evaluate": ("decode",),
    "ablate": ("train", "encoder", "features", "phonology", "decode"),
    "scale": ("train", "encoder", "features", "phonology", "decode"), "export": ("export",),
    "profile": ("decode", "landmarks"), "translate": ("decode", "landmarks"),
}  # fmt: skip


def loaded_after(*calls) -> set[str]:
    """Heavy modules that are loaded after these calls of asl, one after another in one process."""
    code = (
        "import sys\n"
        "from asl.cli.main import main\n"
        f"for words in {calls!r}:\n"
        "    sys.argv = ['asl', *words]\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_and_wrong_paths_load_nothing_heavy(tmp_path, asl):
    asl("init", tmp_path, check=0)
    calls = [("--help",), ("--version",), ("train-ctc", "--help"), ("translate", "/nowhere/clip.mp4")]
    calls += [("extract", "-w", str(tmp_path), "--videos", "/nowhere")]
    assert loaded_after(*calls) == set()


def test_only_commands_that_work_are_registered(asl):
    assert set(SUMMARIES) == set(COMMANDS)
    shown = asl("--help", check=0).stdout
    assert all(name in shown for name in COMMANDS)
    assert "Exit codes" in shown


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_command_begins_its_help_with_its_line_in_the_list(name):
    assert load_command(name).help.split("\n\n")[0] == SUMMARIES[name]


def test_help_of_all_commands_imports_none_of_them():
    code = "import sys; from asl.cli.main import app; app(['--help'], standalone_mode=False); print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = done.stdout.splitlines()[-1].split()[1:]
    assert "asl.cli.main" in loaded
    assert not [name for name in loaded if name.startswith(("asl.cli.commands", "asl.pipelines.workspace.settings"))]


def test_options_are_the_settings_and_their_defaults():
    from asl.cli.options import default_text
    from asl.pipelines.workspace.settings.fields import default_of, option_name
    from asl.pipelines.workspace.settings.sections import SECTIONS

    for name, sections in COMMANDS.items():
        options = {option.name: option for option in load_command(name).params}
        for section in sections:
            for spec in fields(SECTIONS[section]):
                option = options[spec.name]
                assert option_name(spec) in option.opts, spec.name
                assert spec.metadata["help"] in option.help
                assert not option.default, "what was not typed must not count as typed"
                default = default_of(spec)
                assert default in ("", []) or f"default: {default_text(default)}" in option.help


def test_version_and_bare_call(asl):
    assert asl("--version", check=0).stdout.startswith("asl 0.")
    bare = asl()
    assert bare.returncode == 2, "as git and uv, which also fail where no command was given"
    assert bare.stdout.strip() == asl("--help").stdout.strip()
    assert bare.stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("extrct",), 2, "extrct"),
        (("extract", "--no-such-option"), 2, "--no-such-option"),
        (("train-ctc", "--epochs", "many"), 2, "whole number"),
        (("evaluate", "--split", "tset"), 2, "tset"),
        (("translate",), 2, "nothing to translate"),
        (("translate", "nowhere.mp4"), 2, "does not exist"),
        (("status",), 2, "no workspace"),
        (("extract", "-w", "nowhere", "--videos", "x"), 2, "not a workspace"),
    ],
)
def test_errors_are_one_line_with_a_hint(asl, tmp_path, words, code, said):
    done = asl(*words, cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert lines[0].startswith("error: ")
    assert said.lower() in lines[0].lower()
    assert lines[1].startswith("hint: ")
    assert len(lines) == 2


def test_no_colour_codes_where_nobody_sees_them(asl, tmp_path):
    done = asl("status", cwd=tmp_path, env={"NO_COLOR": "1"})
    assert "\x1b" not in done.stderr
    assert "\x1b" not in asl("--help", check=0).stdout


def test_the_shell_completes_commands():
    typed = {"_ASL_COMPLETE": "complete_bash", "COMP_WORDS": "asl ext", "COMP_CWORD": "1"}
    executable = Path(sys.executable).parent / "asl"
    done = subprocess.run([executable], env=os.environ | typed, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["extract"]
