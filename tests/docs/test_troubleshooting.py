"""The messages that the page quotes are those of the code."""

import ast

from tests.docs.pages import DOCS, ROOT, fences

SOURCES = ("asl_cli", "models", "pipelines", "transducers")


def quoted() -> list[str]:
    """The errors and warnings in the fenced blocks of the page."""
    blocks = fences((DOCS / "troubleshooting.md").read_text(encoding="utf-8"))
    lines = [line for kind, content in blocks if kind == "text" for line in content.splitlines()]
    return [line.partition(": ")[2] for line in lines]


def texts() -> set[str]:
    """All texts in the code, … for each value in them."""
    files = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    plain = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    filled = {
        "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        for node in nodes
        if isinstance(node, ast.JoinedStr)
    }
    return plain | filled


def test_messages_are_quoted_as_they_are():
    messages = quoted()
    assert len(messages) > 40
    assert sorted(set(messages) - texts()) == []
