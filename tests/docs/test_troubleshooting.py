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
    """All texts in the code, … for each value in them, and "… clips have" for a count of clips."""
    files = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    plain = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    filled = {
        "".join(part.value if isinstance(part, ast.Constant) else filled_in(part.value) for part in node.values)
        for node in nodes
        if isinstance(node, ast.JoinedStr)
    }
    return plain | filled


def filled_in(value: ast.expr) -> str:
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "counted"):
        return "…"
    words = [argument.value for argument in value.args[1:]]
    return f"… {words[1] if len(words) > 1 else words[0] + 's'}"


def test_messages_are_quoted_as_they_are():
    messages = quoted()
    assert len(messages) > 40
    assert sorted(set(messages) - texts()) == []
