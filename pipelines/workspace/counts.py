"""Counts in sentences: 1 clip is, 2 clips are."""


def counted(count: int, singular: str, plural: str = "") -> str:
    """A count with the words that follow it. plural: by default the singular with an s."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
