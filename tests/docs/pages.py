"""The documentation as files, and the generator of its reference."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: README and the pages; what Sphinx built is not looked at.
PAGES = sorted([ROOT / "README.md", *(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)])

_FENCE = re.compile(r"^( *)(`{3,}|~{3,}|:{3,})(.*?)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(text: str) -> list[tuple[str, str]]:
    """Of every fenced block what stands behind its first fence, and its content."""
    return [(match[3].strip(), match[4]) for match in _FENCE.finditer(text)]


def without_code(text: str) -> str:
    """The text without fenced blocks and code spans."""
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", _FENCE.sub("", text))


def generator() -> ModuleType:
    """docs/generate_reference.py as a module."""
    spec = importlib.util.spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
