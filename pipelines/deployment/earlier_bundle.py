"""The bundle that an export is about to replace: nothing may be lost with it that asl did not write."""

from collections.abc import Iterator
from pathlib import Path

from asl.pipelines.recogniser import bundle
from asl.pipelines.recogniser.bundle import is_bundle
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash
from asl.pipelines.workspace.records import read_record

#: Files that only asl writes. One that has changed is damaged, and exporting again mends it.
NETWORKS = (bundle.CARD, bundle.ENCODER, bundle.STREAM, bundle.ARRAYS)


def check_replaceable(folder: Path) -> None:
    """Raises BadInput if a folder exists that is no bundle, or that holds a file which asl did not write or a person edited."""
    if not folder.exists():
        return
    if not is_bundle(folder):
        raise BadInput(f"{folder} exists and is not a bundle", "name a new folder with -o")
    if foreign := sorted(foreign_files(folder)):
        others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise BadInput(
            f"{foreign[0]}{others} would be deleted with the earlier bundle, but asl did not write that, or it was changed since",
            "move it out of the bundle's folder, or name a new folder with -o",
        )


def foreign_files(folder: Path) -> Iterator[Path]:
    """The files in a bundle's folder that its card does not list, and README.md if it is not as asl wrote it."""
    listed = _listed(folder)
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if name == bundle.README:
            if listed.get(name) != file_hash(path):
                yield path
        elif name not in listed and name not in NETWORKS:
            yield path


def _listed(folder: Path) -> dict[str, str]:
    """File → hash, by the bundle's card; {} if the card cannot be read."""
    try:
        card = read_record(folder / bundle.CARD, newest=bundle.FORMAT_VERSION, max_bytes=bundle.MAX_CARD_BYTES, hint="")
    except BadInput:
        return {}
    files = card.get("files")
    return files if isinstance(files, dict) else {}
