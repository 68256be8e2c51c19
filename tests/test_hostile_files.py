"""Files that were made to break the readers: what the fuzzer found, bit flips, and archives that reach out of their folder."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.foreign_readers import READERS, answered
from tests.reader_seeds import seeds

FOUND = Path(__file__).parent / "hostile"


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_takes_its_own_seeds(reader, tmp_path):
    assert all(answered(reader, data, tmp_path) for data in seeds(reader))


@pytest.mark.parametrize("file", sorted(FOUND.glob("*/*")), ids=lambda file: f"{file.parent.name}-{file.name[:20]}")
def test_what_was_found_once_is_answered(file, tmp_path):
    answered(file.parent.name, file.read_bytes(), tmp_path)


@settings(deadline=None, max_examples=300)
@given(reader=st.sampled_from(sorted(READERS)), data=st.data())
def test_cut_flipped_and_doubled_files_are_answered(reader, data, tmp_path_factory):
    whole = data.draw(st.sampled_from(seeds_of(reader)))
    at, mask = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    flipped = whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]
    made = data.draw(st.sampled_from([flipped, whole[:at], whole[:at] + whole, flipped * 2]))
    answered(reader, made, tmp_path_factory.mktemp("reader"))


_known: dict[str, list[bytes]] = {}


def seeds_of(reader: str) -> list[bytes]:
    if reader not in _known:
        _known[reader] = seeds(reader)
    return _known[reader]


class Touch:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickles_are_refused_and_never_loaded(tmp_path):
    mark, evil = tmp_path / "owned", Touch(tmp_path / "owned")
    np.savez(tmp_path / "a.npz", landmarks=np.ones((1, 3, 170), np.float32), gloss=np.array([evil], dtype=object))
    data = (tmp_path / "a.npz").read_bytes()
    assert not answered("npz", data, tmp_path)
    for reader in READERS:
        folder = tmp_path / reader
        folder.mkdir()
        answered(reader, pickle.dumps(evil), folder)
    assert not mark.exists()


def test_an_archive_cannot_write_outside(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    with zipfile.ZipFile(inner / "a.npz", "w") as archive:
        archive.writestr("../../landmarks.npy", b"x")
        archive.writestr("/etc/passwd", b"x")
    assert not answered("npz", (inner / "a.npz").read_bytes(), inner)
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
