"""Names that people give to models, graphs, bundles and reports, which become names of files and folders of the workspace."""

from pathlib import Path

from asl.pipelines.workspace.errors import BadInput

MAX_NAME_BYTES = 100


def is_path(text: str) -> bool:
    """Whether text leads to another folder, rather than being the name of something in this one."""
    return text != Path(text).name or text == ".."


def _is_name_everywhere(text: str) -> bool:
    """Whether text is a name, not hidden, on any system: workspaces are copied between them."""
    forbidden = any(character in '/\\:*?"<>|' or not character.isprintable() for character in text)
    fits = len(text.encode(errors="surrogateescape")) <= MAX_NAME_BYTES
    return bool(text) and not forbidden and fits and text[0] not in ".- " and text[-1] not in ". "


def check_name(text: str | None, option: str = "--name") -> str | None:
    """The name, or None if none was given. Raises BadInput if it would be a path, or is no name on some system."""
    if text is not None and not _is_name_everywhere(text):
        raise BadInput(
            f"{option}: {text[:MAX_NAME_BYTES]!r} cannot be used as a name",
            "give a name, not a path: letters, digits, - and _, such as first-try",
        )
    return text
