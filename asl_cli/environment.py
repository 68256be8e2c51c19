"""What a command runs in: the packages that are installed, and the environment variables that begin with ASL_."""

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.util import find_spec

from asl.cli.terminal import print_warning
from asl.pipelines.workspace.errors import AslError
from asl.pipelines.workspace.settings.fields import section_fields
from asl.pipelines.workspace.settings.sections import SECTIONS, environment_name

PREFIX = "ASL_"
#: Variables that are no settings: the workspace, and the recordings of the tests.
OTHERS = ("ASL_WORKSPACE", "ASL_TEST_DATA")
#: Similarity, 0-1, from which on a name is taken for a misspelt one: a typing error, not another word.
SIMILAR = 0.85


def check_installed(*packages: str) -> None:
    """Raises AslError for the first package that is not installed: before the work, not after it, where it would be needed."""
    for name in packages:
        if find_spec(name) is None:
            raise missing_package(name)


def missing_package(name: str) -> AslError:
    """The error of a command that needs a package which is not installed."""
    hint = 'pip install "asl[train]"'
    if name == "pynini" and sys.platform != "linux":
        hint = "pip has it for Linux only, conda for macOS, too: conda install -c conda-forge pynini"
    return AslError(f"this command needs {name}, which is not installed", hint)


def warn_of_unknown_variables(environ: Mapping[str, str] = os.environ) -> None:
    """Warns of each variable that asl does not know. In distributed training, only rank 0 does."""
    names = _names()
    known = {*names, *OTHERS}
    if environ.get("LOCAL_RANK", "0") == "0":
        for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in known):
            similar = _similar(name, names)
            suggestion = f"; did you mean {similar}?" if similar else "; asl status --settings lists the settings"
            print_warning(f"the environment variable {name} is unknown and has no effect{suggestion}")


def _names() -> dict[str, str]:
    """Variable → its setting without the section, as in ASL_DECODE_BEAM → BEAM."""
    return {
        environment_name(section, spec.name): spec.name.upper()
        for section, kind in SECTIONS.items()
        for spec in section_fields(kind)
    }


def _similar(name: str, names: Mapping[str, str]) -> str:
    """The variable that was probably meant: misspelt, or named without its section. Empty if there is none or are several."""
    rest = {variable.removeprefix(PREFIX): variable for variable in (*names, *OTHERS)}
    if close := get_close_matches(name.removeprefix(PREFIX), rest, n=1, cutoff=SIMILAR):
        return rest[close[0]]
    setting = get_close_matches(name.removeprefix(PREFIX), set(names.values()), n=1, cutoff=SIMILAR)
    variables = [variable for variable, key in names.items() if [key] == setting]
    return variables[0] if len(variables) == 1 else ""
