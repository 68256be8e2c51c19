"""Python in the documentation is valid, and names what `asl` has."""

import ast
import importlib

import pytest

from tests.docs.pages import PAGES, fences, name

BLOCKS = [
    pytest.param(code, id=f"{name(page)}-{number}")
    for page in PAGES
    for number, (language, code) in enumerate(fences(page.read_text(encoding="utf-8")))
    if language.split() and language.split()[0] in ("python", "{code-block}python", "py")
]


def missing_names(code: str) -> list[str]:
    """Modules and attributes of `asl` that the code uses and that there are not. Raises SyntaxError if it is no Python."""
    missing = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            missing += [alias.name for alias in node.names if _is_ours(alias.name) and not _has(alias.name)]
        elif isinstance(node, ast.ImportFrom) and _is_ours(node.module or ""):
            missing += [f"{node.module}.{alias.name}" for alias in node.names if not _has(node.module, alias.name)]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "asl":
            missing += [f"asl.{node.attr}"] if not _has("asl", node.attr) else []
    return sorted(missing)


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "asl"


def _has(module: str, attribute: str = "") -> bool:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("asl"):
            raise
        return False
    return not attribute or hasattr(found, attribute) or _has(f"{module}.{attribute}")


@pytest.mark.parametrize("code", BLOCKS)
def test_python_blocks_are_valid(code):
    assert missing_names(code) == []


def test_missing_names_are_seen():
    assert missing_names("import asl\nasl.load()\nasl.nothing\nfrom asl.cli import main, nowhere") == [
        "asl.cli.nowhere",
        "asl.nothing",
    ]
