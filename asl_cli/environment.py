"""Environment variables that begin with ASL_ but set nothing, which are probably misspelt."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

from asl.cli.terminal import print_warning
from asl.pipelines.workspace.settings.fields import section_fields
from asl.pipelines.workspace.settings.sections import SECTIONS, environment_name

PREFIX = "ASL_"
#: Variables that are no settings: the workspace, and the recordings of the tests.
OTHERS = ("ASL_WORKSPACE", "ASL_TEST_DATA")
#: Similarity, 0-1, from which on a name is taken for a misspelt one: a typing error, not another word.
SIMILAR = 0.85


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
