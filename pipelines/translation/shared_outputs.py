"""What all clips of a batch are written to: a file or stdout, which grows clip by clip."""

import sys
from pathlib import Path
from typing import TextIO

from asl.pipelines.translation.json_documents import document, failed_clip, indented, one_line, translated_clip
from asl.pipelines.translation.json_schema import ClipOutput, FailedClipOutput
from asl.pipelines.translation.reader import Provenance
from asl.pipelines.translation.writers import Translation, render, write_eaf
from asl.pipelines.workspace.errors import BadClip
from asl.pipelines.workspace.output_files import GrowingOutput


class TextOutput:
    """A text to which each clip adds. started: whether anything has been written.

    file: opened for the first text, so that a batch that fails before leaves an earlier file as it is; None for stdout.
    """

    def __init__(self, format: str, file: Path | None, provenance: Provenance, overwrite: bool = False):
        self.format, self.provenance, self.started = format, provenance, False
        self._file, self._stream, self._is_empty, self._overwrite = file, None, True, overwrite
        self._growing = GrowingOutput(file) if file else None

    def add(self, clip: Path, outcome: Translation | BadClip) -> None:
        """Writes what came of a clip, at once."""
        if isinstance(outcome, BadClip):
            text = self._failure(clip, outcome)
        else:
            text, self._is_empty = self._translation(outcome), False
        if text:
            self._write(text)

    def finish(self) -> None:
        """Writes what is left to write after the last clip: captions of a clip without glosses are an empty file."""
        if self._file and not (self._is_empty or self.started):
            self._write("")

    def close(self) -> None:
        """Closes the file, and records it as written by asl."""
        if self._growing and self._stream:
            self._stream.close()
            self._growing.finish()

    def _translation(self, translation: Translation) -> str:
        return render([translation], self.format)

    def _failure(self, clip: Path, bad: BadClip) -> str:
        return ""

    def _write(self, text: str) -> None:
        if self._growing:
            self._growing.add(text)
        self._stream = self._stream or self._opened()
        self._stream.write(text)
        self._stream.flush()
        self.started = True

    def _opened(self) -> TextIO:
        if self._file is None:
            return sys.stdout
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return open(self._file, "w", encoding="utf-8", newline="\n")


class TableOutput(TextOutput):
    """Tab-separated rows below one header. The header names the phonological tiers, which only a clip with glosses shows."""

    def _translation(self, translation: Translation) -> str:
        header, _, rows = super()._translation(translation).partition("\n")
        return f"{header}\n{rows}" if rows and not self.started else rows

    def finish(self) -> None:
        """Writes the header of a table without rows, but not over an earlier table if no clip could be translated."""
        if not self.started and not (self._file and self._is_empty):
            self._write(render([], self.format))


class JsonLinesOutput(TextOutput):
    """A line for each clip, also for those that failed."""

    def _failure(self, clip: Path, bad: BadClip) -> str:
        return one_line(document(self.provenance, (), [failed_clip(clip, bad)]))


class JsonOutput(TextOutput):
    """One document, written after the last clip."""

    def __init__(self, format: str, file: Path | None, provenance: Provenance, overwrite: bool = False):
        super().__init__(format, file, provenance, overwrite)
        self._clips: list[ClipOutput] = []
        self._failed: list[FailedClipOutput] = []

    def _translation(self, translation: Translation) -> str:
        self._clips.append(translated_clip(translation))
        return ""

    def _failure(self, clip: Path, bad: BadClip) -> str:
        self._failed.append(failed_clip(clip, bad))
        return ""

    def finish(self) -> None:
        self._write(indented(document(self.provenance, self._clips, self._failed)))


class ElanOutput(TextOutput):
    """An ELAN file of one clip, which may hold the tiers of a person."""

    def _translation(self, translation: Translation) -> str:
        if self._file is None:
            return super()._translation(translation)
        write_eaf(self._file, translation, overwrite=self._overwrite)
        self.started = True
        return ""


#: The outputs of the formats that do not simply write one translation after another.
SPECIAL = {"tsv": TableOutput, "jsonl": JsonLinesOutput, "json": JsonOutput, "eaf": ElanOutput}


def shared_output(format: str, file: Path | None, provenance: Provenance, overwrite: bool = False) -> TextOutput:
    """The output of all clips in one format. file: None for stdout. overwrite: as for `write_eaf`."""
    return SPECIAL.get(format, TextOutput)(format, file, provenance, overwrite)
