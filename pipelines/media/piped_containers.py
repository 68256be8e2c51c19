"""Video containers from a pipe, which cannot be read twice.

An MP4 or QuickTime file is a row of boxes (ISO/IEC 14496-12 §4.2): four bytes of size, four of type, and the content. Most
cameras and editors write the index (`moov`) after the pictures (`mdat`). Such a file can only be read once all of it is there.
"""

import io
import shutil
import tempfile
from typing import BinaryIO

from asl.pipelines.workspace.errors import BadInput

#: Types of the boxes with which such a file begins.
_FIRST_BOXES = (b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip")
#: The pictures have usually begun or the index has been seen after this many bytes.
MAX_START_BYTES = 1 << 20
HEADER_BYTES = 8


def open_container(stream: BinaryIO) -> BinaryIO:
    """The stream from its first byte on, or all of it in a temporary file if its index may be at its end.

    Raises BadInput if the stream is empty.
    """
    start = stream.read(HEADER_BYTES)
    if not start:
        raise BadInput("there is no video on stdin: it is empty", "pipe a video into it: asl translate - < video.mp4")
    if start[4:8] not in _FIRST_BOXES:
        return _Rejoined(start, stream)
    start, index_first = _up_to_index_or_pictures(start, stream)
    return _Rejoined(start, stream) if index_first else _spooled(start, stream)


def _up_to_index_or_pictures(start: bytes, stream: BinaryIO) -> tuple[bytes, bool]:
    """The bytes up to and with the header of the first index or pictures, and whether it is the index."""
    header = start
    while len(start) < MAX_START_BYTES and header[4:8] not in (b"moov", b"mdat"):
        size = int.from_bytes(header[:4], "big")
        content = stream.read(min(max(size - HEADER_BYTES, 0), MAX_START_BYTES))
        header = stream.read(HEADER_BYTES)
        start += content + header
        if len(header) < HEADER_BYTES or size < HEADER_BYTES:
            break
    return start, header[4:8] == b"moov"


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes have been read already. It cannot seek."""

    def __init__(self, start: bytes, rest: BinaryIO):
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._start:
            return self._rest.read(size)
        part, self._start = (self._start, b"") if size < 0 else (self._start[:size], self._start[size:])
        return part


def _spooled(start: bytes, stream: BinaryIO) -> BinaryIO:
    file = tempfile.TemporaryFile(prefix="asl-")  # noqa: SIM115 (deleted as soon as nobody reads it any more)
    file.write(start)
    shutil.copyfileobj(stream, file, 1 << 20)
    file.seek(0)
    return file
