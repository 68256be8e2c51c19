"""A report at a path that the user names, with a JSON file of its figures beside it."""

from collections.abc import Iterable
from pathlib import Path

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.output_files import check_outputs, record_output


def check_report(page: Path, inputs: Iterable[Path], *, overwrite: bool = False) -> None:
    """Raises BadInput if the page or its JSON file may not be written (check_outputs), or both would be one file."""
    if page.suffix == ".json":
        raise BadInput(f"the report {page} would be replaced by the JSON file beside it", f"name it {page.stem}.html")
    check_outputs(_files(page), inputs, overwrite=overwrite)


def record_report(page: Path) -> None:
    """Records a report that was written, so that the same command may write it again."""
    for file in _files(page):
        record_output(file)


def _files(page: Path) -> list[Path]:
    return [page, page.with_suffix(".json")]
