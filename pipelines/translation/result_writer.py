"""The results of a batch, written as they come."""

from contextlib import AbstractContextManager
from pathlib import Path

from asl.pipelines.translation.json_documents import document, failed_clip, indented, one_line
from asl.pipelines.translation.outputs import Outputs
from asl.pipelines.translation.reader import Provenance
from asl.pipelines.translation.shared_outputs import shared_output
from asl.pipelines.translation.writers import Translation, write_overlay, write_translation
from asl.pipelines.workspace.errors import BadClip
from asl.pipelines.workspace.files import write_atomically
from asl.pipelines.workspace.output_files import record_output
from asl.pipelines.workspace.progress import Progress

#: Formats in which a clip that failed appears, and how its document is written.
_FAILURES = {"json": indented, "jsonl": one_line}


class ResultWriter(AbstractContextManager):
    """Writes each translation when it is there: to its own files, or to what all clips share. files: those written so far.

    What is finished stays if the batch is interrupted; only a JSON document of several clips is not written then.
    overwrite: also replace tiers of asl in an ELAN file that a person has changed.
    """

    def __init__(self, outputs: Outputs, provenance: Provenance, progress: Progress, *, overwrite: bool = False):
        self.files: list[Path] = []
        self._outputs, self._provenance, self._progress = outputs, provenance, progress
        self._overwrite, self._elan_files = overwrite, outputs.elan_files()
        self._shared = None if outputs.folder else shared_output(outputs.formats[0], outputs.file, provenance, overwrite)

    def add(self, clip: Path, outcome: Translation | BadClip) -> None:
        """Writes what came of a clip. Raises OSError if a file cannot be written."""
        if isinstance(outcome, BadClip):
            self._write_failure(clip, outcome)
        else:
            self._write_files(clip, outcome)
        if self._shared:
            self._shared.add(clip, outcome)

    def _write_files(self, clip: Path, translation: Translation) -> None:
        for format, file in self._outputs.of_clip(clip).items():
            write_translation(file, translation, format, overwrite=self._overwrite)
            self._wrote(file)
        if overlay := self._outputs.overlay_of(clip):
            for note in write_overlay(overlay, translation):
                self._progress.warn(f"{overlay}: {note}")
            self._wrote(overlay)

    def _write_failure(self, clip: Path, bad: BadClip) -> None:
        for format, file in self._outputs.of_clip(clip).items():
            if format in _FAILURES:
                write_atomically(file, _FAILURES[format](document(self._provenance, (), [failed_clip(clip, bad)])))
                self._wrote(file)

    def _wrote(self, file: Path) -> None:
        # An ELAN file may hold a person's tiers: it is never asl's own, which another format could then replace.
        if file not in self._elan_files:
            record_output(file)
        self.files.append(file)

    def __exit__(self, kind, *_) -> None:
        if self._shared is None:
            return
        try:
            if kind is None:
                self._shared.finish()
        finally:
            self._shared.close()
            if self._outputs.file and self._shared.started:
                self.files.append(self._outputs.file)
