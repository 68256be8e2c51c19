"""Other spellings of glosses: a table of aliases, so that THANKYOU, THANK-YOU and THANKS are one sign."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import value_hash, write_atomically
from asl.transducers.glossing import normalise_gloss

MAX_ALIASES_BYTES = 16 << 20
COLUMNS = ("alias", "gloss")


@dataclass(frozen=True)
class Aliases:
    """Alias → gloss, both in conventional spelling. No gloss is itself an alias."""

    glosses: Mapping[str, str] = field(default_factory=dict)

    def gloss(self, gloss: str) -> str:
        """The gloss that a gloss is an alias of, else the gloss itself."""
        return self.glosses.get(gloss, gloss)

    def all(self, glosses: Iterable[str]) -> tuple[str, ...]:
        """The glosses of a clip without aliases."""
        return tuple(map(self.gloss, glosses))

    def spelled(self, text: str) -> str:
        """The gloss that a label means: in conventional spelling, without aliases."""
        return self.gloss(normalise_gloss(text))

    @property
    def digest(self) -> str:
        """Identifies the table, as an input of a stage."""
        return value_hash(self.glosses)


NO_ALIASES = Aliases()


def read_aliases(file: str) -> Aliases:
    """The aliases of a CSV file with the columns alias and gloss; none if `file` is empty.

    Raises BadInput, with the line, if the file is not such a table, an alias has two glosses, or a gloss is an alias itself.
    """
    if not file:
        return NO_ALIASES
    glosses: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, alias, gloss in _rows(Path(file)):
        if glosses.get(alias, gloss) != gloss:
            raise BadInput(
                f"{file}, line {line}: '{alias}' is an alias of '{gloss}', but of '{glosses[alias]}' in line {lines[alias]}",
                "delete one of the two lines",
            )
        glosses[alias], lines[alias] = gloss, line
    _check_chains(file, glosses, lines)
    return Aliases(glosses)


def keep_aliases(aliases: Aliases, file: Path) -> None:
    """Writes the table with which labels were read, or removes that of an earlier run if there is none."""
    if not aliases.glosses:
        return file.unlink(missing_ok=True)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([COLUMNS, *aliases.glosses.items()])
    write_atomically(file, buffer.getvalue())


def _rows(file: Path) -> Iterator[tuple[int, str, str]]:
    """Line, alias and gloss of each row that says anything."""
    try:
        if file.stat().st_size > MAX_ALIASES_BYTES:
            raise BadInput(
                f"--aliases: {file} is larger than {MAX_ALIASES_BYTES >> 20} MiB", "check that it is a table of aliases"
            )
        with open(file, encoding="utf-8-sig", newline="") as text:
            table = csv.DictReader(text, strict=True)
            if sorted(name.strip() for name in table.fieldnames or []) != sorted(COLUMNS):
                raise BadInput(f"--aliases: {file} has not the columns alias and gloss", "write alias,gloss in its first line")
            for row in table:
                yield from _row(file, table.line_num, {(key or "").strip(): value for key, value in row.items()})
    except OSError as error:
        raise BadInput(
            f"--aliases: cannot read {file}: {error.strerror}", "name a CSV file with the columns alias,gloss"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"--aliases: {file} is not a table in UTF-8: {error}", "export it as CSV in UTF-8") from error


def _row(file: Path, line: int, row: Mapping[str, str | None]) -> Iterator[tuple[int, str, str]]:
    alias, gloss = (normalise_gloss(row.get(column) or "") for column in COLUMNS)
    if not alias or not gloss or "" in row:
        raise BadInput(f"{file}, line {line}: it needs an alias and a gloss", "write for example THANKS,THANK-YOU")
    if alias != gloss:  # thank you,THANK-YOU is the conventional spelling already
        yield line, alias, gloss


def _check_chains(file: str, glosses: Mapping[str, str], lines: Mapping[str, int]) -> None:
    for alias, gloss in glosses.items():
        if gloss not in glosses:
            continue
        end = _end(alias, glosses)
        where = f"{file}, line {lines[alias]}: '{alias}' is an alias of '{gloss}', which is an alias itself (line {lines[gloss]})"
        if end is None:
            raise BadInput(f"{where}, in a circle", "choose one spelling, and make the others aliases of it")
        raise BadInput(where, f"write {alias},{end}")


def _end(alias: str, glosses: Mapping[str, str]) -> str | None:
    """The gloss at the end of a chain of aliases; None if it is a circle."""
    seen = set()
    while alias in glosses:
        if alias in seen:
            return None
        seen.add(alias)
        alias = glosses[alias]
    return alias
