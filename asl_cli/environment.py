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


def warn_of_unknown_variables(environ: Mapping[str, str] = os.environ) -> None:
    """Warns of each variable that asl does not know. In distributed training, only rank 0 does."""
    known = {environment_name(section, spec.name) for section, kind in SECTIONS.items() for spec in section_fields(kind)}
    known.update(OTHERS)
    if environ.get("LOCAL_RANK", "0") == "0":
        for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in known):
            similar = get_close_matches(name, known, n=1, cutoff=0.7)
            suggestion = f"; did you mean {similar[0]}?" if similar else "; asl status --settings lists the settings"
            print_warning(f"the environment variable {name} is unknown and has no effect{suggestion}")
