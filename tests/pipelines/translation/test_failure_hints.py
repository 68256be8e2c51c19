"""What to do about a clip that cannot be translated."""

import re
from pathlib import Path

import pytest

from asl.pipelines.translation.failure_hints import failure_hint

REASONS = Path(__file__).parents[3] / "docs" / "reference" / "exit-codes.md"
#: Reasons that a clip of `asl extract` only can have, and the one that stands for a fault of asl.
OTHERS = {"bad-annotation", "bad-recipe", "empty-range", "missing", "failed"}


@pytest.mark.parametrize("reason", sorted(set(re.findall(r"^\| `([a-z-]+)`", REASONS.read_text(), re.MULTILINE)) - OTHERS))
def test_every_reason_has_its_hint(reason):
    assert failure_hint(reason) != failure_hint("failed")
